//! `GET /v1/state`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use synod_api::node::StateDigest;
use synod_api::{HashHex, Problem};
use synod_primitives::{BlockHash, Height};
use synod_service::{ApiError, Query, cache};

use crate::digest::MAX_KEPT_STATES;
use crate::error;
use crate::http::render::{answer, block_hash, satoshis};
use crate::state::AppState;

/// The query of the state.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateQuery {
    height: Option<u32>,
}

/// Returns a digest of all coins.
#[utoipa::path(
    get, path = "/v1/state", tag = "chain", operation_id = "getState",
    summary = "Get a digest of all coins",
    description = "The number, the sum and the MuHash3072 of all coins at the tip, as Bitcoin \
                   Core's `gettxoutsetinfo muhash` shows them. Two nodes with the same digest \
                   have the same coins.",
    params(
        ("height" = Option<u32>, Query, description = "A block of the active chain instead of the tip: one of the last 1000 that the node followed", example = 0),
    ),
    responses(
        (status = 200, description = "The digest", headers(("ETag" = String, description = "Names the tip")), body = StateDigest, example = json!({
            "height": 0,
            "best_block_hash": "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            "coins": 0,
            "total_sat": 0,
            "muhash": "dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8",
        })),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 404, description = "The coins at that height are not known any more, or not yet", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is busy", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_state(
    State(state): State<AppState>,
    Query(query): Query<StateQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let view = state.chain.view();
    let tip = (view.height, view.hash);
    let digest = match query.height {
        None => {
            if let Some(response) = answer::not_modified(&headers, &tag(tip.1)) {
                return Ok(response);
            }
            state.digests.at_tip(tip).await.map_err(error::store)?
        }
        Some(height) => {
            let found = state.digests.at_height(Height(height), tip).await;
            found
                .map_err(error::store)?
                .ok_or_else(|| not_kept(height))?
        }
    };
    let body = answer::write(&StateDigest {
        height: digest.height.0,
        best_block_hash: block_hash(digest.hash),
        coins: digest.coins,
        total_sat: satoshis(digest.total_sat),
        muhash: HashHex::from_internal(digest.muhash),
    })?;
    Ok(cache::revalidated(&headers, &tag(digest.hash), || {
        answer::written(body)
    }))
}

fn tag(hash: BlockHash) -> String {
    format!("\"{hash}\"")
}

fn not_kept(height: u32) -> ApiError {
    let detail = format!(
        "The coins at height {height} are not known any more, or not yet; they are for the last \
         {MAX_KEPT_STATES} blocks that the node followed."
    );
    ApiError::new(StatusCode::NOT_FOUND, "state-not-kept", detail)
}
