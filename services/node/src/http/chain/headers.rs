//! `GET /v1/chain/headers`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use synod_api::Problem;
use synod_api::node::{HeaderPage, MAX_HEADERS};
use synod_primitives::Height;
use synod_service::{ApiError, Query, cache};

use crate::error;
use crate::http::blocks::place::{self, Placed};
use crate::http::render::header::header;
use crate::http::render::page_limit::PageLimit;
use crate::http::render::{answer, finalized};
use crate::state::AppState;

/// The query of the headers.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderQuery {
    #[serde(default)]
    from: u32,
    #[serde(default)]
    limit: PageLimit<MAX_HEADERS>,
}

/// Lists headers of the active chain.
#[utoipa::path(
    get, path = "/v1/chain/headers", tag = "chain", operation_id = "getHeaders",
    summary = "List headers of the active chain",
    description = "Headers of the active chain by ascending height, as JSON, or with \
                   `Accept: application/octet-stream` their 80 bytes each one after the other. \
                   The list is empty above the tip.",
    params(
        ("from" = Option<u32>, Query, description = "The height to start at; 0 by default", example = 0),
        ("limit" = Option<u32>, Query, description = "The most headers, 1 to 2000; 50 by default", example = 50, minimum = 1, maximum = 2000),
    ),
    responses(
        (status = 200, description = "The headers", headers(("ETag" = String, description = "Names this answer")), content((HeaderPage = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is busy", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_headers(
    State(state): State<AppState>,
    Query(query): Query<HeaderQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let page = place::page(&state.reader, Height(query.from), query.limit.count());
    let (placed, (tip_height, tip)) = page.await.map_err(error::store)?;
    if answer::wants_raw(&headers) {
        let tag = format!("\"{tip}-{}-{}-raw\"", query.from, query.limit.count());
        return Ok(cache::revalidated(&headers, &tag, || {
            answer::octets(raw(&placed))
        }));
    }
    let finalized = finalized(&state.chain.view());
    let next = placed.last().filter(|it| it.record.height < tip_height);
    let body = HeaderPage {
        next_from: next.map(|it| it.record.height.0 + 1),
        items: placed
            .iter()
            .map(|it| header(it, finalized.as_ref()))
            .collect(),
    };
    answer::json(&headers, &body)
}

fn raw(placed: &[Placed]) -> bytes::Bytes {
    placed
        .iter()
        .flat_map(|it| it.record.header.encode())
        .collect()
}
