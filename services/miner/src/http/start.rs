//! `POST /v1/start`.

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::miner::MinerStatus;
use synod_service::Json;

use crate::state::State;

/// Search again
///
/// Goes on after a stop; nothing changes when the miner runs already.
#[utoipa::path(
    post,
    path = "/v1/start",
    operation_id = "startMining",
    tag = "miner",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The state afterwards.", body = MinerStatus),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn start(Extract(state): Extract<State>) -> Json<MinerStatus> {
    state
        .controls
        .send_modify(|controls| controls.is_running = true);
    Json(state.status())
}
