//! `GET /address/{address}/utxo`, `GET /scripthash/{hash}/utxo`.

use axum::extract::{Path, State};

use super::body::UtxoBody;
use super::parse::Subject;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Unspent outputs of an address
///
/// All of them, unconfirmed ones too, without those that the mempool spends.
#[utoipa::path(
    get,
    path = "/address/{address}/utxo",
    operation_id = "listAddressUtxos",
    tag = "esplora",
    params(
        ("address" = String, Path, description = "The address."),
    ),
    responses(
        (status = 200, description = "The outputs.", body = Vec<UtxoBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn address_utxo(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::Address.key(&text)?).await
}

/// Unspent outputs of a script
///
/// All of them, unconfirmed ones too, without those that the mempool spends.
#[utoipa::path(
    get,
    path = "/scripthash/{hash}/utxo",
    operation_id = "listScriptHashUtxos",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "SHA-256 of the locking script, in hex as it was computed."),
    ),
    responses(
        (status = 200, description = "The outputs.", body = Vec<UtxoBody>),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn scripthash_utxo(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    list(&explorer, Subject::ScriptHash.key(&text)?).await
}

async fn list(explorer: &Explorer, key: [u8; 32]) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let unspent = snapshot.unspent(&key).await?;
    let bodies: Vec<_> = unspent.iter().map(UtxoBody::of).collect();
    Reply::json(&bodies, Keep::Moment)
}
