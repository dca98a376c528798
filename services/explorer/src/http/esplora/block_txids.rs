//! `GET /block/{hash}/txids`.

use axum::extract::{Path, State};

use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Ids of a block's transactions
///
/// In the block's order, all of them.
#[utoipa::path(
    get,
    path = "/block/{hash}/txids",
    operation_id = "listBlockTxids",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "The block's hash in hex."),
    ),
    responses(
        (status = 200, description = "The ids.", body = Vec<String>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block_txids(
    State(explorer): State<Explorer>,
    Path(hash): Path<String>,
) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let record = parse::block(&mut snapshot, &hash).await?;
    let txids = snapshot.txids(&record).await?;
    Reply::json(&txids, Keep::Forever)
}
