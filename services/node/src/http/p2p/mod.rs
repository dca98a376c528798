//! What peers ask: `/p2p/v1/...`.

mod announce;
mod blocks;
mod handshake;
mod headers;
mod transactions;

use synod_api::p2p::MAX_JSON_BYTES;
use synod_service::body_limit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(handshake::shake_hands))
        .routes(routes!(headers::send_headers))
        .routes(routes!(blocks::send_blocks))
        .routes(routes!(transactions::send_transactions))
        .routes(routes!(announce::hear_announcements))
        .layer(body_limit(MAX_JSON_BYTES))
}
