//! `POST /v1/mining/submit`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::Problem;
use synod_api::node::{SubmitBlock, SubmitWork};
use synod_node_core::FoundWork;
use synod_service::{ApiError, Json};

use crate::http::submit::submit_assembled;
use crate::state::AppState;

/// Builds the block that a miner found on a template and takes it in.
#[utoipa::path(
    post, path = "/v1/mining/submit", tag = "mining", operation_id = "submitWork",
    summary = "Submit found work",
    description = "Builds the block from a template and the numbers that a miner found, and takes \
                   it in as `POST /v1/blocks` does.",
    request_body = SubmitWork,
    responses(
        (status = 200, description = "The block was taken in", body = SubmitBlock),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The template is not known any more", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The block breaks a rule", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn submit_work(
    State(state): State<AppState>,
    Json(work): Json<SubmitWork>,
) -> Result<Json<SubmitBlock>, ApiError> {
    let given = state.templates.find(&work.template_id).ok_or_else(|| {
        let detail = "The template is not known any more; ask for a new one.";
        ApiError::new(StatusCode::NOT_FOUND, "template-not-found", detail)
    })?;
    let extra_nonce = work.extra_nonce.as_bytes().try_into();
    let found = FoundWork {
        extra_nonce: extra_nonce.map_err(|_| ApiError::bad_request("extra_nonce is 8 bytes."))?,
        time: work.time,
        nonce: work.nonce,
        version: work.version,
    };
    submit_assembled(&state, given.template.assemble(&found).raw().clone())
        .await
        .map(Json)
}
