//! `GET /v1/mempool/entries/{txid}`.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use synod_api::node::MempoolEntry;
use synod_api::{AmountSat, HashHex, Problem};
use synod_mempool::{Aggregate, Entry, Mempool};
use synod_primitives::Txid;
use synod_service::{ApiError, Path};

use super::read;
use crate::http::render::{amount, answer, narrow, satoshis, txid, wtxid};
use crate::state::AppState;

/// Returns a transaction's place in the mempool.
#[utoipa::path(
    get, path = "/v1/mempool/entries/{txid}", tag = "mempool", operation_id = "getMempoolEntry",
    summary = "Get a transaction's place in the mempool",
    description = "What a waiting transaction pays, alone and with those that it hangs together \
                   with.",
    params(("txid" = HashHex, Path, description = "The transaction's id", example = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")),
    responses(
        (status = 200, description = "The entry", headers(("ETag" = String, description = "Names this answer")), body = MempoolEntry),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The id is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The transaction is not in the mempool (`transaction-not-found`)", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_mempool_entry(
    State(state): State<AppState>,
    Path(txid): Path<HashHex>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = {
        let mempool = read(&state);
        mempool
            .find(&Txid::from_bytes(txid.to_internal()))
            .map(|entry| body(&mempool, entry))
    };
    let body = found.ok_or_else(|| {
        let detail = format!("No transaction {txid} is in the mempool.");
        ApiError::new(StatusCode::NOT_FOUND, "transaction-not-found", detail)
    })?;
    answer::json(&headers, &body)
}

/// Shows an entry.
pub(super) fn body(mempool: &Mempool, entry: &Entry) -> MempoolEntry {
    let transaction = entry.transaction();
    let cost = entry.cost();
    let spent = transaction.inputs().iter().map(|input| input.prevout.txid);
    let parents: BTreeSet<Txid> = spent.filter(|txid| mempool.find(txid).is_some()).collect();
    let outputs =
        (0..narrow(transaction.outputs().len() as u64)).map(|it| transaction.outpoint(it));
    let children: BTreeSet<Txid> = outputs
        .filter_map(|outpoint| mempool.find_spender(&outpoint))
        .map(Entry::txid)
        .collect();
    let (ancestors, descendants) = (entry.ancestors(), entry.descendants());
    MempoolEntry {
        txid: txid(entry.txid()),
        wtxid: wtxid(entry.wtxid()),
        fee_sat: amount(cost.fee),
        vsize: narrow(cost.vsize),
        weight: narrow(cost.weight),
        time: entry.arrival().time,
        ancestor_count: narrow(ancestors.count),
        ancestor_vsize: ancestors.vsize,
        ancestor_fee_sat: fees(ancestors),
        descendant_count: narrow(descendants.count),
        descendant_vsize: descendants.vsize,
        descendant_fee_sat: fees(descendants),
        depends: parents.into_iter().map(txid).collect(),
        spent_by: children.into_iter().map(txid).collect(),
        is_replaceable: mempool.policy().full_rbf || entry.signals_replacement(),
    }
}

/// Fees with what an operator added or took off; below zero they are shown as none.
fn fees(aggregate: &Aggregate) -> AmountSat {
    satoshis(u64::try_from(aggregate.fees_sat.max(0)).unwrap_or(u64::MAX))
}
