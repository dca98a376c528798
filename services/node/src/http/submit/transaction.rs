//! `POST /v1/transactions`.

use axum::extract::State;
use bytes::Bytes;
use synod_api::node::SubmitTransaction;
use synod_api::{HashHex, Problem};
use synod_mempool::Options;
use synod_node_core::{Admission, CLIENTS, Offer};
use synod_primitives::Transaction;
use synod_service::{ApiError, Json, RawOrHex};

use crate::error;
use crate::state::{AppState, read};

/// Submits a transaction to the mempool.
#[utoipa::path(
    post, path = "/v1/transactions", tag = "transactions", operation_id = "submitTransaction",
    summary = "Submit a transaction",
    description = "Submits a transaction, raw or in hex, to the mempool. One that is there already \
                   is answered as if it were new. A rejection has Bitcoin Core's reject string. \
                   A transaction whose parents are missing is answered with 422 and \
                   `orphan: true`: it is held in memory for up to 20 minutes, not in the \
                   mempool, and joins it by itself when its parents come.",
    request_body(content((Vec<u8> = "application/octet-stream"), (String = "text/plain"))),
    responses(
        (status = 200, description = "The transaction is in the mempool", body = SubmitTransaction),
        (status = 400, description = "The body is no transaction", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The transaction is rejected", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn submit_transaction(
    State(state): State<AppState>,
    RawOrHex(raw): RawOrHex,
) -> Result<Json<SubmitTransaction>, ApiError> {
    let transaction = decode(&raw)?;
    let ids = SubmitTransaction {
        txid: HashHex::from_internal(transaction.txid().to_bytes()),
        wtxid: HashHex::from_internal(transaction.wtxid().to_bytes()),
    };
    // What is here already needs no place in the queue.
    if read(state.chain.mempool())
        .find_by_wtxid(&transaction.wtxid())
        .is_some()
    {
        return Ok(Json(ids));
    }
    let offer = Offer {
        transaction,
        options: Options::default(),
        from: CLIENTS,
    };
    match state.chain.admit(offer).await.map_err(error::unavailable)? {
        Admission::Accepted(_) => Ok(Json(ids)),
        Admission::Rejected(rejected) if rejected.is_known() => Ok(Json(ids)),
        Admission::Rejected(rejected) => Err(error::rejected(&rejected)),
        Admission::Held(rejected) => Err(error::held(&rejected)),
    }
}

/// Decodes a transaction from a request's body.
pub(crate) fn decode(raw: &Bytes) -> Result<Transaction, ApiError> {
    Transaction::decode(raw).map_err(|error| {
        let status = axum::http::StatusCode::BAD_REQUEST;
        ApiError::new(
            status,
            "tx-malformed",
            format!("The body is no transaction: {error}."),
        )
    })
}
