//! The chain as a whole: `GET /v1/chain`, `/v1/chain/tips`, `/v1/chain/headers`, `/v1/state`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::HeaderBody;
use crate::{AmountSat, BitsHex, HashHex, NumberHex};

/// A block by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockRef {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: HashHex,
}

/// The highest block that is final.
pub type Finalized = BlockRef;

/// The node's view of its chain: `GET /v1/chain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChainStatus {
    /// The name in the chain spec.
    #[schema(examples("devnet"))]
    pub network: String,
    /// SHA-256 of the consensus part of the chain spec.
    pub chain_id: HashHex,
    /// The engine that decides who may add a block.
    #[schema(examples("pow"))]
    pub engine: String,
    /// The tip's height.
    pub height: u32,
    /// The tip's hash.
    pub best_block_hash: HashHex,
    /// The work of all blocks up to the tip.
    pub chainwork: NumberHex,
    /// The median of the times of the last eleven blocks, in Unix seconds.
    pub median_time: u32,
    /// The tip's time in Unix seconds.
    pub time: u32,
    /// The tip's compact target.
    pub bits: BitsHex,
    /// How much harder the tip's target is than the easiest one of Bitcoin's main network.
    pub difficulty: f64,
    /// The highest final block; null only under proof of work.
    pub finalized: Option<Finalized>,
    /// The terms of stake; absent under an engine without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stake: Option<StakeTerms>,
    /// True while the node catches up with its peers.
    pub initial_sync: bool,
    /// Why the node follows nobody until its operator names a block to trust, as a sentence;
    /// absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_trust: Option<String>,
    /// True when old blocks may have been forgotten.
    #[serde(default)]
    pub pruned: bool,
    /// The height below which blocks are not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune_height: Option<u32>,
    /// The snapshot of coins that the node started from; absent for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotStatus>,
    /// Transactions in the mempool.
    pub mempool_count: u64,
    /// Peers that have shaken hands.
    pub peer_count: u64,
    /// What the operator should know, as sentences; usually none.
    #[serde(default)]
    #[schema(required, examples(json!(["Unknown new rules activated (versionbit 27)"])))]
    pub warnings: Vec<String>,
}

/// What a network says of its stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StakeTerms {
    /// The least amount of a registering bond.
    pub min_bond_sat: AmountSat,
    /// The least amount of another stake output that counts.
    pub min_delegation_sat: AmountSat,
    /// Blocks after which unbonding stake can be taken out.
    pub unbonding_blocks: u32,
    /// How much of a guilty key's stake is lost, in hundredths.
    pub slash_percent: u32,
    /// Who shows evidence gets the penalty divided by this.
    pub reporter_divisor: u32,
    /// The most that moving stake may take of it.
    pub fee_cap_sat: AmountSat,
}

/// A snapshot of coins that a node started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotStatus {
    /// The height of its block.
    pub height: u32,
    /// Its block.
    pub hash: HashHex,
    /// True once the blocks up to it were checked and led to the same coins.
    pub validated: bool,
    /// How far the blocks up to it were checked.
    pub checked_height: u32,
}

/// A digest of all coins at the tip: `GET /v1/state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateDigest {
    /// The tip's height.
    pub height: u32,
    /// The tip's hash.
    pub best_block_hash: HashHex,
    /// Unspent outputs.
    pub coins: u64,
    /// Their sum in satoshis.
    pub total_sat: AmountSat,
    /// MuHash3072 of the coins, as Core's `gettxoutsetinfo muhash` shows it.
    pub muhash: HashHex,
}

/// What the node knows of a branch or block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TipStatus {
    /// On the active chain.
    Active,
    /// Was or could be the active chain: all blocks were connected once.
    ValidFork,
    /// The headers hold; blocks are missing or were never connected.
    ValidHeaders,
    /// A block of the branch breaks a rule.
    Invalid,
}

/// The ends of branches, the latest to arrive first: `GET /v1/chain/tips`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainTips {
    /// The ends; the active tip is always among them.
    pub tips: Vec<ChainTip>,
}

/// The end of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainTip {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: HashHex,
    /// Blocks between it and the active chain; 0 for the active tip.
    pub branch_length: u32,
    /// What the node knows of it.
    pub status: TipStatus,
}

/// Headers of the active chain: `GET /v1/chain/headers`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeaderPage {
    /// The headers by ascending height.
    pub items: Vec<HeaderBody>,
    /// The height at which the next page starts; null at the tip.
    pub next_from: Option<u32>,
}
