//! `GET /tx/{txid}/outspend/{vout}`.

use axum::extract::{Path, State};

use super::body::OutspendBody;
use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Who spends an output
///
/// An unknown output is an unspent one.
#[utoipa::path(
    get,
    path = "/tx/{txid}/outspend/{vout}",
    operation_id = "getTxOutspend",
    tag = "esplora",
    params(
        ("txid" = String, Path, description = "The transaction's id in hex."),
        ("vout" = u32, Path, description = "The index of the output."),
    ),
    responses(
        (status = 200, description = "Who spends it.", body = OutspendBody),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tx_outspend(
    State(explorer): State<Explorer>,
    Path((id, vout)): Path<(String, String)>,
) -> Answer {
    let (txid, vout) = (parse::txid(&id)?, parse::number(&vout)?);
    let mut snapshot = explorer.snapshot().await?;
    let outspends = match snapshot.tx(txid).await? {
        Some(view) => snapshot.outspends(&view).await?,
        None => Vec::new(),
    };
    let outspend = outspends.get(vout as usize).and_then(Option::as_ref);
    Reply::json(&OutspendBody::of(outspend), Keep::Moment)
}
