//! `GET /block/{hash}/txs`, `GET /block/{hash}/txs/{start_index}`.

use axum::extract::{Path, State};

use super::body::TxBody;
use super::parse;
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// The first 25 transactions of a block
#[utoipa::path(
    get,
    path = "/block/{hash}/txs",
    operation_id = "listBlockTxs",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "The block's hash in hex."),
    ),
    responses(
        (status = 200, description = "The transactions.", body = Vec<TxBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn first_block_txs(
    State(explorer): State<Explorer>,
    Path(hash): Path<String>,
) -> Answer {
    list(&explorer, &hash, 0).await
}

/// 25 transactions of a block
#[utoipa::path(
    get,
    path = "/block/{hash}/txs/{start_index}",
    operation_id = "listBlockTxsFrom",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "The block's hash in hex."),
        ("start_index" = u32, Path, description = "The first position, a multiple of 25."),
    ),
    responses(
        (status = 200, description = "The transactions.", body = Vec<TxBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block_txs(
    State(explorer): State<Explorer>,
    Path((hash, start)): Path<(String, String)>,
) -> Answer {
    list(&explorer, &hash, parse::number(&start)?).await
}

/// Transactions in one answer.
const PAGE: u32 = 25;

async fn list(explorer: &Explorer, hash: &str, start: u32) -> Answer {
    if !start.is_multiple_of(PAGE) {
        return Err(Refusal::bad("start index must be a multiple of 25"));
    }
    let mut snapshot = explorer.snapshot().await?;
    let record = parse::block(&mut snapshot, hash).await?;
    if start >= record.tx_count {
        return Err(Refusal::missing("start index out of range"));
    }
    let views = snapshot.block_txs(&record, start, PAGE).await?;
    Reply::json(&TxBody::list(&views), Keep::Moment)
}
