//! `GET /v1/validators`, `/v1/finality` and `/v1/evidence`: what the node says of those who seal.

use axum::Json;
use axum::extract::State;
use synod_api::node::{EvidencePage, FinalityStatus, ValidatorPage, ValidatorsQuery};
use synod_api::{ClientError, Problem};
use synod_service::{ApiError, Query};

use crate::http::state::Explorer;

/// Those who seal
///
/// As the node of this explorer says it; 404 under an engine without validators.
#[utoipa::path(
    get,
    path = "/v1/validators",
    operation_id = "listValidators",
    tag = "synod",
    params(ValidatorsQuery),
    responses(
        (status = 200, description = "A page of validators, the greatest first.", body = ValidatorPage),
        (status = 400, description = "The query is malformed.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The engine has no validators.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The node does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn validators(
    State(explorer): State<Explorer>,
    Query(query): Query<ValidatorsQuery>,
) -> Result<Json<ValidatorPage>, ApiError> {
    let found = explorer.node.validators(&query).await;
    found.map(Json).map_err(refusal)
}

/// What is final
///
/// As the node of this explorer says it; 404 under an engine without finality.
#[utoipa::path(
    get,
    path = "/v1/finality",
    operation_id = "getFinality",
    tag = "synod",
    responses(
        (status = 200, description = "The last final block, and the votes for what follows.", body = FinalityStatus),
        (status = 404, description = "Blocks of this engine are never final.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The node does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn finality(
    State(explorer): State<Explorer>,
) -> Result<Json<FinalityStatus>, ApiError> {
    let found = explorer.node.finality().await;
    found.map(Json).map_err(refusal)
}

/// Who has contradicted itself
///
/// As the node of this explorer says it; 404 under an engine without validators.
#[utoipa::path(
    get,
    path = "/v1/evidence",
    operation_id = "listEvidence",
    tag = "synod",
    responses(
        (status = 200, description = "The newest first.", body = EvidencePage),
        (status = 404, description = "The engine has no validators.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The node does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn evidence(
    State(explorer): State<Explorer>,
) -> Result<Json<EvidencePage>, ApiError> {
    let found = explorer.node.evidence().await;
    found.map(Json).map_err(refusal)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
fn refusal(error: ClientError) -> ApiError {
    match error.status() {
        Some(400) => ApiError::bad_request("The node does not understand the query."),
        Some(404 | 409) => ApiError::not_found("This network's engine has none of it."),
        _ => ApiError::unavailable("The node does not answer."),
    }
}
