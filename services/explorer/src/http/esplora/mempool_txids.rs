//! `GET /mempool/txids`.

use axum::extract::State;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Ids of the mempool's transactions
///
/// In no order.
#[utoipa::path(
    get,
    path = "/mempool/txids",
    operation_id = "listMempoolTxids",
    tag = "esplora",
    responses(
        (status = 200, description = "The ids.", body = Vec<String>),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn mempool_txids(State(explorer): State<Explorer>) -> Answer {
    let snapshot = explorer.snapshot().await?;
    let txids: Vec<_> = snapshot
        .pool
        .entries()
        .map(|entry| entry.transaction.txid())
        .collect();
    Reply::json(&txids, Keep::Moment)
}
