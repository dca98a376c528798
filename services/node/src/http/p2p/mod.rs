//! What peers ask and tell: `/p2p/v1/...`.

mod addresses;
mod announce;
mod blocks;
mod budget;
mod compact;
mod handshake;
mod headers;
mod parts;
mod push;
mod seat;
mod stream;
mod transactions;

use synod_api::p2p::{MAX_BINARY_BYTES, MAX_JSON_BYTES};
use synod_service::body_limit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let asks = OpenApiRouter::new()
        .routes(routes!(handshake::shake_hands))
        .routes(routes!(headers::send_headers))
        .routes(routes!(blocks::send_blocks))
        .routes(routes!(parts::send_block_transactions))
        .routes(routes!(transactions::send_transactions))
        .routes(routes!(addresses::swap_addresses))
        .routes(routes!(announce::hear_announcement))
        .layer(body_limit(MAX_JSON_BYTES));
    let posts = OpenApiRouter::new()
        .routes(routes!(compact::hear_compact_block))
        .routes(routes!(compact::fill_compact_block))
        .routes(routes!(compact::hear_whole_block))
        .routes(routes!(push::hear_headers))
        .routes(routes!(push::hear_blocks))
        .routes(routes!(push::hear_transactions))
        .layer(body_limit(MAX_BINARY_BYTES));
    asks.merge(posts)
}

/// Routes whose answers last.
pub(crate) fn stream_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stream::stream_announcements))
}
