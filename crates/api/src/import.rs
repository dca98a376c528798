//! The report of `synod-node import --json`.

use serde::{Deserialize, Serialize};

use crate::HashHex;

/// What an import did, written as one line of JSON at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Blocks connected.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Inputs in them, without coinbase inputs.
    pub inputs: u64,
    /// Seconds from the first byte read to the last block durable.
    pub seconds: f64,
    /// `inputs / seconds`.
    pub inputs_per_second: f64,
    /// The most memory that the process had resident, in bytes.
    pub peak_rss_bytes: u64,
    /// The tip's height at the end.
    pub height: u32,
    /// The tip's hash at the end.
    pub best_block_hash: HashHex,
}
