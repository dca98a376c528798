//! The extras of mempool.space's API that cost little, beside the unchanged Esplora routes.

mod backend_info;
mod blocks;
mod difficulty_adjustment;
mod fees;
mod mempool_blocks;
mod validate_address;

use axum::middleware;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reply::not_modified;
use super::state::Explorer;

/// The routes that Esplora does not have, or not with so much in them.
pub(crate) fn routes() -> OpenApiRouter<Explorer> {
    OpenApiRouter::new()
        .routes(routes!(fees::recommended))
        .routes(routes!(mempool_blocks::mempool_blocks))
        .routes(routes!(blocks::latest_blocks))
        .routes(routes!(blocks::blocks_from))
        .routes(routes!(blocks::block))
        .routes(routes!(difficulty_adjustment::difficulty_adjustment))
        .routes(routes!(validate_address::validate_address))
        .routes(routes!(backend_info::backend_info))
        .layer(middleware::from_fn(not_modified))
}
