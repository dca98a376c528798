//! `POST /dev/v1/mine`.

use axum::extract::State;
use synod_api::node::dev::MAX_DEV_BLOCKS;
use synod_api::node::{DevMine, DevMined};
use synod_api::{HashHex, Problem};
use synod_node_core::Durability;
use synod_service::{ApiError, Json};

use crate::error;
use crate::mining::mine_one;
use crate::payout;
use crate::state::AppState;

/// Mines blocks at once.
#[utoipa::path(
    post, path = "/dev/v1/mine", tag = "dev", operation_id = "mineBlocks",
    summary = "Mine blocks",
    description = "Mines blocks on the tip, each with what the mempool holds. On a network with real \
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
    let mined = state.chain.run(move |node, now| {
        let mut mined = Vec::new();
        for left in (0..count).rev() {
            let durability = if left == 0 {
                Durability::Synced
            } else {
                Durability::Deferred
            };
            match mine_one(node, &script, now, durability)? {
                Ok(hash) => mined.push(HashHex::from_internal(hash.to_bytes())),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(mined))
    });
    match mined.await.map_err(error::unavailable)? {
        Ok(blocks) => Ok(Json(DevMined { blocks })),
        Err(refusal) => Err(error::refused(refusal)),
    }
}
