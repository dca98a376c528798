//! `POST /txs/package`.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use synod_api::node::{PackageResult, PackageTransaction};
use synod_primitives::Transaction;
use utoipa::{IntoParams, ToSchema};

use super::broadcast;
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// Transactions in one package.
const MAX_TRANSACTIONS: usize = 25;
/// Hex digits of a transaction.
const HEX_LENGTH: std::ops::Range<usize> = 120..800_000;
/// Satoshis a coin.
const COIN: f64 = 100_000_000.0;

/// Limits that the sender sets.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PackageQuery {
    /// The highest fee rate: from 1 on in sat/vB, below in BTC/kvB as Core reads it.
    maxfeerate: Option<String>,
    /// The most that may be burnt in unspendable outputs, in BTC.
    maxburnamount: Option<String>,
}

/// The result of a package.
#[derive(Serialize, ToSchema)]
#[schema(as = SubmitPackageResult)]
pub(crate) struct PackageBody {
    /// `success`, or what is wrong with the package as a whole.
    package_msg: String,
    /// The transactions by their ids with witnesses.
    #[serde(rename = "tx-results")]
    results: BTreeMap<String, PackageTxBody>,
    /// Transactions that were replaced.
    #[serde(rename = "replaced-transactions")]
    replaced: Vec<String>,
}

/// The result of one transaction.
#[derive(Serialize, ToSchema)]
#[schema(as = PackageTxResult)]
pub(crate) struct PackageTxBody {
    /// The transaction's id.
    txid: String,
    /// Its virtual bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize: Option<u32>,
    /// Its fees.
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<PackageFees>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Fees of a transaction.
#[derive(Serialize, ToSchema)]
pub(crate) struct PackageFees {
    /// The fee in BTC.
    base: f64,
}

/// Hands transactions that depend on each other to the node
///
/// The body is a JSON array of hex, parents first, whatever its media type.
#[utoipa::path(
    post,
    path = "/txs/package",
    operation_id = "broadcastPackage",
    tag = "esplora",
    params(PackageQuery),
    request_body(content = Vec<String>, description = "1 to 25 transactions in hex, parents first."),
    responses(
        (status = 200, description = "What became of each.", body = PackageBody),
        (status = 400, description = "The package is malformed or refused.", body = String, content_type = "text/plain"),
        (status = 503, description = "The node does not answer; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn package(
    State(explorer): State<Explorer>,
    Query(query): Query<PackageQuery>,
    body: Bytes,
) -> Answer {
    let max_rate = limit(query.maxfeerate.as_deref(), "Invalid maxfeerate")?.map(sat_per_vb);
    let max_burn = limit(query.maxburnamount.as_deref(), "Invalid maxburnamount")?;
    let (texts, transactions) = parse(&body)?;
    check_burn(&transactions, max_burn)?;
    if let Some(max_rate) = max_rate {
        check_rates(&explorer, &transactions, max_rate).await?;
    }
    let submitted = explorer.node.submit_package(&texts).await;
    let result = submitted.map_err(|error| broadcast::refusal("submitpackage", &error))?;
    for (transaction, result) in transactions.into_iter().zip(&result.transactions) {
        if result.accepted {
            explorer.follower.show(transaction).await;
        }
    }
    Reply::json(&PackageBody::of(&result), Keep::Never)
}

fn limit(text: Option<&str>, refusal: &str) -> Result<Option<f64>, Refusal> {
    let read = |text: &str| {
        text.parse()
            .ok()
            .filter(|it: &f64| it.is_finite() && *it >= 0.0)
    };
    text.map(|text| read(text).ok_or_else(|| Refusal::bad(refusal)))
        .transpose()
}

/// Reads a fee rate: clients send sat/vB, Core means BTC/kvB. From 1 on it cannot be the latter.
fn sat_per_vb(rate: f64) -> f64 {
    if rate >= 1.0 {
        rate
    } else {
        rate * COIN / 1000.0
    }
}

fn parse(body: &[u8]) -> Result<(Vec<String>, Vec<Transaction>), Refusal> {
    let texts: Vec<String> = serde_json::from_slice(body)
        .map_err(|_| Refusal::bad("Invalid package: a JSON array of hex is expected"))?;
    if texts.len() > MAX_TRANSACTIONS {
        return Err(Refusal::bad("Exceeded maximum of 25 transactions"));
    }
    let mut transactions = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        if !HEX_LENGTH.contains(&text.len()) {
            return Err(Refusal::bad(format!(
                "Invalid transaction size for item {i}"
            )));
        }
        let transaction = broadcast::parse(text.as_bytes())
            .map_err(|_| Refusal::bad(format!("Invalid transaction hex for item {i}")))?;
        transactions.push(transaction);
    }
    Ok((texts, transactions))
}

/// Refuses transactions that burn more than their sender allows (Core: `max-burn-exceeded`).
fn check_burn(transactions: &[Transaction], max_burn: Option<f64>) -> Result<(), Refusal> {
    let Some(max_burn) = max_burn else {
        return Ok(());
    };
    let burns = |tx: &Transaction| {
        tx.outputs().iter().any(|output| {
            let is_burn = synod_script::is_unspendable(output.script_pubkey.as_bytes());
            is_burn && output.value.sat() as f64 > max_burn * COIN
        })
    };
    if transactions.iter().any(burns) {
        let text = "Unspendable output exceeds maximum configured by user (maxburnamount)";
        return Err(Refusal::bad(broadcast::rpc_error(
            "submitpackage",
            -25,
            text,
        )));
    }
    Ok(())
}

/// Refuses a transaction whose inputs are known already and whose fee rate is above the limit.
async fn check_rates(
    explorer: &Explorer,
    transactions: &[Transaction],
    max_rate: f64,
) -> Result<(), Refusal> {
    for transaction in transactions {
        let tested = explorer.node.test(transaction.raw().clone()).await;
        let tested = tested.map_err(|error| broadcast::refusal("submitpackage", &error))?;
        let rate = tested
            .fee_sat
            .map(|fee| fee.to_sat() as f64 / f64::from(tested.vsize.max(1)));
        if rate.is_some_and(|rate| rate > max_rate) {
            let text = broadcast::rpc_error("submitpackage", -26, "max-fee-exceeded");
            return Err(Refusal::bad(text));
        }
    }
    Ok(())
}

impl PackageBody {
    fn of(result: &PackageResult) -> Self {
        let message = if result.accepted {
            "success"
        } else {
            "transaction failed"
        };
        let results = result.transactions.iter();
        Self {
            package_msg: result.code.clone().unwrap_or_else(|| message.to_owned()),
            results: results
                .map(|it| (it.wtxid.to_string(), PackageTxBody::of(it)))
                .collect(),
            replaced: result.replaced.iter().map(ToString::to_string).collect(),
        }
    }
}

impl PackageTxBody {
    fn of(result: &PackageTransaction) -> Self {
        let fee = result.fee_sat.filter(|_| result.accepted);
        Self {
            txid: result.txid.to_string(),
            vsize: result.accepted.then_some(result.vsize),
            fees: fee.map(|fee| PackageFees {
                base: fee.to_sat() as f64 / COIN,
            }),
            error: result.code.clone(),
        }
    }
}
