//! `PUT /v1/threads`.

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::miner::{MAX_THREADS, MinerStatus, SetThreads};
use synod_api::problem::code;
use synod_service::{ApiError, Json};

use crate::state::State;

/// Set the number of threads
///
/// Threads come and go within milliseconds; the search goes on.
#[utoipa::path(
    put,
    path = "/v1/threads",
    operation_id = "setThreads",
    tag = "miner",
    security(("bearer" = [])),
    request_body = SetThreads,
    responses(
        (status = 200, description = "The state afterwards.", body = MinerStatus),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Not 1 to 1024 threads.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_threads(
    Extract(state): Extract<State>,
    Json(wanted): Json<SetThreads>,
) -> Result<Json<MinerStatus>, ApiError> {
    if !(1..=MAX_THREADS).contains(&wanted.threads) {
        let detail = format!("A miner has 1 to {MAX_THREADS} threads.");
        return Err(ApiError::unprocessable(code::BAD_BODY, detail));
    }
    state
        .controls
        .send_modify(|controls| controls.threads = wanted.threads);
    Ok(Json(state.status()))
}
