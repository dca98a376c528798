//! Transactions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AmountSat, HashHex, HexBytes};

/// A transaction: `GET /v1/transactions/{txid}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TransactionBody {
    /// Its id.
    pub txid: HashHex,
    /// Its id with witnesses.
    pub wtxid: HashHex,
    /// Its version.
    pub version: i32,
    /// Its lock time: a height, or Unix seconds from 500,000,000 on.
    pub lock_time: u32,
    /// Bytes with witnesses.
    pub size: u32,
    /// Virtual bytes: weight / 4, rounded up.
    pub vsize: u32,
    /// Weight units.
    pub weight: u32,
    /// Inputs minus outputs; null for a coinbase transaction and where inputs are unknown.
    pub fee_sat: Option<AmountSat>,
    /// The inputs.
    pub inputs: Vec<InputBody>,
    /// The outputs.
    pub outputs: Vec<TransactionOutputBody>,
    /// The block of the active chain that holds it.
    pub block: Option<TransactionBlock>,
    /// Blocks of the active chain from its own on; 0 without one.
    pub confirmations: u32,
    /// True when its block can never be reverted.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// True while it waits in the mempool.
    pub in_mempool: bool,
    /// The whole transaction (`?raw=true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<HexBytes>,
}

/// Where a transaction stands in the active chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionBlock {
    /// The block's hash.
    pub hash: HashHex,
    /// The block's height.
    pub height: u32,
    /// The transaction's position in the block, from 0.
    pub position: u32,
    /// The block's time in Unix seconds.
    pub time: u32,
}

/// An input of a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InputBody {
    /// The transaction whose output it spends; all zeros in a coinbase transaction.
    pub txid: HashHex,
    /// The index of the spent output; 4294967295 in a coinbase transaction.
    pub vout: u32,
    /// The script that unlocks the output.
    pub script_sig: HexBytes,
    /// The sequence number.
    pub sequence: u32,
    /// The witness items.
    pub witness: Vec<HexBytes>,
    /// The spent output, where it is known.
    pub prevout: Option<PrevoutBody>,
}

/// The output that an input spends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrevoutBody {
    /// Its value.
    pub value_sat: AmountSat,
    /// Its script.
    pub script_pubkey: HexBytes,
    /// The script's kind, as in outputs.
    pub script_type: String,
    /// Its address, where the script has one.
    pub address: Option<String>,
}

/// An output of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionOutputBody {
    /// Its value.
    pub value_sat: AmountSat,
    /// The script that locks it.
    pub script_pubkey: HexBytes,
    /// The script's kind in Core's words (`witness_v0_keyhash`, `nulldata`, `nonstandard`, ...).
    #[schema(examples("witness_v0_keyhash"))]
    pub script_type: String,
    /// Its address, where the script has one.
    pub address: Option<String>,
}

/// The answer to `POST /v1/transactions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmitTransaction {
    /// The transaction's id.
    pub txid: HashHex,
    /// The transaction's id with witnesses.
    pub wtxid: HashHex,
}

/// The answer to `POST /v1/transactions/test`: what submitting would have said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestTransaction {
    /// The transaction's id.
    pub txid: HashHex,
    /// The transaction's id with witnesses.
    pub wtxid: HashHex,
    /// True when the mempool would take it.
    pub allowed: bool,
    /// Its virtual size.
    pub vsize: u32,
    /// Its fee, where all inputs are known.
    pub fee_sat: Option<AmountSat>,
    /// The reject code, when it is not allowed.
    pub code: Option<String>,
    /// The reason as a sentence, when it is not allowed.
    pub detail: Option<String>,
    /// The script error's name, where a script failed.
    pub script_error: Option<String>,
}

/// The answer to `POST /v1/transactions/package`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageResult {
    /// True when all transactions are in the mempool.
    pub accepted: bool,
    /// The reason that holds for the package as a whole.
    pub code: Option<String>,
    /// One result per transaction, in the order of the request.
    pub transactions: Vec<PackageTransaction>,
    /// Transactions that were replaced.
    pub replaced: Vec<HashHex>,
}

/// The result for one transaction of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageTransaction {
    /// The transaction's id.
    pub txid: HashHex,
    /// The transaction's id with witnesses.
    pub wtxid: HashHex,
    /// True when it is in the mempool.
    pub accepted: bool,
    /// Its virtual size.
    pub vsize: u32,
    /// Its fee, where all inputs are known.
    pub fee_sat: Option<AmountSat>,
    /// The reject code, when it was refused.
    pub code: Option<String>,
    /// The reason as a sentence, when it was refused.
    pub detail: Option<String>,
}
