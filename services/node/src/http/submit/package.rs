//! `POST /v1/transactions/package`.

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use synod_api::node::{MAX_PACKAGE, PackageResult, PackageTransaction};
use synod_api::{AmountSat, HashHex, Problem};
use synod_mempool::{MemberResult, Options};
use synod_primitives::{Transaction, hex};
use synod_service::{ApiError, Json};

use super::transaction::decode;
use crate::error;
use crate::state::AppState;

/// Submits parents together with the child that pays for them.
#[utoipa::path(
    post, path = "/v1/transactions/package", tag = "transactions", operation_id = "submitPackage",
    summary = "Submit a package",
    description = "Submits a child with its unconfirmed parents, parents first, as an array of hex. \
                   The child may pay for its parents.",
    request_body = Vec<String>,
    responses(
        (status = 200, description = "What became of the package", body = PackageResult),
        (status = 400, description = "The body is no list of transactions", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn submit_package(
    State(state): State<AppState>,
    Json(members): Json<Vec<String>>,
) -> Result<Json<PackageResult>, ApiError> {
    if members.is_empty() || members.len() > MAX_PACKAGE {
        let detail = format!("A package has 1 to {MAX_PACKAGE} transactions.");
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "package-count",
            detail,
        ));
    }
    let transactions = members
        .iter()
        .map(|text| parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let submitted = transactions.clone();
    let result = state
        .chain
        .run(move |node, now| node.submit_package(&submitted, Options::default(), now))
        .await
        .map_err(error::unavailable)?;
    let bodies = transactions
        .iter()
        .zip(&result.members)
        .map(|(tx, it)| member(tx, it));
    let replaced = result.members.iter().filter_map(|it| match it {
        MemberResult::Accepted { accepted, .. } => Some(&accepted.replaced),
        _ => None,
    });
    Ok(Json(PackageResult {
        accepted: result.error.is_none(),
        code: result.error.as_ref().map(|it| it.code().to_owned()),
        transactions: bodies.collect(),
        replaced: replaced
            .flatten()
            .map(|it| HashHex::from_internal(it.to_bytes()))
            .collect(),
    }))
}

fn parse(text: &str) -> Result<Transaction, ApiError> {
    let bytes = hex::decode(text)
        .map_err(|error| ApiError::bad_request(format!("A transaction is not hex: {error}.")))?;
    decode(&Bytes::from(bytes))
}

fn member(transaction: &Transaction, result: &MemberResult) -> PackageTransaction {
    let (accepted, vsize, fee) = match result {
        MemberResult::Accepted { accepted, .. } => (true, accepted.vsize, Some(accepted.fee)),
        MemberResult::AlreadyHere { fee, vsize } => (true, *vsize, Some(*fee)),
        _ => (false, transaction.weight().vsize(), None),
    };
    let (code, detail) = match result {
        MemberResult::Rejected(rejected) => (Some(rejected.code()), Some(rejected.to_string())),
        MemberResult::OtherWitness { .. } => (Some("txn-same-nonwitness-data-in-mempool"), None),
        _ => (None, None),
    };
    PackageTransaction {
        txid: HashHex::from_internal(transaction.txid().to_bytes()),
        wtxid: HashHex::from_internal(transaction.wtxid().to_bytes()),
        accepted,
        vsize: u32::try_from(vsize).unwrap_or(u32::MAX),
        fee_sat: fee.and_then(|it| AmountSat::new(it.to_sat_unsigned()).ok()),
        code: code.map(str::to_owned),
        detail,
    }
}
