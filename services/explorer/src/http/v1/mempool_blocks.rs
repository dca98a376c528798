//! `GET /api/v1/fees/mempool-blocks`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;
use crate::pool::ProjectedBlock;

/// A block that the mempool would make.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MempoolBlock)]
pub(crate) struct MempoolBlockBody {
    /// Bytes.
    block_size: u64,
    /// Virtual bytes.
    #[serde(rename = "blockVSize")]
    block_vsize: u64,
    /// Transactions.
    n_tx: usize,
    /// Fees in satoshis.
    total_fees: i64,
    /// The fee rate in the middle, in sat/vB.
    median_fee: f64,
    /// Fee rates from the lowest to the highest, in sat/vB.
    fee_range: Vec<f64>,
}

impl From<&ProjectedBlock> for MempoolBlockBody {
    fn from(block: &ProjectedBlock) -> Self {
        Self {
            block_size: block.size,
            block_vsize: block.vsize,
            n_tx: block.tx_count,
            total_fees: block.fees_sat,
            median_fee: block.median_rate(),
            fee_range: block.rate_range(),
        }
    }
}

/// The next blocks, as the mempool would make them
///
/// Up to eight; the last one holds all the rest.
#[utoipa::path(
    get,
    path = "/fees/mempool-blocks",
    operation_id = "listMempoolBlocks",
    tag = "mempool-v1",
    responses(
        (status = 200, description = "The blocks, the next one first.", body = Vec<MempoolBlockBody>),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn mempool_blocks(State(explorer): State<Explorer>) -> Answer {
    let pool = explorer.snapshot().await?.pool;
    let blocks: Vec<MempoolBlockBody> = pool
        .projection()
        .blocks
        .iter()
        .map(MempoolBlockBody::from)
        .collect();
    Reply::json(&blocks, Keep::Moment)
}
