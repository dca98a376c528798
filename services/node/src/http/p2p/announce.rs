//! `POST /p2p/v1/announce`.

use axum::extract::State;
use synod_api::p2p::{Announcement, MAX_ANNOUNCED_TRANSACTIONS, Wanted};
use synod_api::{HashHex, Problem};
use synod_primitives::Wtxid;
use synod_service::{ApiError, Json};

use super::seat::Seat;
use crate::state::AppState;

/// Hears of transactions and says which are wanted.
#[utoipa::path(
    post, path = "/p2p/v1/announce", tag = "p2p", operation_id = "hearAnnouncement",
    summary = "Announce transactions",
    description = "Tells this node of transactions. It answers which of them the sender is to post, \
                   and which it is to announce again since they are asked of another peer.",
    request_body = Announcement,
    responses(
        (status = 200, description = "What is wanted", body = Wanted),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_announcement(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Json(news): Json<Announcement>,
) -> Result<Json<Wanted>, ApiError> {
    if news.transactions.len() > MAX_ANNOUNCED_TRANSACTIONS {
        return Err(ApiError::bad_request("Too much is announced at once."));
    }
    let wtxids: Vec<Wtxid> = news
        .transactions
        .iter()
        .map(|it| Wtxid::from_bytes(it.to_internal()))
        .collect();
    state.peers.count(peer, 32 * wtxids.len(), 0);
    let wanted = state.peers.hear_inventory(peer, &wtxids);
    Ok(Json(Wanted {
        send: hex(&wanted.send),
        retry: hex(&wanted.retry),
        parents: Vec::new(),
    }))
}

pub(super) fn hex(wtxids: &[Wtxid]) -> Vec<HashHex> {
    wtxids
        .iter()
        .map(|it| HashHex::from_internal(it.to_bytes()))
        .collect()
}
