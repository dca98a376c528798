//! What the keys of a validator have to sign: `GET /v1/duties`, `POST /v1/votes`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{HashHex, HexBytes};

/// The most keys that one validator asks duties for.
pub const MAX_DUTY_KEYS: usize = 64;
/// The most duties in one answer; the earliest come first.
pub const MAX_DUTIES: usize = 256;
/// The longest time in milliseconds that a request for duties waits for a new one.
pub const MAX_DUTY_WAIT_MS: u64 = 30_000;

/// Which duties are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DutiesQuery {
    /// X-only sealing keys in hex, separated by commas; 64 at most.
    pub keys: String,
    /// The address that sealed blocks pay; without it there are no blocks to seal, only votes.
    #[serde(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout: Option<String>,
    /// The cursor of the last answer: wait until there is something after it.
    #[serde(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// How long to wait in milliseconds, 30000 at most.
    #[serde(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 30_000)]
    pub wait_ms: Option<u64>,
}

/// What some keys have to sign now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Duties {
    /// SHA-256 of the consensus part of the chain spec.
    pub chain_id: HashHex,
    /// The node's clock when it answered, in Unix milliseconds.
    pub now_ms: u64,
    /// The length of a slot in milliseconds.
    pub slot_ms: u64,
    /// The slots of an epoch or round.
    pub epoch_slots: u64,
    /// What `after` takes to wait for what is newer.
    pub cursor: u64,
    /// Blocks to seal.
    pub seals: Vec<SealDuty>,
    /// Checkpoint votes to sign.
    pub votes: Vec<VoteDuty>,
}

/// A block that a key should seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealDuty {
    /// The key, X-only.
    pub key: HashHex,
    /// The block's height.
    pub height: u32,
    /// Its slot.
    pub slot: u64,
    /// When sealing it is of no use any more, in Unix milliseconds.
    pub expires_ms: u64,
    /// The seal without signature, in the format of the coinbase; its reveal is what the next
    /// one has to hash to.
    pub seal: HexBytes,
    /// The whole block without seal.
    pub block: HexBytes,
}

/// A vote that a key should sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoteDuty {
    /// The key, X-only.
    pub key: HashHex,
    /// The justified checkpoint that the vote starts from.
    pub source: CheckpointBody,
    /// The checkpoint that it is for.
    pub target: CheckpointBody,
    /// When signing it is of no use any more, in Unix milliseconds.
    pub expires_ms: u64,
}

/// The last block before the first slot of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointBody {
    /// The epoch.
    pub epoch: u64,
    /// The block.
    pub hash: HashHex,
}

/// A signed vote: `POST /v1/votes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedVote {
    /// The key, X-only.
    pub key: HashHex,
    /// The justified checkpoint that the vote starts from.
    pub source: CheckpointBody,
    /// The checkpoint that it is for.
    pub target: CheckpointBody,
    /// The BIP340 signature, 64 bytes.
    pub signature: HexBytes,
}
