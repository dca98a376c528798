//! The mempool.

mod cursor;
mod entries;
mod entry;
mod show;

use std::sync::{PoisonError, RwLockReadGuard};

use synod_mempool::Mempool;
use synod_node_core::SharedMempool;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show::get_mempool))
        .routes(routes!(entries::get_mempool_entries))
        .routes(routes!(entry::get_mempool_entry))
}

/// Locks the mempool for reading.
pub(crate) fn read(state: &AppState) -> RwLockReadGuard<'_, Mempool> {
    read_shared(state.chain.mempool())
}

/// Locks a mempool for reading.
///
/// Correctness: a panic of the chain thread ends the node; until then readers may look.
pub(crate) fn read_shared(mempool: &SharedMempool) -> RwLockReadGuard<'_, Mempool> {
    mempool.read().unwrap_or_else(PoisonError::into_inner)
}
