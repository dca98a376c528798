//! What peers ask and tell: `/p2p/v1/...`.

mod addresses;
mod announce;
mod blocks;
mod budget;
mod compact;
mod guard;
mod handshake;
mod headers;
mod member;
mod messages;
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

/// Routes that answer soon; with a state, only to members where there are any.
pub(crate) fn routes(state: Option<&AppState>) -> OpenApiRouter<AppState> {
    let asks = OpenApiRouter::new()
        .routes(routes!(handshake::shake_hands))
        .routes(routes!(headers::send_headers))
        .routes(routes!(blocks::send_blocks))
        .routes(routes!(parts::send_block_transactions))
        .routes(routes!(transactions::send_transactions))
        .routes(routes!(addresses::swap_addresses))
        .routes(routes!(announce::hear_announcement));
    let asks = guard::protect(asks, state).layer(body_limit(MAX_JSON_BYTES));
    let posts = OpenApiRouter::new()
        .routes(routes!(compact::hear_compact_block))
        .routes(routes!(compact::fill_compact_block))
        .routes(routes!(compact::hear_whole_block))
        .routes(routes!(messages::hear_messages))
        .routes(routes!(push::hear_headers))
        .routes(routes!(push::hear_blocks))
        .routes(routes!(push::hear_transactions));
    let posts = guard::protect(posts, state).layer(body_limit(MAX_BINARY_BYTES));
    let open = OpenApiRouter::new().routes(routes!(member::say_hello));
    asks.merge(posts).merge(open)
}

/// Routes whose answers last.
pub(crate) fn stream_routes(state: Option<&AppState>) -> OpenApiRouter<AppState> {
    let streams = OpenApiRouter::new().routes(routes!(stream::stream_announcements));
    guard::protect(streams, state)
}
