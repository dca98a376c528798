//! `POST /v1/blocks`.

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use synod_api::node::{MAX_BLOCK_BYTES, SubmitBlock, SubmitStatus};
use synod_api::{HashHex, Problem};
use synod_node_core::{Accepted, Durability, Placement};
use synod_service::{ApiError, Json, RawOrHex};

use crate::error;
use crate::state::AppState;

/// Takes in a block, and answers once the tip has settled and all is durable.
#[utoipa::path(
    post, path = "/v1/blocks", tag = "blocks", operation_id = "submitBlock",
    summary = "Submit a block",
    description = "Takes in a block, raw or in hex, and answers once the tip has settled and \
                   everything is durable. A block that breaks a rule is answered with 422 and \
                   Bitcoin Core's reject string, and with `known` when it is posted again.",
    request_body(content((Vec<u8> = "application/octet-stream"), (String = "text/plain"))),
    responses(
        (status = 200, description = "The block was taken in", body = SubmitBlock),
        (status = 400, description = "The body is no block", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than a block may be", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The block breaks a rule", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn submit_block(
    State(state): State<AppState>,
    RawOrHex(raw): RawOrHex,
) -> Result<Json<SubmitBlock>, ApiError> {
    if raw.len() > MAX_BLOCK_BYTES {
        let detail = format!("A block is at most {MAX_BLOCK_BYTES} bytes.");
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            detail,
        ));
    }
    submit(&state, raw).await.map(Json)
}

/// Submits a block to the chain thread; also for work that miners found.
pub(crate) async fn submit(state: &AppState, raw: Bytes) -> Result<SubmitBlock, ApiError> {
    let verdict = state
        .chain
        .run(move |node, now| Ok(node.submit_blocks(&[raw], now, Durability::Synced)?.pop()))
        .await
        .map_err(error::unavailable)?;
    match verdict {
        Some(Ok(accepted)) => Ok(body(&accepted)),
        Some(Err(refusal)) => Err(error::refused(refusal)),
        None => Err(ApiError::internal("a block without a verdict")),
    }
}

fn body(accepted: &Accepted) -> SubmitBlock {
    SubmitBlock {
        hash: HashHex::from_internal(accepted.hash.to_bytes()),
        status: match accepted.placement {
            Placement::Active => SubmitStatus::Active,
            Placement::Side => SubmitStatus::Side,
            Placement::Duplicate => SubmitStatus::Duplicate,
            Placement::Orphan => SubmitStatus::Orphan,
        },
        height: accepted.height.map(|height| height.0),
    }
}
