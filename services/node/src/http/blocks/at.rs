//! `GET /v1/blocks/at/{height}`.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::Problem;
use synod_api::node::BlockBody;
use synod_service::{ApiError, Path, Query, cache};

use super::load;
use super::view::{BlockQuery, Renderers};
use crate::http::render::answer::{octets, wants_raw};
use crate::state::AppState;

/// Returns the block of the active chain at a height.
#[utoipa::path(
    get, path = "/v1/blocks/at/{height}", tag = "blocks", operation_id = "getBlockAt",
    summary = "Get the block at a height",
    description = "The block of the active chain at a height, as JSON, or its bytes with \
                   `Accept: application/octet-stream`.",
    params(
        ("height" = u32, Path, description = "The height", example = 0),
        ("transactions" = Option<String>, Query, description = "`ids` (the default) or `full`", example = "ids"),
    ),
    responses(
        (status = 200, description = "The block", headers(("ETag" = String, description = "Names this answer")), content((BlockBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The height or the query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The height is above the tip (`block-not-found`), or only its header is known (`block-not-stored`)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The block was pruned (`block-pruned`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is busy", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_block_at(
    State(state): State<AppState>,
    Extension(renderers): Extension<Renderers>,
    Path(height): Path<u32>,
    Query(query): Query<BlockQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let placed = load::by_height(&state, height).await?;
    if wants_raw(&headers) {
        let hash = placed.record.hash;
        let raw = load::raw(&state, hash).await?;
        // Another block may come to this height.
        return Ok(cache::revalidated(&headers, &format!("\"{hash}\""), || {
            octets(raw)
        }));
    }
    renderers.answer(&state, placed, query, &headers).await
}
