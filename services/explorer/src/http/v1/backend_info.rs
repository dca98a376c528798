//! `GET /api/v1/backend-info`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Which program serves which chain.
#[derive(Serialize, ToSchema)]
#[schema(as = BackendInfo)]
pub(crate) struct BackendBody {
    /// The program.
    backend: &'static str,
    /// Its version.
    version: &'static str,
    /// The network's name.
    network: Option<String>,
    /// The network's chain id.
    chain_id: Option<String>,
    /// The engine that decides who may add a block.
    engine: Option<String>,
    /// The hash of block 0.
    genesis_hash: Option<String>,
    /// The height of the last block.
    height: u32,
    /// True when the index has reached the node's tip.
    synced: bool,
}

/// Which program serves which chain
///
/// A wallet that finds no common block compares `chain_id`: the chain was reset, or is another.
#[utoipa::path(
    get,
    path = "/backend-info",
    operation_id = "getBackendInfo",
    tag = "mempool-v1",
    responses(
        (status = 200, description = "Program and chain.", body = BackendBody),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn backend_info(State(explorer): State<Explorer>) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let network = explorer.follower.network();
    let genesis = snapshot.reader.block_at(0).await?;
    let body = BackendBody {
        backend: "synod-explorer",
        version: env!("CARGO_PKG_VERSION"),
        network: network.as_ref().map(|it| it.name.clone()),
        chain_id: network.as_ref().map(|it| it.chain_id.clone()),
        engine: network.as_ref().map(|it| it.engine.clone()),
        genesis_hash: genesis.map(|record| record.hash.to_string()),
        height: snapshot.tip.height,
        synced: explorer.follower.has_caught_up(),
    };
    Reply::json(&body, Keep::Moment)
}
