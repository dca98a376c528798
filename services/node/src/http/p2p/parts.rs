//! `POST /p2p/v1/blocks/{hash}/transactions`.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use synod_api::p2p::{BlockTransactionsRequest, MAX_MISSING};
use synod_api::{HashHex, Problem};
use synod_gossip::{transactions_of_ranks, wire};
use synod_primitives::{Block, BlockHash};
use synod_service::{ApiError, Json, Path};

use super::seat::{From, Seat};
use crate::error;
use crate::state::AppState;

/// Sends transactions of a block.
#[utoipa::path(
    post, path = "/p2p/v1/blocks/{hash}/transactions", tag = "p2p", operation_id = "sendBlockTransactions",
    summary = "Get transactions of a block",
    description = "The transactions of the ranks asked for, each after its length in 4 bytes little-endian. The \
                   rank of a transaction is how many of the block's transactions without the coinbase have a \
                   smaller hash under the nonce: SipHash-2-4 of the wtxid, keyed with the first 16 bytes of \
                   the SHA-256 of the header and the nonce (BIP152).",
    params(("hash" = HashHex, Path, description = "The block")),
    request_body = BlockTransactionsRequest,
    responses(
        (status = 200, description = "Transactions", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "A rank is not in the block", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The block is not here", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The sender was sent too much lately", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn send_block_transactions(
    State(state): State<AppState>,
    Seat(peer): Seat,
    From(address): From,
    Path(hash): Path<HashHex>,
    Json(request): Json<BlockTransactionsRequest>,
) -> Result<Response, ApiError> {
    if request.ranks.len() > MAX_MISSING || !request.ranks.is_sorted_by(|a, b| a < b) {
        return Err(ApiError::bad_request("Ranks are in order, each once."));
    }
    super::budget::check(&state, address)?;
    let hash = BlockHash::from_bytes(hash.to_internal());
    let raw = state.reader.block(hash).await.map_err(error::store)?;
    let raw = raw.ok_or_else(|| ApiError::not_found("The block is not here."))?;
    let block = Block::decode(&raw).map_err(ApiError::internal)?;
    let mut body = Vec::new();
    let transactions = transactions_of_ranks(&block, request.nonce.into(), &request.ranks);
    let not_there = || ApiError::bad_request("A rank is not in the block.");
    for raw in transactions.ok_or_else(not_there)? {
        wire::write_frame(&mut body, &raw);
    }
    state.peers.count(peer, 0, body.len());
    state.peers.spend_upload(address, body.len());
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}
