//! `POST /v1/stop`.

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::miner::MinerStatus;
use synod_service::Json;

use crate::state::State;

/// Stop searching
///
/// Ends the search at once; blocks that were asked for are answered with a conflict.
#[utoipa::path(
    post,
    path = "/v1/stop",
    operation_id = "stopMining",
    tag = "miner",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The state afterwards.", body = MinerStatus),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn stop(Extract(state): Extract<State>) -> Json<MinerStatus> {
    state
        .controls
        .send_modify(|controls| controls.is_running = false);
    Json(state.status())
}
