//! `GET /v1/status`.

use axum::extract::State as Extract;
use synod_api::validator::ValidatorStatus;
use synod_service::Json;

use crate::state::State;

/// Read the validator's state
///
/// What it does or waits for, its keys with what they last signed, its nodes, and counts.
#[utoipa::path(
    get,
    path = "/v1/status",
    operation_id = "getStatus",
    tag = "validator",
    responses((status = 200, description = "The state.", body = ValidatorStatus)),
)]
pub(crate) async fn status(Extract(state): Extract<State>) -> Json<ValidatorStatus> {
    Json(state.status())
}
