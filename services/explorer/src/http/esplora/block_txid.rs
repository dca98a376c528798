//! `GET /block/{hash}/txid/{index}`.

use axum::extract::{Path, State};

use super::parse;
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// Id of a transaction by its position
#[utoipa::path(
    get,
    path = "/block/{hash}/txid/{index}",
    operation_id = "getBlockTxid",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "The block's hash in hex."),
        ("index" = u32, Path, description = "The position in the block, from 0."),
    ),
    responses(
        (status = 200, description = "The id.", body = String, content_type = "text/plain"),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block_txid(
    State(explorer): State<Explorer>,
    Path((hash, index)): Path<(String, String)>,
) -> Answer {
    let index = parse::number(&index)?;
    let mut snapshot = explorer.snapshot().await?;
    let record = parse::block(&mut snapshot, &hash).await?;
    let txids = snapshot.txids(&record).await?;
    let txid = txids.get(index as usize);
    let txid = txid.ok_or_else(|| Refusal::missing("tx index out of range"))?;
    Ok(Reply::text(txid, Keep::Forever))
}
