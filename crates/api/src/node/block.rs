//! Headers and blocks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TipStatus, TransactionBody};
use crate::{AmountSat, BitsHex, HashHex, HexBytes, NumberHex};

/// A header with its place in the tree of blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeaderBody {
    /// The block's hash.
    pub hash: HashHex,
    /// The block's height.
    pub height: u32,
    /// The header's version.
    pub version: i32,
    /// The parent's hash; all zeros for block 0.
    pub previous_block_hash: HashHex,
    /// The root of the transaction ids.
    pub merkle_root: HashHex,
    /// The header's time in Unix seconds.
    pub time: u32,
    /// The compact target.
    pub bits: BitsHex,
    /// The nonce.
    pub nonce: u32,
    /// How much harder the target is than the easiest one of Bitcoin's main network.
    pub difficulty: f64,
    /// The work of all blocks up to this one.
    pub chainwork: NumberHex,
    /// The median of the times of this and the ten blocks before it.
    pub median_time: u32,
    /// What the node knows of the block.
    pub status: TipStatus,
    /// Blocks of the active chain from this one on; 0 off the active chain.
    pub confirmations: u32,
    /// True when the block can never be reverted.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The next block of the active chain.
    pub next_block_hash: Option<HashHex>,
    /// The 80 bytes of the header.
    pub header: HexBytes,
}

/// A block: `GET /v1/blocks/{hash}` and `/v1/blocks/at/{height}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlockBody {
    /// The header.
    #[serde(flatten)]
    pub header: HeaderBody,
    /// Bytes with witnesses.
    pub size: u32,
    /// Bytes without witnesses.
    pub stripped_size: u32,
    /// Weight units.
    pub weight: u32,
    /// Transactions.
    pub transaction_count: u32,
    /// New coins that the coinbase transaction may make.
    pub subsidy_sat: AmountSat,
    /// Fees of the block's transactions; null when the block was never connected.
    pub fees_sat: Option<AmountSat>,
    /// Transaction ids, or whole transactions with `?transactions=full`.
    pub transactions: BlockTransactions,
}

/// A block's transactions in block order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BlockTransactions {
    /// Their ids (`?transactions=ids`, the default).
    Ids(Vec<HashHex>),
    /// Themselves (`?transactions=full`).
    Full(Vec<TransactionBody>),
}

/// What became of a posted block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubmitStatus {
    /// It is on the active chain, durably.
    Active,
    /// It is valid as far as checked and stored on another branch, durably.
    Side,
    /// The node had it already.
    Duplicate,
    /// Its parent is unknown; it is held in memory only.
    Orphan,
}

/// The answer to `POST /v1/blocks` and `POST /v1/mining/submit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmitBlock {
    /// The block's hash.
    pub hash: HashHex,
    /// What became of it.
    pub status: SubmitStatus,
    /// Its height; null for an orphan.
    pub height: Option<u32>,
}

/// The proof that a block is final: `GET /v1/blocks/{hash}/finality`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FinalityProof {
    /// The block's hash.
    pub hash: HashHex,
    /// The block's height.
    pub height: u32,
    /// The engine whose rule makes it final.
    pub engine: String,
    /// The engine's certificate in its own encoding.
    pub proof: HexBytes,
}
