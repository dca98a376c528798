//! `GET /v1/state`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::StateDigest;
use synod_api::{HashHex, Problem};
use synod_service::{ApiError, cache};

use crate::error;
use crate::http::render::{answer, block_hash, satoshis};
use crate::state::AppState;

/// Returns a digest of all coins.
#[utoipa::path(
    get, path = "/v1/state", tag = "chain", operation_id = "getState",
    summary = "Get a digest of all coins",
    description = "The number, the sum and the MuHash3072 of all coins at the tip, as Bitcoin \
                   Core's `gettxoutsetinfo muhash` shows them. Two nodes with the same digest \
                   have the same coins.",
    responses(
        (status = 200, description = "The digest", headers(("ETag" = String, description = "Names the tip")), body = StateDigest, example = json!({
            "height": 0,
            "best_block_hash": "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            "coins": 0,
            "total_sat": 0,
            "muhash": "dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8",
        })),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 503, description = "The database is busy", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_state(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let tip = state.chain.view().hash;
    if let Some(response) = answer::not_modified(&headers, &format!("\"{tip}\"")) {
        return Ok(response);
    }
    let digest = state.digests.at_tip().await.map_err(error::store)?;
    let body = answer::write(&StateDigest {
        height: digest.height.0,
        best_block_hash: block_hash(digest.hash),
        coins: digest.coins,
        total_sat: satoshis(digest.total_sat),
        muhash: HashHex::from_internal(digest.muhash),
    })?;
    Ok(cache::revalidated(
        &headers,
        &format!("\"{}\"", digest.hash),
        || answer::written(body),
    ))
}
