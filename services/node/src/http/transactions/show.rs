//! `GET /v1/transactions/{txid}`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use synod_api::node::TransactionBody;
use synod_api::{HashHex, HexBytes, Problem};
use synod_primitives::{BlockHash, Txid};
use synod_service::{ApiError, Path, Query};

use super::{confirmed, pending, raw};
use crate::http::render::answer;
use crate::state::AppState;

/// The query of a transaction.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionQuery {
    #[serde(default)]
    raw: bool,
}

/// Returns a transaction of the mempool or the active chain.
#[utoipa::path(
    get, path = "/v1/transactions/{txid}", tag = "transactions", operation_id = "getTransaction",
    summary = "Get a transaction",
    description = "A transaction of the mempool or of the active chain, with what its inputs \
                   spend, as JSON, or its bytes with `Accept: application/octet-stream`.",
    params(
        ("txid" = HashHex, Path, description = "The transaction's id", example = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"),
        ("raw" = Option<bool>, Query, description = "Adds the whole transaction in hex", example = false),
    ),
    responses(
        (status = 200, description = "The transaction", headers(("ETag" = String, description = "Names this answer")), content((TransactionBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The id or the query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such transaction (`transaction-not-found`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index of transactions is behind the chain, or too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_transaction(
    State(state): State<AppState>,
    Path(txid): Path<HashHex>,
    Query(query): Query<TransactionQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if answer::wants_raw(&headers) {
        return raw::answer(&state, txid, &headers).await;
    }
    let key = (
        Txid::from_bytes(txid.to_internal()),
        state.chain.view().hash,
    );
    if !query.raw
        && let Some(written) = state.kept.transaction_answers.get(&key)
    {
        return Ok(answer::kept(&headers, written));
    }
    let (mut body, tip) = show(&state, txid).await?;
    if query.raw {
        let transaction = raw::find(&state, txid).await?;
        body.raw = Some(HexBytes::from(transaction.raw().as_ref()));
        return answer::json(&headers, &body);
    }
    let written = answer::write(&body)?;
    // What is final can change without the tip: such answers are written anew.
    let is_kept = state.chain.view().finalized.is_none();
    if let Some(tip) = tip.filter(|_| is_kept) {
        let key = (key.0, tip);
        state.kept.transaction_answers.insert(key, written.clone());
    }
    Ok(answer::kept(&headers, written))
}

/// Shows a transaction; with the tip that the answer holds for, where it is confirmed.
async fn show(
    state: &AppState,
    txid: HashHex,
) -> Result<(TransactionBody, Option<BlockHash>), ApiError> {
    if let Some(body) = pending::show(state, Txid::from_bytes(txid.to_internal())).await? {
        return Ok((body, None));
    }
    let confirmed = confirmed::find(state, txid).await?;
    let (body, tip) = confirmed::show(state, &confirmed).await?;
    Ok((body, Some(tip)))
}
