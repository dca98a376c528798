//! `POST /p2p/v1/headers`.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use synod_api::Problem;
use synod_api::p2p::{HeadersRequest, MAX_HEADERS, MAX_LOCATOR};
use synod_gossip::wire;
use synod_primitives::{BlockHash, Height};
use synod_service::{ApiError, Json};

use crate::error;
use crate::state::AppState;

/// Sends the headers of the active chain that follow a locator.
#[utoipa::path(
    post, path = "/p2p/v1/headers", tag = "p2p", operation_id = "sendHeaders",
    summary = "Get headers after a locator",
    description = "Headers of the active chain after the first known hash of the locator, each 80 \
                   bytes, the length of its engine proof in 4 bytes little-endian, and the proof.",
    request_body = HeadersRequest,
    responses(
        (status = 200, description = "At most 2000 headers", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn send_headers(
    State(state): State<AppState>,
    Json(request): Json<HeadersRequest>,
) -> Result<Response, ApiError> {
    if request.locator.len() > MAX_LOCATOR {
        return Err(ApiError::bad_request("A locator has at most 101 hashes."));
    }
    let hash = |it: &synod_api::HashHex| BlockHash::from_bytes(it.to_internal());
    let locator: Vec<BlockHash> = request.locator.iter().map(hash).collect();
    let stop = request.stop.as_ref().map(hash);
    let body = state.chain.look(move |node, _| {
        let tree = node.chain().tree();
        let fork = tree.find_fork_of_locator(&locator);
        let first = tree.entry(fork).record.height.0 + 1;
        let mut body = Vec::new();
        for height in (first..).take(MAX_HEADERS) {
            let Some(id) = tree.active_at(Height(height)) else {
                break;
            };
            let record = &tree.entry(id).record;
            wire::write_header(&mut body, &record.header, &[]);
            if Some(record.hash) == stop {
                break;
            }
        }
        Ok(body)
    });
    let body = body.await.map_err(error::unavailable)?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}
