//! `POST /v1/start`.

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::validator::ValidatorStatus;
use synod_service::Json;

use crate::state::State;

/// Sign again
///
/// Ends a pause; the clock and the watch are still asked.
#[utoipa::path(
    post,
    path = "/v1/start",
    operation_id = "start",
    tag = "validator",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The state afterwards.", body = ValidatorStatus),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn start(Extract(state): Extract<State>) -> Json<ValidatorStatus> {
    state.is_running.send_replace(true);
    Json(state.status())
}
