//! `GET /address/{address}/txs/mempool`, `GET /scripthash/{hash}/txs/mempool`.

use axum::extract::{Path, State};

use super::MEMPOOL_PAGE;
use super::body::TxBody;
use super::parse::Subject;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Unconfirmed transactions of an address
///
/// Up to 50, in the order of arrival.
#[utoipa::path(
    get,
    path = "/address/{address}/txs/mempool",
    operation_id = "listAddressMempoolTxs",
    tag = "esplora",
    params(
        ("address" = String, Path, description = "The address."),
    ),
    responses(
        (status = 200, description = "The transactions.", body = Vec<TxBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn address_txs_mempool(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::Address.key(&text)?).await
}

/// Unconfirmed transactions of a script
///
/// Up to 50, in the order of arrival.
#[utoipa::path(
    get,
    path = "/scripthash/{hash}/txs/mempool",
    operation_id = "listScriptHashMempoolTxs",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "SHA-256 of the locking script, in hex as it was computed."),
    ),
    responses(
        (status = 200, description = "The transactions.", body = Vec<TxBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn scripthash_txs_mempool(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::ScriptHash.key(&text)?).await
}

async fn list(explorer: &Explorer, key: [u8; 32]) -> Answer {
    let snapshot = explorer.snapshot().await?;
    let views = snapshot.script_pool_txs(&key, MEMPOOL_PAGE);
    Reply::json(&TxBody::list(&views), Keep::Moment)
}
