//! `GET /tx/{txid}/status`.

use axum::extract::{Path, State};

use super::body::StatusBody;
use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Whether a transaction is confirmed
///
/// An unknown transaction is an unconfirmed one.
#[utoipa::path(
    get,
    path = "/tx/{txid}/status",
    operation_id = "getTxStatus",
    tag = "esplora",
    params(
        ("txid" = String, Path, description = "The transaction's id in hex."),
    ),
    responses(
        (status = 200, description = "Where it is.", body = StatusBody),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tx_status(State(explorer): State<Explorer>, Path(id): Path<String>) -> Answer {
    let txid = parse::txid(&id)?;
    let mut snapshot = explorer.snapshot().await?;
    let place = snapshot.place(txid).await?;
    let status = place
        .as_ref()
        .map_or(StatusBody::UNCONFIRMED, StatusBody::of);
    Reply::json(&status, Keep::Moment)
}
