//! `POST /v1/mine`.

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::miner::{MAX_MINE_BLOCKS, MineBlocks, MinedBlocks};
use synod_api::problem::code;
use synod_service::{ApiError, Json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use crate::miner::stopped;
use crate::state::{MineRequest, State};

/// Mine blocks on request
///
/// Searches under any policy and answers when the blocks are found. Closing the connection
/// withdraws the request; what was found by then stands.
#[utoipa::path(
    post,
    path = "/v1/mine",
    operation_id = "mineBlocks",
    tag = "miner",
    security(("bearer" = [])),
    request_body = MineBlocks,
    responses(
        (status = 200, description = "The blocks, all on the active chain when found.",
            body = MinedBlocks),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The miner is stopped.", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Not 1 to 10000 blocks.", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait, or the miner is ending.",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn mine(
    Extract(state): Extract<State>,
    Json(wanted): Json<MineBlocks>,
) -> Result<Json<MinedBlocks>, ApiError> {
    if !(1..=MAX_MINE_BLOCKS).contains(&wanted.blocks) {
        let detail = format!("A request is for 1 to {MAX_MINE_BLOCKS} blocks.");
        return Err(ApiError::unprocessable(code::BAD_BODY, detail));
    }
    if !state.controls.borrow().is_running {
        return Err(stopped());
    }
    let (reply, answer) = oneshot::channel();
    let request = MineRequest {
        left: wanted.blocks,
        blocks: Vec::new(),
        reply,
    };
    state
        .requests
        .try_send(request)
        .map_err(|error| match error {
            TrySendError::Full(_) => ApiError::overloaded("Too many requests for blocks wait."),
            TrySendError::Closed(_) => ending(),
        })?;
    let blocks = answer.await.map_err(|_| ending())??;
    Ok(Json(MinedBlocks { blocks }))
}

fn ending() -> ApiError {
    ApiError::unavailable("The miner is ending.")
}
