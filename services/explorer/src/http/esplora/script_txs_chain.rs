//! `GET /address/{address}/txs/chain`, `GET /address/{address}/txs/chain/{last}`, `GET /scripthash/{hash}/txs/chain`, `GET /scripthash/{hash}/txs/chain/{last}`.

use axum::extract::{Path, State};

use super::CHAIN_PAGE;
use super::body::TxBody;
use super::parse::Subject;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Confirmed transactions of an address
///
/// The 25 newest.
#[utoipa::path(
    get,
    path = "/address/{address}/txs/chain",
    operation_id = "listAddressChainTxs",
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
pub(crate) async fn address_txs_chain(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::Address.key(&text)?, None).await
}

/// Confirmed transactions of an address after one
///
/// The next 25; none when that one is not confirmed.
#[utoipa::path(
    get,
    path = "/address/{address}/txs/chain/{last}",
    operation_id = "listAddressChainTxsAfter",
    tag = "esplora",
    params(
        ("address" = String, Path, description = "The address."),
        ("last" = String, Path, description = "The id of the last transaction seen."),
    ),
    responses(
        (status = 200, description = "The transactions.", body = Vec<TxBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn address_txs_chain_after(
    State(explorer): State<Explorer>,
    Path((text, last)): Path<(String, String)>,
) -> Answer {
    list(&explorer, Subject::Address.key(&text)?, Some(&last)).await
}

/// Confirmed transactions of a script
///
/// The 25 newest.
#[utoipa::path(
    get,
    path = "/scripthash/{hash}/txs/chain",
    operation_id = "listScriptHashChainTxs",
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
pub(crate) async fn scripthash_txs_chain(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::ScriptHash.key(&text)?, None).await
}

/// Confirmed transactions of a script after one
///
/// The next 25; none when that one is not confirmed.
#[utoipa::path(
    get,
    path = "/scripthash/{hash}/txs/chain/{last}",
    operation_id = "listScriptHashChainTxsAfter",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "SHA-256 of the locking script, in hex as it was computed."),
        ("last" = String, Path, description = "The id of the last transaction seen."),
    ),
    responses(
        (status = 200, description = "The transactions.", body = Vec<TxBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn scripthash_txs_chain_after(
    State(explorer): State<Explorer>,
    Path((text, last)): Path<(String, String)>,
) -> Answer {
    list(&explorer, Subject::ScriptHash.key(&text)?, Some(&last)).await
}

async fn list(explorer: &Explorer, key: [u8; 32], last: Option<&str>) -> Answer {
    // A last id that is no id is read as none, as electrs does.
    let last = last.and_then(|last| last.parse().ok());
    let mut snapshot = explorer.snapshot().await?;
    let views = snapshot.script_chain_txs(&key, last, CHAIN_PAGE).await?;
    Reply::json(&TxBody::list(&views), Keep::Moment)
}
