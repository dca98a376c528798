//! `GET /address/{address}/txs`, `GET /scripthash/{hash}/txs`.

use axum::extract::{Path, State};

use super::body::TxBody;
use super::parse::Subject;
use super::{CHAIN_PAGE, MEMPOOL_PAGE};
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Transactions of an address
///
/// Up to 50 of the mempool, then the 25 newest of the chain.
#[utoipa::path(
    get,
    path = "/address/{address}/txs",
    operation_id = "listAddressTxs",
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
pub(crate) async fn address_txs(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::Address.key(&text)?).await
}

/// Transactions of a script
///
/// Up to 50 of the mempool, then the 25 newest of the chain.
#[utoipa::path(
    get,
    path = "/scripthash/{hash}/txs",
    operation_id = "listScriptHashTxs",
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
pub(crate) async fn scripthash_txs(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::ScriptHash.key(&text)?).await
}

async fn list(explorer: &Explorer, key: [u8; 32]) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let mut views = snapshot.script_pool_txs(&key, MEMPOOL_PAGE);
    views.extend(snapshot.script_chain_txs(&key, None, CHAIN_PAGE).await?);
    Reply::json(&TxBody::list(&views), Keep::Moment)
}
