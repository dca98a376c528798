//! The mempool and fees.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AmountSat, HashHex};

/// The mempool as a whole: `GET /v1/mempool`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MempoolStatus {
    /// Transactions.
    pub transactions: u64,
    /// Their virtual bytes.
    pub vsize: u64,
    /// Their fees.
    pub total_fee_sat: AmountSat,
    /// Memory that they take, in bytes.
    pub memory_bytes: u64,
    /// Memory that they may take, in bytes.
    pub memory_limit_bytes: u64,
    /// The lowest fee rate that is taken now, in satoshis per 1000 virtual bytes.
    pub minimum_fee_sat_kvb: u64,
    /// How much more a replacement pays, in satoshis per 1000 virtual bytes.
    pub incremental_fee_sat_kvb: u64,
    /// A number that grows with each change.
    pub sequence: u64,
}

/// A transaction in the mempool: `GET /v1/mempool/entries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MempoolEntry {
    /// The transaction's id.
    pub txid: HashHex,
    /// The transaction's id with witnesses.
    pub wtxid: HashHex,
    /// Its fee.
    pub fee_sat: AmountSat,
    /// Its virtual bytes.
    pub vsize: u32,
    /// Its weight units.
    pub weight: u32,
    /// When it was accepted, in Unix seconds.
    pub time: u64,
    /// Unconfirmed transactions that it builds on, itself included.
    pub ancestor_count: u32,
    /// Their virtual bytes.
    pub ancestor_vsize: u64,
    /// Their fees.
    pub ancestor_fee_sat: AmountSat,
    /// Unconfirmed transactions that build on it, itself included.
    pub descendant_count: u32,
    /// Their virtual bytes.
    pub descendant_vsize: u64,
    /// Their fees.
    pub descendant_fee_sat: AmountSat,
    /// Unconfirmed transactions whose outputs it spends.
    pub depends: Vec<HashHex>,
    /// Unconfirmed transactions that spend its outputs.
    pub spent_by: Vec<HashHex>,
    /// True when it may be replaced.
    pub is_replaceable: bool,
}

/// Entries in the order of their arrival: `GET /v1/mempool/entries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MempoolPage {
    /// The entries.
    pub items: Vec<MempoolEntry>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// Fee rates: `GET /v1/fees`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeeEstimates {
    /// The lowest fee rate that the mempool takes now, in sat/vB.
    pub minimum_sat_vb: f64,
    /// Fee rates in sat/vB by the number of blocks within which a payment should confirm.
    pub estimates: BTreeMap<u32, f64>,
}

/// A change of priority: `POST /v1/mempool/{txid}/priority`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Prioritise {
    /// What to add to the transaction's fee when it is compared, in satoshis; below zero to take
    /// some off.
    pub fee_delta_sat: i64,
}

/// A transaction's priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Priority {
    /// The transaction's id.
    pub txid: HashHex,
    /// The sum of what was added, in satoshis.
    pub fee_delta_sat: i64,
    /// Whether the transaction is in the mempool.
    pub in_mempool: bool,
}
