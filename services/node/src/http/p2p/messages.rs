//! `POST /p2p/v1/messages`.

use axum::extract::State;
use synod_api::Problem;
use synod_api::p2p::MessagesTaken;
use synod_gossip::{MAX_MESSAGES, wire};
use synod_service::{ApiError, Json};

use super::seat::{Octets, Seat};
use crate::state::AppState;

/// Hears messages of agreement.
#[utoipa::path(
    post, path = "/p2p/v1/messages", tag = "p2p", operation_id = "hearMessages",
    summary = "Post messages of agreement",
    description = "Votes and evidence, at most 64, each after its length in 4 bytes little-endian. The \
                   first byte of each says what it is: 1, a message of the engine; 2, evidence.",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "How many were read", body = MessagesTaken),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_messages(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Octets(body): Octets,
) -> Result<Json<MessagesTaken>, ApiError> {
    state.peers.count(peer, body.len(), 0);
    let messages = wire::read_frames(body, MAX_MESSAGES)
        .map_err(|error| ApiError::bad_request(format!("{error}.")))?;
    let taken = state.peers.hear_messages(peer, messages).await;
    Ok(Json(MessagesTaken {
        taken: u32::try_from(taken).unwrap_or(u32::MAX),
    }))
}
