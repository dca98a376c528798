//! `POST /p2p/v1/compact` and what follows it.

use axum::extract::State;
use synod_api::p2p::{CompactAnswer, CompactStatus};
use synod_api::{HashHex, Problem};
use synod_gossip::{Heard, MAX_BLOCK_TRANSACTIONS, wire};
use synod_primitives::{BlockHash, Header};
use synod_service::{ApiError, Json, Path};

use super::seat::{Octets, Seat, misbehaved};
use crate::error;
use crate::state::AppState;

/// Hears of a block by its short ids.
#[utoipa::path(
    post, path = "/p2p/v1/compact", tag = "p2p", operation_id = "hearCompactBlock",
    summary = "Post a compact block",
    description = "A block as its header, the engine's proof, its coinbase and the set of short ids of its \
                   other transactions. Where the mempool has them all, the block is taken in at once; \
                   else the answer names what is missing.",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "What became of it", body = CompactAnswer),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No honest peer sends this", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_compact_block(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Octets(body): Octets,
) -> Result<Json<CompactAnswer>, ApiError> {
    state.peers.count(peer, body.len(), 0);
    answer(state.peers.hear_compact(peer, body).await)
}

/// Takes in the transactions that a compact block lacked.
#[utoipa::path(
    post, path = "/p2p/v1/compact/{hash}/fill", tag = "p2p", operation_id = "fillCompactBlock",
    summary = "Post what a compact block lacked",
    description = "The missing transactions in the order of their ranks, each after its length in 4 \
                   bytes little-endian.",
    params(("hash" = HashHex, Path, description = "The block")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "What became of the block", body = CompactAnswer),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No honest peer sends this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn fill_compact_block(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Path(hash): Path<HashHex>,
    Octets(body): Octets,
) -> Result<Json<CompactAnswer>, ApiError> {
    state.peers.count(peer, body.len(), 0);
    let raws = wire::read_frames(body, MAX_BLOCK_TRANSACTIONS)
        .map_err(|error| ApiError::bad_request(format!("{error}.")))?;
    let hash = BlockHash::from_bytes(hash.to_internal());
    answer(state.peers.hear_missing(peer, hash, raws).await)
}

/// Takes in a whole block that was asked for.
#[utoipa::path(
    post, path = "/p2p/v1/compact/{hash}/whole", tag = "p2p", operation_id = "hearWholeBlock",
    summary = "Post a whole block",
    description = "The bytes of a block of which the short ids did not suffice.",
    params(("hash" = HashHex, Path, description = "The block")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "What became of the block", body = CompactAnswer),
        (status = 400, description = "The body is another block", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No honest peer sends this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hear_whole_block(
    State(state): State<AppState>,
    Seat(peer): Seat,
    Path(hash): Path<HashHex>,
    Octets(body): Octets,
) -> Result<Json<CompactAnswer>, ApiError> {
    state.peers.count(peer, body.len(), 0);
    let header = body.first_chunk::<{ Header::SIZE }>().map(Header::decode);
    let found = header.map(|it| it.block_hash().to_bytes());
    if found != Some(hash.to_internal()) {
        return Err(ApiError::bad_request("The body is another block."));
    }
    // Security: a whole block is looked at only where its header is known already, which the
    // compact form before it made it.
    answer(state.peers.hear_whole(peer, body).await)
}

fn answer(heard: Heard) -> Result<Json<CompactAnswer>, ApiError> {
    let mut missing = Vec::new();
    let status = match heard {
        Heard::Accepted => CompactStatus::Accepted,
        Heard::Known => CompactStatus::Known,
        Heard::Pending => CompactStatus::Pending,
        Heard::Missing(places) => {
            missing = places;
            CompactStatus::Missing
        }
        Heard::Whole => CompactStatus::Whole,
        Heard::Behind => CompactStatus::Behind,
        Heard::Declined => CompactStatus::Declined,
        Heard::Busy => return Err(error::unavailable(crate::chain::Unavailable::Busy)),
        Heard::Refused => return Err(misbehaved("The block breaks a rule.")),
    };
    Ok(Json(CompactAnswer { status, missing }))
}
