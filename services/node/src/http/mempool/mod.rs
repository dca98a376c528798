//! The mempool.

mod cursor;
mod entries;
mod entry;
mod prioritise;
mod show;

use std::sync::RwLockReadGuard;

use synod_mempool::Mempool;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::{self, AppState};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show::get_mempool))
        .routes(routes!(entry::get_mempool_entry))
}

/// The list of all entries, of which a page has a thousand.
pub(crate) fn entries_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(entries::get_mempool_entries))
}

/// What the operator decides.
pub(crate) fn operator_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(prioritise::prioritise))
}

/// Locks the mempool for reading.
pub(crate) fn read(state: &AppState) -> RwLockReadGuard<'_, Mempool> {
    state::read(state.chain.mempool())
}
