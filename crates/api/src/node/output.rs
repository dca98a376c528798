//! Outputs: `GET /v1/outputs/{txid}/{vout}`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AmountSat, HashHex, HexBytes};

/// Names an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputRef {
    /// The transaction that made it.
    pub txid: HashHex,
    /// Its index there.
    pub vout: u32,
}

/// An output: the coin, or who spent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputBody {
    /// The transaction that made it.
    pub txid: HashHex,
    /// Its index there.
    pub vout: u32,
    /// Whether it can still be spent.
    pub status: OutputStatus,
    /// Its value; null when the node no longer holds the output's transaction.
    pub value_sat: Option<AmountSat>,
    /// Its script; null when the node no longer holds the output's transaction.
    pub script_pubkey: Option<HexBytes>,
    /// Its address, where the script has one.
    pub address: Option<String>,
    /// The height of its block; null while it is in the mempool.
    pub height: Option<u32>,
    /// True when a coinbase transaction made it.
    pub is_coinbase: bool,
    /// Blocks of the active chain from its own on.
    pub confirmations: u32,
    /// Who spends it.
    pub spender: Option<SpenderBody>,
}

/// Whether an output can still be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputStatus {
    /// Nobody spends it.
    Unspent,
    /// A transaction in the mempool spends it.
    SpentInMempool,
    /// A transaction of the active chain spent it.
    Spent,
}

/// The input that spends an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpenderBody {
    /// The spending transaction.
    pub txid: HashHex,
    /// The index of its input.
    pub vin: u32,
    /// The height of its block; null while it is in the mempool.
    pub height: Option<u32>,
}
