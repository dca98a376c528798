//! `GET /v1/transactions/{txid}/raw`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::{HashHex, Problem};
use synod_primitives::{Transaction, Txid};
use synod_service::{ApiError, Path, cache};

use super::{confirmed, pending};
use crate::http::render::answer::octets;
use crate::state::AppState;

/// Returns the bytes of a transaction of the mempool or the active chain.
#[utoipa::path(
    get, path = "/v1/transactions/{txid}/raw", tag = "transactions", operation_id = "getRawTransaction",
    summary = "Get a transaction's bytes",
    description = "The bytes of a transaction of the mempool or of the active chain, with \
                   witnesses, in Bitcoin's encoding. The tag is the id with witnesses.",
    params(("txid" = HashHex, Path, description = "The transaction's id", example = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")),
    responses(
        (status = 200, description = "The transaction", headers(("ETag" = String, description = "The id with witnesses")), body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "The id is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such transaction (`transaction-not-found`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index of transactions is behind the chain", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_raw_transaction(
    State(state): State<AppState>,
    Path(txid): Path<HashHex>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&state, txid, &headers).await
}

/// Answers the bytes of the transaction with this id.
///
/// Correctness: the id does not cover the witnesses, which may be others in a block than they
/// were in the mempool, so the bytes are asked for again each time.
pub(super) async fn answer(
    state: &AppState,
    txid: HashHex,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let transaction = find(state, txid).await?;
    let etag = format!("\"{}\"", transaction.wtxid());
    Ok(cache::revalidated(headers, &etag, || {
        octets(transaction.raw().clone())
    }))
}

/// Finds a transaction of the mempool or the active chain.
pub(super) async fn find(state: &AppState, txid: HashHex) -> Result<Transaction, ApiError> {
    if let Some(found) = pending::find(state, Txid::from_bytes(txid.to_internal())) {
        return Ok((*found).clone());
    }
    Ok(confirmed::find(state, txid).await?.transaction)
}
