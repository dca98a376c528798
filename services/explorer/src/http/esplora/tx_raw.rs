//! `GET /tx/{txid}/raw`.

use axum::extract::{Path, State};

use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// The bytes of a transaction
#[utoipa::path(
    get,
    path = "/tx/{txid}/raw",
    operation_id = "getTxRaw",
    tag = "esplora",
    params(
        ("txid" = String, Path, description = "The transaction's id in hex."),
    ),
    responses(
        (status = 200, description = "The transaction in consensus encoding.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tx_raw(State(explorer): State<Explorer>, Path(id): Path<String>) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let view = parse::tx(&mut snapshot, &id).await?;
    Ok(Reply::bytes(view.transaction.raw().to_vec(), Keep::Moment))
}
