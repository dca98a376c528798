//! `GET /v1/blocks/{hash}/finality`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::node::FinalityProof;
use synod_api::{HashHex, HexBytes, Problem};
use synod_service::{ApiError, Json, Path};

use super::load;
use crate::error;
use crate::state::AppState;

/// Returns the proof that a block is final.
#[utoipa::path(
    get, path = "/v1/blocks/{hash}/finality", tag = "blocks", operation_id = "getFinality",
    summary = "Get the proof that a block is final",
    description = "The certificate by which the block can never be reverted. Under proof of work \
                   there is none: blocks have confirmations, and are never final.",
    params(("hash" = HashHex, Path, description = "The block's hash", example = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")),
    responses(
        (status = 200, description = "The proof", body = FinalityProof),
        (status = 400, description = "The hash is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The block is not known (`block-not-found`), or there is no such proof (`no-finality`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is busy", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_finality(
    State(state): State<AppState>,
    Path(hash): Path<HashHex>,
) -> Result<Json<FinalityProof>, ApiError> {
    let placed = load::by_hash(&state, hash).await?;
    let height = placed.record.height;
    let found = state
        .chain
        .look(|node, _| Ok(node.chain().finality().cloned()));
    let found = found.await.map_err(error::unavailable)?;
    match found.filter(|(block, _)| placed.is_active && height <= block.height) {
        Some((_, proof)) => Ok(Json(FinalityProof {
            hash,
            height: height.0,
            engine: state.spec.consensus.engine.name().to_owned(),
            proof: HexBytes::from(&proof[..]),
        })),
        None => {
            let detail = format!("The block at {height} is not final.");
            Err(ApiError::new(StatusCode::NOT_FOUND, "no-finality", detail))
        }
    }
}
