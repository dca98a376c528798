//! `POST /tx`.

use axum::extract::State;
use bytes::Bytes;
use synod_api::ClientError;
use synod_primitives::{Transaction, hex};

use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// Hands a transaction to the node
///
/// The body is the transaction in hex, whatever its media type. When the answer has come, every
/// other route shows the transaction. A repeat is no failure.
#[utoipa::path(
    post,
    path = "/tx",
    operation_id = "broadcastTx",
    tag = "esplora",
    request_body(content = String, content_type = "text/plain", description = "The transaction in hex."),
    responses(
        (status = 200, description = "The transaction's id.", body = String, content_type = "text/plain"),
        (status = 400, description = "It is malformed or the node refuses it; the text ends with the reject code.", body = String, content_type = "text/plain"),
        (status = 503, description = "The node does not answer; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn broadcast(State(explorer): State<Explorer>, body: Bytes) -> Answer {
    let transaction = parse(&body)?;
    let txid = submit(&explorer, transaction).await?;
    Ok(Reply::text(txid, Keep::Never))
}

/// Reads a transaction in hex; white space around it is passed over.
pub(crate) fn parse(body: &[u8]) -> Result<Transaction, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::bad("Invalid hex string"))?;
    let raw = hex::decode(text.trim()).map_err(|_| Refusal::bad("Invalid hex string"))?;
    let transaction = Transaction::decode(&Bytes::from(raw));
    // What does not decode never reaches the node; the answer is the one that Core gives.
    transaction.map_err(|_| Refusal::bad(rpc_error("sendrawtransaction", -22, "TX decode failed")))
}

/// Hands a transaction to the node and shows it at once.
pub(crate) async fn submit(
    explorer: &Explorer,
    transaction: Transaction,
) -> Result<synod_primitives::Txid, Refusal> {
    match explorer.node.submit(transaction.raw().clone()).await {
        Ok(txid) => {
            explorer.follower.show(transaction).await;
            Ok(txid)
        }
        Err(error) => Err(refusal("sendrawtransaction", &error)),
    }
}

/// Writes an error of the node as electrs writes those of Core.
pub(crate) fn rpc_error(method: &str, number: i32, message: &str) -> String {
    format!("{method} RPC error {number}: {message}")
}

/// Turns what the node said into a refusal: 400 for a verdict, 503 for its absence.
pub(crate) fn refusal(method: &str, error: &ClientError) -> Refusal {
    match error {
        ClientError::Problem(problem) if (400..500).contains(&problem.status) => {
            let number = match problem.code.as_str() {
                "bad-txns-inputs-missingorspent" | "missing-inputs" => -25,
                "txn-already-known" => -27,
                _ => -26,
            };
            Refusal::bad(rpc_error(method, number, &problem.code))
        }
        error => {
            tracing::warn!(%error, "the node did not take a transaction");
            Refusal::unavailable("the node does not answer")
        }
    }
}
