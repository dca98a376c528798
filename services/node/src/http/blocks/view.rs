//! A block as JSON.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use synod_api::HashHex;
use synod_api::node::{Finalized, TipStatus};
use synod_primitives::{Block, BlockHash};
use synod_service::{ApiError, cache};
use tokio::sync::Semaphore;

use super::load;
use super::place::Placed;
use crate::http::render::block::{LoadedBlock, block};
use crate::http::render::{answer, finalized};
use crate::state::AppState;

/// The most blocks that are written as JSON at once; further requests wait.
///
/// Security: one block can take a hundred megabytes on its way to JSON.
const MAX_RENDERED_BLOCKS: usize = 4;

/// What a block's JSON says of its transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Detail {
    /// Their ids.
    #[default]
    Ids,
    /// Themselves.
    Full,
}

/// The query of a block.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockQuery {
    #[serde(default)]
    transactions: Detail,
}

impl BlockQuery {
    fn is_full(self) -> bool {
        self.transactions == Detail::Full
    }
}

/// Bounds how many blocks are written at once.
#[derive(Clone)]
pub(crate) struct Renderers(Arc<Semaphore>);

impl Default for Renderers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_RENDERED_BLOCKS)))
    }
}

impl Renderers {
    /// Answers a block as JSON.
    ///
    /// # Errors
    /// 404 when only its header is there; the store failed.
    pub(crate) async fn answer(
        &self,
        state: &AppState,
        placed: Placed,
        query: BlockQuery,
        headers: &HeaderMap,
    ) -> Result<Response, ApiError> {
        let finalized = finalized(&state.chain.view());
        let height = finalized.as_ref().map(|it| it.height);
        let etag = etag(&placed, height, query.transactions);
        if let Some(response) = answer::not_modified(headers, &etag) {
            return Ok(response);
        }
        let key = (placed.record.hash, placed.tip.1, query.is_full());
        // What is final can change without the tip: such answers are written anew.
        let written = if placed.is_active && finalized.is_none() {
            let write = self.write(state, placed, finalized, query);
            let answers = &state.kept.block_answers;
            answers.get_or_insert_async(&key, write).await?
        } else {
            self.write(state, placed, finalized, query).await?
        };
        Ok(cache::revalidated(headers, &etag, || {
            answer::written(written)
        }))
    }

    /// Answers with what was written before for an active block under the present tip.
    pub(crate) fn kept(
        state: &AppState,
        hash: HashHex,
        query: BlockQuery,
        headers: &HeaderMap,
    ) -> Option<Response> {
        let hash = BlockHash::from_bytes(hash.to_internal());
        let tip = state.chain.view().hash;
        let answers = &state.kept.block_answers;
        let written = answers.get(&(hash, tip, query.is_full()))?;
        let etag = tag((hash, tip), None, TipStatus::Active, query.transactions);
        Some(cache::revalidated(headers, &etag, || {
            answer::written(written)
        }))
    }

    async fn write(
        &self,
        state: &AppState,
        placed: Placed,
        finalized: Option<Finalized>,
        query: BlockQuery,
    ) -> Result<Bytes, ApiError> {
        let _slot = self.0.acquire().await.map_err(ApiError::internal)?;
        let raw = load::raw(state, placed.record.hash).await?;
        let undo = load::undo(state, &placed).await?;
        let state = state.clone();
        let write = move || {
            let damaged = |cause| ApiError::internal(format!("block: {cause}"));
            let decoded = Block::decode(&raw).map_err(damaged)?;
            let loaded = LoadedBlock {
                placed,
                block: decoded,
                undo,
            };
            answer::write(&block(
                &loaded,
                &state.spec,
                finalized.as_ref(),
                query.is_full(),
            )?)
        };
        tokio::task::spawn_blocking(write)
            .await
            .map_err(ApiError::internal)?
    }
}

/// Names everything that the JSON depends on: the block, its status, the tip, which
/// confirmations and the next block follow, and what is final.
fn etag(placed: &Placed, finalized: Option<u32>, detail: Detail) -> String {
    let blocks = (placed.record.hash, placed.tip.1);
    tag(blocks, finalized, placed.status(), detail)
}

fn tag(
    (hash, tip): (BlockHash, BlockHash),
    finalized: Option<u32>,
    status: TipStatus,
    detail: Detail,
) -> String {
    let finalized = finalized.unwrap_or(0);
    format!("\"{hash}-{tip}-{finalized}-{status:?}-{detail:?}\"")
}
