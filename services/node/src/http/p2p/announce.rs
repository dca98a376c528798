//! `POST /p2p/v1/announce`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::Problem;
use synod_api::p2p::{Announcements, MAX_ANNOUNCED_BLOCKS, MAX_ANNOUNCED_TRANSACTIONS};
use synod_primitives::{BlockHash, Wtxid};
use synod_service::{ApiError, Json};

use crate::state::AppState;

/// Notes what a peer has; it is fetched from the peer's own URL when it is wanted.
#[utoipa::path(
    post, path = "/p2p/v1/announce", tag = "p2p", operation_id = "hearAnnouncements",
    summary = "Announce blocks and transactions",
    description = "Tells this node of blocks and transactions. What it lacks it fetches from the \
                   peer; a peer without a URL cannot be asked, so its announcements are ignored.",
    request_body = Announcements,
    responses(
        (status = 202, description = "Noted"),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_announcements(
    State(state): State<AppState>,
    Json(news): Json<Announcements>,
) -> Result<StatusCode, ApiError> {
    if news.blocks.len() > MAX_ANNOUNCED_BLOCKS
        || news.transactions.len() > MAX_ANNOUNCED_TRANSACTIONS
    {
        return Err(ApiError::bad_request("Too much is announced at once."));
    }
    let blocks: Vec<BlockHash> = news
        .blocks
        .iter()
        .map(|it| BlockHash::from_bytes(it.hash.to_internal()))
        .collect();
    let transactions = news
        .transactions
        .iter()
        .map(|it| Wtxid::from_bytes(it.to_internal()))
        .collect();
    if state.peers.heard(news.node_id, &blocks, transactions) {
        return Ok(StatusCode::ACCEPTED);
    }
    let detail = "Shake hands first, and say where you listen.";
    Err(ApiError::new(StatusCode::NOT_FOUND, "unknown-peer", detail))
}
