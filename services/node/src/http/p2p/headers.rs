//! `POST /p2p/v1/headers`.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use synod_api::Problem;
use synod_api::p2p::{HeadersRequest, MAX_HEADERS, MAX_LOCATOR};
use synod_gossip::wire;
use synod_node_core::BlockTree;
use synod_primitives::BlockHash;
use synod_service::{ApiError, Json};

use super::budget;
use super::seat::From;
use crate::error;
use crate::headers;
use crate::state::AppState;

/// Sends the headers of the active chain that follow a locator.
#[utoipa::path(
    post, path = "/p2p/v1/headers", tag = "p2p", operation_id = "sendHeaders",
    summary = "Get headers after a locator",
    description = "Headers of the active chain after the first known hash of the locator, each 80 \
                   bytes, the length of its engine proof in 4 bytes little-endian, and the proof. No \
                   further one is added past a mebibyte; a page of so many bytes, or of 2000 \
                   headers, is full, and more may follow.",
    request_body = HeadersRequest,
    responses(
        (status = 200, description = "At most 2000 headers", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The sender was sent too much lately", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn send_headers(
    State(state): State<AppState>,
    From(address): From,
    Json(request): Json<HeadersRequest>,
) -> Result<Response, ApiError> {
    if request.locator.len() > MAX_LOCATOR {
        return Err(ApiError::bad_request("A locator has at most 101 hashes."));
    }
    budget::check(&state, address)?;
    let hash = |it: &synod_api::HashHex| BlockHash::from_bytes(it.to_internal());
    let locator: Vec<BlockHash> = request.locator.iter().map(hash).collect();
    let stop = request.stop.as_ref().map(hash);
    let find = move |tree: &BlockTree| Some(tree.find_fork_of_locator(&locator));
    let page = headers::after(&state.chain, &state.reader, MAX_HEADERS, stop, find).await;
    let page = page.map_err(error::unavailable)?.unwrap_or_default();
    let mut body = Vec::new();
    for (header, proof) in &page {
        wire::write_header(&mut body, header, proof);
    }
    state.peers.spend_upload(address, body.len());
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}
