//! `POST /p2p/v1/push/...`: what a peer sends that was asked to, or that cannot be asked.

use axum::extract::State;
use synod_api::p2p::{MAX_REQUESTED_BLOCKS, MAX_REQUESTED_TRANSACTIONS, Posted, Wanted};
use synod_api::{HashHex, Problem};
use synod_gossip::wire::{self, WireError};
use synod_service::{ApiError, Json};

use super::announce::hex;
use super::seat::{Octets, Seat};
use crate::state::AppState;

/// Takes in headers of a peer's chain.
#[utoipa::path(
    post, path = "/p2p/v1/push/headers", tag = "p2p", operation_id = "hearHeaders",
    summary = "Post headers",
    description = "Headers of the sender's chain, lowest first, as `/p2p/v1/headers` sends them, at most \
                   2000, and no further one after a mebibyte; fewer say that there are no more. The answer says which to post next, and \
                   which blocks.",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "What to post next", body = Posted),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_headers(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Octets(body): Octets,
) -> Result<Json<Posted>, ApiError> {
    state.peers.count(peer, body.len(), 0);
    let page = wire::read_headers(body).map_err(|error| refused(&error))?;
    let posted = state.peers.hear_headers(peer, page.headers, page.has_more);
    let posted = posted.await;
    Ok(Json(body_of(&posted)))
}

/// Takes in blocks that a peer was asked to post.
#[utoipa::path(
    post, path = "/p2p/v1/push/blocks", tag = "p2p", operation_id = "hearBlocks",
    summary = "Post blocks",
    description = "Blocks that an answer asked for, each after its length in 4 bytes little-endian; none to \
                   ask what to post.",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "What to post next", body = Posted),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_blocks(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Octets(body): Octets,
) -> Result<Json<Posted>, ApiError> {
    state.peers.count(peer, body.len(), 0);
    let raws = wire::read_frames(body, MAX_REQUESTED_BLOCKS).map_err(|error| refused(&error))?;
    Ok(Json(body_of(&state.peers.hear_blocks(peer, raws).await)))
}

/// Takes in transactions that a peer was asked to post.
#[utoipa::path(
    post, path = "/p2p/v1/push/transactions", tag = "p2p", operation_id = "hearTransactions",
    summary = "Post transactions",
    description = "Transactions that an answer asked for, each after its length in 4 bytes little-endian.",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "Those to announce again, and parents to post", body = Wanted),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_transactions(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Octets(body): Octets,
) -> Result<Json<Wanted>, ApiError> {
    state.peers.count(peer, body.len(), 0);
    let raws =
        wire::read_frames(body, MAX_REQUESTED_TRANSACTIONS).map_err(|error| refused(&error))?;
    let heard = state.peers.hear_transactions(peer, raws).await;
    let parents = heard.parents.iter();
    Ok(Json(Wanted {
        send: Vec::new(),
        retry: hex(&heard.again),
        parents: parents
            .map(|it| HashHex::from_internal(it.to_bytes()))
            .collect(),
    }))
}

fn refused(error: &WireError) -> ApiError {
    ApiError::bad_request(format!("{error}."))
}

fn body_of(posted: &synod_gossip::Posted) -> Posted {
    let hash = |it: &synod_primitives::BlockHash| HashHex::from_internal(it.to_bytes());
    Posted {
        next: posted.next.as_ref().map(hash),
        send: posted.send.iter().map(hash).collect(),
        wait_ms: posted.wait_ms,
    }
}
