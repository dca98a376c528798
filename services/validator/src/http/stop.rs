//! `POST /v1/stop`.

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::validator::ValidatorStatus;
use synod_service::Json;

use crate::state::State;

/// Sign nothing any more
///
/// Pauses until `POST /v1/start`; a signature on its way still leaves.
#[utoipa::path(
    post,
    path = "/v1/stop",
    operation_id = "stop",
    tag = "validator",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The state afterwards.", body = ValidatorStatus),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn stop(Extract(state): Extract<State>) -> Json<ValidatorStatus> {
    state.is_running.send_replace(false);
    Json(state.status())
}
