//! `POST /dev/v1/mine`.

use axum::extract::State;
use synod_api::Problem;
use synod_api::node::dev::MAX_DEV_BLOCKS;
use synod_api::node::{DevMine, DevMined};
use synod_service::{ApiError, Json};

use crate::error;
use crate::http::render::block_hash;
use crate::mining::mine;
use crate::payout;
use crate::state::AppState;

/// Mines blocks at once.
#[utoipa::path(
    post, path = "/dev/v1/mine", tag = "dev", operation_id = "mineBlocks",
    summary = "Mine blocks",
    description = "Mines blocks on the tip, each with what the mempool holds; all are on the disk \
                   when they are answered. On a network with real \
                   difficulty this takes as long as it takes one thread.",
    request_body = DevMine,
    responses(
        (status = 200, description = "The blocks, lowest first", body = DevMined),
        (status = 400, description = "The address or the count is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn mine_blocks(
    State(state): State<AppState>,
    Json(request): Json<DevMine>,
) -> Result<Json<DevMined>, ApiError> {
    if !(1..=MAX_DEV_BLOCKS).contains(&request.blocks) {
        return Err(ApiError::bad_request(format!(
            "blocks is 1 to {MAX_DEV_BLOCKS}."
        )));
    }
    let script = payout::script_of(&request.payout)?;
    let count = request.blocks;
    let mined = state
        .chain
        .run(move |node, now| mine(node, count, &script, now));
    match mined.await.map_err(error::unavailable)? {
        Ok(blocks) => Ok(Json(DevMined {
            blocks: blocks.into_iter().map(block_hash).collect(),
        })),
        Err(refusal) => Err(error::refused(refusal)),
    }
}
