//! `POST /v1/transactions/test`.

use axum::extract::State;
use synod_api::node::TestTransaction;
use synod_api::{AmountSat, HashHex, Problem};
use synod_mempool::{Accepted, Options, Rejected};
use synod_primitives::Transaction;
use synod_service::{ApiError, Json, RawOrHex};

use super::transaction::decode;
use crate::error;
use crate::state::AppState;

/// Says whether the mempool would take a transaction, and changes nothing.
#[utoipa::path(
    post, path = "/v1/transactions/test", tag = "transactions", operation_id = "testTransaction",
    summary = "Test a transaction",
    description = "Says whether the mempool would take a transaction, raw or in hex, and changes nothing.",
    request_body(content((Vec<u8> = "application/octet-stream"), (String = "text/plain"))),
    responses(
        (status = 200, description = "What would happen", body = TestTransaction),
        (status = 400, description = "The body is no transaction", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test_transaction(
    State(state): State<AppState>,
    RawOrHex(raw): RawOrHex,
) -> Result<Json<TestTransaction>, ApiError> {
    let transaction = decode(&raw)?;
    let tested = transaction.clone();
    let result = state
        .chain
        .run(move |node, now| node.test_transaction(&tested, Options::default(), now))
        .await
        .map_err(error::unavailable)?;
    Ok(Json(body(&transaction, &result)))
}

fn body(transaction: &Transaction, result: &Result<Accepted, Rejected>) -> TestTransaction {
    let fee = |accepted: &Accepted| AmountSat::new(accepted.fee.to_sat_unsigned()).ok();
    let rejected = result.as_ref().err();
    let vsize = result
        .as_ref()
        .map_or(transaction.weight().vsize(), |it| it.vsize);
    TestTransaction {
        txid: HashHex::from_internal(transaction.txid().to_bytes()),
        wtxid: HashHex::from_internal(transaction.wtxid().to_bytes()),
        allowed: result.is_ok(),
        vsize: u32::try_from(vsize).unwrap_or(u32::MAX),
        fee_sat: result.as_ref().ok().and_then(fee),
        code: rejected.map(|it| it.code().to_owned()),
        detail: rejected.map(ToString::to_string),
        script_error: rejected
            .and_then(Rejected::script_error)
            .map(|it| it.name().to_owned()),
    }
}
