//! The Esplora API: the same routes, bodies and refusals as electrs, without Elements' and
//! without `GET /broadcast` (a change by GET) and `/block-template` (the node has its own).

pub(crate) mod block;
mod block_header;
mod block_height;
mod block_raw;
mod block_status;
mod block_txid;
mod block_txids;
mod block_txs;
pub(crate) mod blocks;
pub(crate) mod body;
pub(crate) mod broadcast;
mod fee_estimates;
mod mempool;
mod mempool_recent;
mod mempool_txids;
mod package;
pub(crate) mod parse;
mod script_stats;
mod script_txs;
mod script_txs_chain;
mod script_txs_mempool;
mod script_utxo;
mod stake;
mod tip_hash;
mod tip_height;
mod tx;
mod tx_hex;
mod tx_merkle_proof;
mod tx_merkleblock_proof;
mod tx_outspend;
mod tx_outspends;
mod tx_raw;
mod tx_status;

use axum::http::{StatusCode, Uri};
use axum::middleware;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reply::{Refusal, not_modified};
use super::state::Explorer;

/// Confirmed transactions of a script in one answer; clients page by exactly this number.
const CHAIN_PAGE: u32 = 25;
/// Unconfirmed transactions of a script in one answer.
const MEMPOOL_PAGE: usize = 50;

/// The routes that mempool.space's API answers with more than Esplora's.
fn block_routes() -> OpenApiRouter<Explorer> {
    OpenApiRouter::new()
        .routes(routes!(blocks::latest_blocks))
        .routes(routes!(blocks::blocks_from))
        .routes(routes!(block::block))
}

/// The routes that mempool.space's API has unchanged.
pub(crate) fn shared_routes() -> OpenApiRouter<Explorer> {
    OpenApiRouter::new()
        .routes(routes!(tip_height::tip_height))
        .routes(routes!(tip_hash::tip_hash))
        .routes(routes!(block_height::block_height))
        .routes(routes!(block_header::block_header))
        .routes(routes!(block_status::block_status))
        .routes(routes!(block_txids::block_txids))
        .routes(routes!(block_txid::block_txid))
        .routes(routes!(block_raw::block_raw))
        .routes(routes!(block_txs::first_block_txs))
        .routes(routes!(block_txs::block_txs))
        .routes(routes!(tx::tx))
        .routes(routes!(tx_status::tx_status))
        .routes(routes!(tx_hex::tx_hex))
        .routes(routes!(tx_raw::tx_raw))
        .routes(routes!(tx_merkle_proof::tx_merkle_proof))
        .routes(routes!(tx_merkleblock_proof::tx_merkleblock_proof))
        .routes(routes!(tx_outspend::tx_outspend))
        .routes(routes!(tx_outspends::tx_outspends))
        .routes(routes!(broadcast::broadcast))
        .routes(routes!(package::package))
        .routes(routes!(mempool::mempool))
        .routes(routes!(mempool_txids::mempool_txids))
        .routes(routes!(mempool_recent::mempool_recent))
        .routes(routes!(fee_estimates::fee_estimates))
        .merge(script_routes())
}

fn script_routes() -> OpenApiRouter<Explorer> {
    OpenApiRouter::new()
        .routes(routes!(script_stats::address_stats))
        .routes(routes!(script_txs::address_txs))
        .routes(routes!(script_txs_mempool::address_txs_mempool))
        .routes(routes!(script_txs_chain::address_txs_chain))
        .routes(routes!(script_txs_chain::address_txs_chain_after))
        .routes(routes!(script_utxo::address_utxo))
        .routes(routes!(script_stats::scripthash_stats))
        .routes(routes!(script_txs::scripthash_txs))
        .routes(routes!(script_txs_mempool::scripthash_txs_mempool))
        .routes(routes!(script_txs_chain::scripthash_txs_chain))
        .routes(routes!(script_txs_chain::scripthash_txs_chain_after))
        .routes(routes!(script_utxo::scripthash_utxo))
}

/// All routes of the Esplora API.
pub(crate) fn routes() -> OpenApiRouter<Explorer> {
    block_routes()
        .merge(shared_routes())
        .routes(routes!(stake::stake))
        .layer(middleware::from_fn(not_modified))
}

/// Refuses a path that the API does not have, as electrs does.
pub(crate) async fn no_such_endpoint(uri: Uri) -> impl IntoResponse {
    let text = format!("endpoint does not exist {:?}", uri.path());
    Refusal {
        status: StatusCode::NOT_FOUND,
        text,
    }
}
