//! Block templates and found work.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AmountSat, BitsHex, HashHex, HexBytes, MerkleNodeHex, NumberHex};

/// The bytes of the extra nonce that a template leaves free.
pub const EXTRA_NONCE_BYTES: usize = 8;
/// The longest time that a long poll for a template waits, in seconds.
pub const LONG_POLL_SECONDS: u64 = 60;

/// Everything to search for a block and nothing to assemble: `GET /v1/mining/template`.
///
/// The searcher builds the coinbase transaction without witness as
/// `coinbase_prefix || extra_nonce || coinbase_suffix`, double-hashes it to its txid in internal
/// byte order, and folds the branch: for each item in order, `root = SHA256d(root || item)`. The
/// header is `version (i32 LE) || previous_block_hash (internal order) || root || time (u32 LE) ||
/// bits (u32 LE) || nonce (u32 LE)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// Names the template when work is submitted; opaque.
    pub template_id: String,
    /// Names what to wait for in the next long poll; opaque, tied to the tip and, for
    /// `longpoll_mempool`, to the mempool.
    pub longpoll_id: String,
    /// The height of the block.
    pub height: u32,
    /// The parent's hash.
    pub previous_block_hash: HashHex,
    /// The header's version; bits under BIP320's mask may be rolled.
    pub version: i32,
    /// The compact target.
    pub bits: BitsHex,
    /// The target that the block's hash, read as a number, may not exceed.
    pub target: NumberHex,
    /// The earliest time of the header in Unix seconds.
    pub min_time: u32,
    /// The time of the header that the node proposes, in Unix seconds.
    pub cur_time: u32,
    /// The latest time of the header, where the node knows a limit.
    pub max_time: Option<u32>,
    /// The parent's time in Unix seconds.
    pub chain_tip_time: u32,
    /// True when `bits` is the easiest target that the chain allows.
    pub bits_is_limit: bool,
    /// Subsidy and fees that the coinbase transaction pays.
    pub coinbase_value_sat: AmountSat,
    /// The coinbase transaction without witness, before the extra nonce.
    pub coinbase_prefix: HexBytes,
    /// The coinbase transaction without witness, after the extra nonce.
    pub coinbase_suffix: HexBytes,
    /// The bytes of the extra nonce: 8.
    pub extra_nonce_bytes: u32,
    /// The Merkle branch of the coinbase transaction from the leaf up.
    ///
    /// Each item is a node of the tree in internal byte order (not reversed for display).
    pub merkle_branch: Vec<MerkleNodeHex>,
    /// Transactions without the coinbase transaction.
    pub transaction_count: u32,
    /// Their fees.
    pub fees_sat: AmountSat,
    /// The weight of the whole block.
    pub weight: u32,
    /// The transactions (`?transactions=true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions: Option<Vec<TemplateTransaction>>,
}

/// A transaction of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateTransaction {
    /// Its id.
    pub txid: HashHex,
    /// The whole transaction.
    pub data: HexBytes,
    /// Its fee.
    pub fee_sat: AmountSat,
    /// Its weight units.
    pub weight: u32,
}

/// The query of `GET /v1/mining/template`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateQuery {
    /// The address that the coinbase transaction pays.
    pub payout: String,
    /// A `longpoll_id`: the answer waits until the tip is another one, or 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longpoll: Option<String>,
    /// With `longpoll`: waits for a change of the mempool as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longpoll_mempool: Option<bool>,
    /// Adds the transactions to the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions: Option<bool>,
}

/// Found work: `POST /v1/mining/submit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitWork {
    /// The template's id.
    pub template_id: String,
    /// The extra nonce, 8 bytes.
    pub extra_nonce: HexBytes,
    /// The header's time in Unix seconds.
    pub time: u32,
    /// The header's nonce.
    pub nonce: u32,
    /// The header's version; the template's, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
}
