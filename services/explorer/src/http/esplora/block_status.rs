//! `GET /block/{hash}/status`.

use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Where a block is.
#[derive(Serialize, ToSchema)]
#[schema(as = BlockStatus)]
pub(crate) struct BlockStatusBody {
    /// True on the active chain.
    in_best_chain: bool,
    /// The height; null for a block that is not on the active chain.
    height: Option<u32>,
    /// The next block of the active chain; null at the tip.
    next_best: Option<String>,
    /// True when the explorer has the block.
    known: bool,
    /// True when the block was on the active chain and lost.
    stale: bool,
}

/// Where a block is
///
/// An unknown block is one that is not on the active chain.
#[utoipa::path(
    get,
    path = "/block/{hash}/status",
    operation_id = "getBlockStatus",
    tag = "esplora",
    params(("hash" = String, Path, description = "The block's hash in hex.")),
    responses(
        (status = 200, description = "Where it is.", body = BlockStatusBody),
        (status = 400, description = "The hash is malformed.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block_status(
    State(explorer): State<Explorer>,
    Path(hash): Path<String>,
) -> Answer {
    let hash = parse::block_hash(&hash)?;
    let mut snapshot = explorer.snapshot().await?;
    let record = snapshot.block(hash).await?;
    let active = record.as_ref().filter(|record| record.stale.is_none());
    let next_best = match active {
        Some(record) => snapshot
            .next_block(record)
            .await?
            .map(|next| next.to_string()),
        None => None,
    };
    let body = BlockStatusBody {
        in_best_chain: active.is_some(),
        height: active.map(|record| record.height),
        next_best,
        known: record.is_some(),
        stale: record.as_ref().is_some_and(|record| record.stale.is_some()),
    };
    Reply::json(&body, Keep::Moment)
}
