//! `PUT /v1/policy`.

use std::time::Duration;

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::miner::{MinerStatus, SetPolicy};
use synod_api::problem::code;
use synod_service::{ApiError, Json};

use crate::state::State;

/// The longest time between two blocks: a day.
const MAX_BLOCK_TIME_MS: u64 = 86_400_000;

/// Set when to search
///
/// `auto` searches always; `interval` one block each block time and one when a transaction
/// arrives; `on-tx` only when a transaction waits; `manual` only on request.
#[utoipa::path(
    put,
    path = "/v1/policy",
    operation_id = "setPolicy",
    tag = "miner",
    security(("bearer" = [])),
    request_body = SetPolicy,
    responses(
        (status = 200, description = "The state afterwards.", body = MinerStatus),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "No such policy, or not 1 ms to a day.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_policy(
    Extract(state): Extract<State>,
    Json(wanted): Json<SetPolicy>,
) -> Result<Json<MinerStatus>, ApiError> {
    if wanted
        .block_time_ms
        .is_some_and(|it| !(1..=MAX_BLOCK_TIME_MS).contains(&it))
    {
        let detail = format!("A block time is 1 to {MAX_BLOCK_TIME_MS} milliseconds.");
        return Err(ApiError::unprocessable(code::BAD_BODY, detail));
    }
    state.controls.send_modify(|controls| {
        controls.policy = wanted.policy;
        controls.is_policy_open = false;
        if let Some(block_time_ms) = wanted.block_time_ms {
            controls.block_time = Duration::from_millis(block_time_ms);
        }
    });
    Ok(Json(state.status()))
}
