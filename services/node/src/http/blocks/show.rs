//! `GET /v1/blocks/{hash}`.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::BlockBody;
use synod_api::{HashHex, Problem};
use synod_service::{ApiError, Path, Query};

use super::view::{BlockQuery, Renderers};
use super::{load, raw};
use crate::http::render::answer;
use crate::state::AppState;

/// Returns a block of any branch.
#[utoipa::path(
    get, path = "/v1/blocks/{hash}", tag = "blocks", operation_id = "getBlock",
    summary = "Get a block",
    description = "A block of any branch, with fees and confirmations, as JSON, or its bytes with \
                   `Accept: application/octet-stream`. A stale block has the status `valid-fork` \
                   and no confirmations.",
    params(
        ("hash" = HashHex, Path, description = "The block's hash", example = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
        ("transactions" = Option<String>, Query, description = "`ids` (the default) or `full`", example = "ids"),
    ),
    responses(
        (status = 200, description = "The block", headers(("ETag" = String, description = "Names this answer")), content((BlockBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The hash or the query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The block is not known (`block-not-found`), or only its header is (`block-not-stored`)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The block was pruned (`block-pruned`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is busy", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_block(
    State(state): State<AppState>,
    Extension(renderers): Extension<Renderers>,
    Path(hash): Path<HashHex>,
    Query(query): Query<BlockQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if answer::wants_raw(&headers) {
        return raw::answer(&state, hash, &headers).await;
    }
    if let Some(kept) = Renderers::kept(&state, hash, query, &headers) {
        return Ok(kept);
    }
    let placed = load::by_hash(&state, hash).await?;
    renderers.answer(&state, placed, query, &headers).await
}
