//! `GET /blocks`, `GET /blocks/{start}`.

use axum::extract::{Path, State};

use super::body::BlockBody;
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// The last ten blocks
///
/// From the tip down.
#[utoipa::path(
    get,
    path = "/blocks",
    operation_id = "listLatestBlocks",
    tag = "esplora",
    responses(
        (status = 200, description = "The blocks.", body = Vec<BlockBody>),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn latest_blocks(State(explorer): State<Explorer>) -> Answer {
    list(&explorer, None).await
}

/// Ten blocks from a height down
#[utoipa::path(
    get,
    path = "/blocks/{start}",
    operation_id = "listBlocks",
    tag = "esplora",
    params(
        ("start" = String, Path, description = "The height to go down from; anything else is the tip."),
    ),
    responses(
        (status = 200, description = "The blocks.", body = Vec<BlockBody>),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn blocks_from(
    State(explorer): State<Explorer>,
    Path(start): Path<String>,
) -> Answer {
    list(&explorer, start.parse().ok()).await
}

/// Blocks in one answer.
const PAGE: u32 = 10;

async fn list(explorer: &Explorer, start: Option<u32>) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let start = start.unwrap_or(snapshot.tip.height);
    if start > snapshot.tip.height {
        return Err(Refusal::missing("Block not found"));
    }
    let records = snapshot.reader.blocks_down_from(start, PAGE).await?;
    let blocks: Vec<BlockBody> = records.iter().map(BlockBody::of).collect();
    Reply::json(&blocks, Keep::Moment)
}
