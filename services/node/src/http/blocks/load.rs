//! Reading blocks beside the chain thread.

use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use synod_api::HashHex;
use synod_ledger::BlockUndo;
use synod_primitives::{BlockHash, Height};
use synod_service::ApiError;

use super::place::{self, Placed};
use super::starts::starts;
use crate::error;
use crate::kept::{BlockSpent, SpentIndex};
use crate::state::AppState;

/// The code of a block that the node does not know.
const BLOCK_NOT_FOUND: &str = "block-not-found";
/// The code of a block of which the node has the header only.
const BLOCK_NOT_STORED: &str = "block-not-stored";

/// The code of a block whose bytes the node has forgotten.
const BLOCK_PRUNED: &str = "block-pruned";

/// Finds a block of any branch.
///
/// # Errors
/// 404 when it is not known; the store failed.
pub(crate) async fn by_hash(state: &AppState, hash: HashHex) -> Result<Placed, ApiError> {
    let hash = BlockHash::from_bytes(hash.to_internal());
    let found = place::find(&state.reader, hash)
        .await
        .map_err(error::store)?;
    found.ok_or_else(|| not_found(BLOCK_NOT_FOUND, format!("No block {hash} is known.")))
}

/// Finds the block of the active chain at a height.
///
/// # Errors
/// 404 above the tip; the store failed.
pub(crate) async fn by_height(state: &AppState, height: u32) -> Result<Placed, ApiError> {
    let found = place::find_at(&state.reader, Height(height))
        .await
        .map_err(error::store)?;
    found.ok_or_else(|| {
        let tip = state.chain.view().height;
        let detail = format!("There is no block at height {height}; the tip is at {tip}.");
        not_found(BLOCK_NOT_FOUND, detail)
    })
}

/// Reads a block's bytes.
///
/// # Errors
/// 404 when only its header is there, 410 when it was pruned; the store failed.
pub(crate) async fn raw(state: &AppState, hash: BlockHash) -> Result<Bytes, ApiError> {
    let load = async {
        let found = state.reader.block(hash).await.map_err(error::store)?;
        match found {
            Some(raw) => Ok(raw),
            None => Err(absent(state, hash).await),
        }
    };
    state.kept.raw_blocks.get_or_insert_async(&hash, load).await
}

/// Says why a block's bytes are not there: they were pruned, or never came.
pub(crate) async fn absent(state: &AppState, hash: BlockHash) -> ApiError {
    let record = match state.reader.find_header(hash).await {
        Ok(record) => record,
        Err(error) => return error::store(error),
    };
    let height = record.map(|it| it.height.0);
    match (height, state.chain.prune_height()) {
        (Some(height), Some(pruned_below)) if height < pruned_below => {
            let detail = format!(
                "Block {hash} at height {height} was pruned: this node has the blocks from \
                 height {pruned_below} on."
            );
            ApiError::new(StatusCode::GONE, BLOCK_PRUNED, detail).with("prune_height", pruned_below)
        }
        _ => not_stored(hash),
    }
}

fn not_stored(hash: BlockHash) -> ApiError {
    not_found(
        BLOCK_NOT_STORED,
        format!("Of block {hash} only the header is stored."),
    )
}

/// Reads what a block spent; none when it was never connected.
///
/// # Errors
/// The store failed or is damaged.
pub(crate) async fn undo(state: &AppState, placed: &Placed) -> Result<Option<BlockUndo>, ApiError> {
    let hash = placed.record.hash;
    if placed.record.height == Height::GENESIS {
        // Its coinbase spends nothing, and it is never disconnected.
        return Ok(Some(BlockUndo::default()));
    }
    let Some(bytes) = state.reader.undo(hash).await.map_err(error::store)? else {
        return Ok(None);
    };
    let damaged = |cause| ApiError::internal(format!("undo data of {hash}: {cause}"));
    BlockUndo::decode(&bytes, hash).map(Some).map_err(damaged)
}

/// Reads where the transactions of a block begin and what they spent.
///
/// # Errors
/// The database is busy or damaged; the block or its undo data is not stored.
pub(crate) async fn spent(state: &AppState, placed: &Placed) -> Result<SpentIndex, ApiError> {
    let hash = placed.record.hash;
    let load = async {
        let raw = raw(state, hash).await?;
        let undo = undo(state, placed).await?;
        let damaged = |what: &dyn std::fmt::Display| ApiError::internal(format!("{hash}: {what}"));
        let undo = undo.ok_or_else(|| damaged(&"undo data is missing"))?;
        let (offsets, first_inputs) = starts(&raw).map_err(|error| damaged(&error))?;
        Ok(SpentIndex(Arc::new(BlockSpent {
            offsets,
            first_inputs,
            undo,
        })))
    };
    state.kept.spent.get_or_insert_async(&hash, load).await
}

fn not_found(code: &str, detail: String) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, code, detail)
}
