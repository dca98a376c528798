//! Routes that exist with `--dev` only.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::HashHex;

/// The most blocks of one `POST /dev/v1/mine`.
pub const MAX_DEV_BLOCKS: u32 = 10_000;

/// Mines at once: `POST /dev/v1/mine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevMine {
    /// How many blocks, 1 to 10000.
    #[schema(minimum = 1, maximum = 10_000)]
    pub blocks: u32,
    /// The address that they pay.
    pub payout: String,
}

/// The blocks mined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DevMined {
    /// Their hashes by ascending height.
    pub blocks: Vec<HashHex>,
}

/// Sets the node's clock: `POST /dev/v1/time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevTime {
    /// The time in Unix seconds from now on; null for the real clock.
    pub unix: Option<u32>,
}

/// Names a block: `POST /dev/v1/chain/invalidate` and `/reconsider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevHash {
    /// The block's hash.
    pub hash: HashHex,
}
