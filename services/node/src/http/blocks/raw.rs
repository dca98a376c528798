//! `GET /v1/blocks/{hash}/raw`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::{HashHex, Problem};
use synod_primitives::BlockHash;
use synod_service::{ApiError, Path, cache};

use super::load;
use crate::http::render::answer::octets;
use crate::state::AppState;

/// Returns the bytes of a block of any branch.
#[utoipa::path(
    get, path = "/v1/blocks/{hash}/raw", tag = "blocks", operation_id = "getRawBlock",
    summary = "Get a block's bytes",
    description = "The bytes of a block of any branch, in Bitcoin's encoding. They never change, \
                   so they may be kept for ever.",
    params(("hash" = HashHex, Path, description = "The block's hash", example = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")),
    responses(
        (status = 200, description = "The block", headers(("ETag" = String, description = "The block's hash")), body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "The hash is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The block is not known (`block-not-found`), or only its header is (`block-not-stored`)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The block was pruned (`block-pruned`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is busy", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_raw_block(
    State(state): State<AppState>,
    Path(hash): Path<HashHex>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&state, hash, &headers).await
}

/// Answers the bytes of the block with this hash.
pub(super) async fn answer(
    state: &AppState,
    hash: HashHex,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let known = BlockHash::from_bytes(hash.to_internal());
    let raw = match state.kept.raw_blocks.get(&known) {
        Some(raw) => raw,
        None => {
            let placed = load::by_hash(state, hash).await?;
            load::raw(state, placed.record.hash).await?
        }
    };
    Ok(cache::immutable(headers, &format!("\"{hash}\""), || {
        octets(raw)
    }))
}
