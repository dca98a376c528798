//! `GET /tx/{txid}`.

use axum::extract::{Path, State};

use super::body::TxBody;
use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// A transaction
///
/// Of the active chain or the mempool.
#[utoipa::path(
    get,
    path = "/tx/{txid}",
    operation_id = "getTx",
    tag = "esplora",
    params(
        ("txid" = String, Path, description = "The transaction's id in hex."),
    ),
    responses(
        (status = 200, description = "The transaction.", body = TxBody),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tx(State(explorer): State<Explorer>, Path(id): Path<String>) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let view = parse::tx(&mut snapshot, &id).await?;
    Reply::json(&TxBody::of(&view), Keep::Moment)
}
