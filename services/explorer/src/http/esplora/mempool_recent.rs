//! `GET /mempool/recent`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Transactions in one answer.
const PAGE: usize = 10;

/// A transaction that arrived lately.
#[derive(Serialize, ToSchema)]
#[schema(as = RecentTx)]
pub(crate) struct RecentBody {
    /// Its id.
    txid: String,
    /// Its fee in satoshis.
    fee: i64,
    /// Its virtual bytes.
    vsize: u64,
    /// The sum of what its inputs spend, in satoshis.
    value: i64,
}

/// The last ten transactions that joined the mempool
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/mempool/recent",
    operation_id = "listRecentTxs",
    tag = "esplora",
    responses(
        (status = 200, description = "The transactions.", body = Vec<RecentBody>),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn mempool_recent(State(explorer): State<Explorer>) -> Answer {
    let pool = explorer.snapshot().await?.pool;
    let bodies: Vec<RecentBody> = pool
        .recent()
        .take(PAGE)
        .map(|entry| RecentBody {
            txid: entry.transaction.txid().to_string(),
            fee: entry.fee_sat,
            vsize: entry.vsize(),
            value: entry.prevouts.iter().map(|output| output.value.sat()).sum(),
        })
        .collect();
    Reply::json(&bodies, Keep::Moment)
}
