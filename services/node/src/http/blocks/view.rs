//! A block as JSON.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use synod_primitives::Block;
use synod_service::{ApiError, cache};
use tokio::sync::Semaphore;

use super::load;
use super::place::Placed;
use crate::http::render::answer;
use crate::http::render::block::{LoadedBlock, block};
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
        let etag = etag(&placed, query.transactions);
        if let Some(response) = answer::not_modified(headers, &etag) {
            return Ok(response);
        }
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
            let full = query.transactions == Detail::Full;
            answer::write(&block(&loaded, &state.spec, full)?)
        };
        let written = tokio::task::spawn_blocking(write)
            .await
            .map_err(ApiError::internal)??;
        Ok(cache::revalidated(headers, &etag, || {
            answer::written(written)
        }))
    }
}

/// Names everything that the JSON depends on: the block, its status, and the tip, which
/// confirmations and the next block follow.
fn etag(placed: &Placed, detail: Detail) -> String {
    let (hash, tip, status) = (placed.record.hash, placed.tip.1, placed.status());
    format!("\"{hash}-{tip}-{status:?}-{detail:?}\"")
}
