//! `GET /v1/status`.

use axum::extract::State as Extract;
use synod_api::miner::MinerStatus;
use synod_service::Json;

use crate::state::State;

/// Read the miner's state
///
/// Policy, threads, hash rate, blocks found and stale, and whether the node answers.
#[utoipa::path(
    get,
    path = "/v1/status",
    operation_id = "getStatus",
    tag = "miner",
    responses((status = 200, description = "The state.", body = MinerStatus)),
)]
pub(crate) async fn status(Extract(state): Extract<State>) -> Json<MinerStatus> {
    Json(state.status())
}
