//! `POST /p2p/v1/transactions`.

use std::sync::PoisonError;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use synod_api::Problem;
use synod_api::p2p::{MAX_REQUESTED_TRANSACTIONS, TransactionsRequest};
use synod_gossip::wire;
use synod_primitives::{Txid, Wtxid};
use synod_service::{ApiError, Json};

use super::seat::Session;
use crate::state::AppState;

/// The bytes of transactions in one answer past which no further one is added.
const ANSWER_BYTES: usize = 8 << 20;

/// Sends transactions of the mempool.
#[utoipa::path(
    post, path = "/p2p/v1/transactions", tag = "p2p", operation_id = "sendTransactions",
    summary = "Get transactions of the mempool",
    description = "Those of the transactions that are in the mempool, each after its length in 4 \
                   bytes little-endian; `txids` names parents of transactions that this node sent.",
    request_body = TransactionsRequest,
    responses(
        (status = 200, description = "Transactions", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn send_transactions(
    State(state): State<AppState>,
    Session(session): Session,
    Json(request): Json<TransactionsRequest>,
) -> Result<Response, ApiError> {
    let count = request.wtxids.len().saturating_add(request.txids.len());
    if count > MAX_REQUESTED_TRANSACTIONS {
        let detail = format!("At most {MAX_REQUESTED_TRANSACTIONS} transactions are asked for.");
        return Err(ApiError::bad_request(detail));
    }
    let mut body = Vec::new();
    {
        let mempool = state
            .chain
            .mempool()
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for wtxid in &request.wtxids {
            let found = mempool.find_by_wtxid(&Wtxid::from_bytes(wtxid.to_internal()));
            if let Some(entry) = found.filter(|_| body.len() < ANSWER_BYTES) {
                wire::write_frame(&mut body, entry.transaction().raw());
            }
        }
        for txid in &request.txids {
            let found = mempool.find(&Txid::from_bytes(txid.to_internal()));
            if let Some(entry) = found.filter(|_| body.len() < ANSWER_BYTES) {
                wire::write_frame(&mut body, entry.transaction().raw());
            }
        }
    }
    if let Some(peer) = session.and_then(|it| state.peers.find_session(it)) {
        state.peers.count(peer, 32 * count, body.len());
    }
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}
