//! The miner's bodies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AmountSat, HashHex};

/// The most threads that a miner takes.
pub const MAX_THREADS: u16 = 1024;
/// The most blocks that one `POST /v1/mine` asks for.
pub const MAX_MINE_BLOCKS: u32 = 10_000;

/// When the miner searches for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MiningPolicy {
    /// Always, as fast as it can.
    Auto,
    /// One block each block time; where `bits` is the limit, 101 blocks at the start first.
    Interval,
    /// As `interval`, but only when a transaction waits.
    OnTx,
    /// Only on `POST /v1/mine`.
    Manual,
}

/// The miner's state: `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MinerStatus {
    /// When it searches.
    pub policy: MiningPolicy,
    /// The time between two blocks under `interval` and `on-tx`, in milliseconds.
    pub block_time_ms: u64,
    /// False after `POST /v1/stop`.
    pub running: bool,
    /// True while threads hash.
    pub searching: bool,
    /// Threads that search.
    pub threads: u16,
    /// The name of the hashing kernel that the processor was given.
    pub kernel: String,
    /// Hashes a second over the last seconds (exponentially weighted).
    pub hash_rate: f64,
    /// Hashes a second over all time spent searching.
    pub hash_rate_total: f64,
    /// Hashes since the start.
    pub hashes: u64,
    /// Blocks that the node took into its active chain.
    pub blocks_found: u64,
    /// Blocks that the node took, but not into its active chain, or that came for a template
    /// that no longer held.
    pub blocks_stale: u64,
    /// Blocks that the node refused by a rule.
    pub blocks_refused: u64,
    /// Blocks that `POST /v1/mine` asked for and that are still to be found.
    pub blocks_requested: u32,
    /// The last block found.
    pub last_block: Option<MinedBlock>,
    /// The address that is paid.
    pub payout: String,
    /// The root of the node's routes.
    pub node: String,
    /// False while the node does not answer.
    pub node_reachable: bool,
    /// The height that is searched for, while there is a template.
    pub height: Option<u32>,
    /// Why the last request to the node failed, while it does.
    pub last_error: Option<String>,
}

/// A block that the miner found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MinedBlock {
    /// Its hash.
    pub hash: HashHex,
    /// Its height.
    pub height: u32,
    /// Its header's time in Unix seconds.
    pub time: u32,
    /// Its subsidy and fees.
    pub coinbase_value_sat: AmountSat,
}

/// Sets the number of threads: `PUT /v1/threads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetThreads {
    /// Threads that search, 1 to 1024.
    #[schema(minimum = 1, maximum = 1024)]
    pub threads: u16,
}

/// Sets the address that blocks pay: `PUT /v1/payout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPayout {
    /// An address of the node's network.
    pub address: String,
}

/// Sets when to search: `PUT /v1/policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPolicy {
    /// When to search.
    pub policy: MiningPolicy,
    /// The time between two blocks in milliseconds; what it was, when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86_400_000)]
    pub block_time_ms: Option<u64>,
}

/// Asks for blocks: `POST /v1/mine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MineBlocks {
    /// How many, 1 to 10000.
    #[schema(minimum = 1, maximum = 10_000)]
    pub blocks: u32,
}

/// Blocks that a request has mined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MinedBlocks {
    /// Their hashes in the order in which they were found.
    pub blocks: Vec<HashHex>,
}
