//! `GET /tx/{txid}/outspends`.

use axum::extract::{Path, State};

use super::body::OutspendBody;
use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Who spends each output of a transaction
///
/// One entry for each output, in order.
#[utoipa::path(
    get,
    path = "/tx/{txid}/outspends",
    operation_id = "listTxOutspends",
    tag = "esplora",
    params(
        ("txid" = String, Path, description = "The transaction's id in hex."),
    ),
    responses(
        (status = 200, description = "Who spends them.", body = Vec<OutspendBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tx_outspends(
    State(explorer): State<Explorer>,
    Path(id): Path<String>,
) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let view = parse::tx(&mut snapshot, &id).await?;
    let outspends = snapshot.outspends(&view).await?;
    let bodies: Vec<_> = outspends
        .iter()
        .map(|it| OutspendBody::of(it.as_ref()))
        .collect();
    Reply::json(&bodies, Keep::Moment)
}
