//! What can never be reverted: `GET /v1/finality`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BlockRef, CheckpointBody};
use crate::AmountSat;

/// The most epochs that one answer tells the votes of, the latest.
pub const MAX_EPOCHS: usize = 16;

/// What is final, and how far the votes for what follows have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FinalityStatus {
    /// The engine whose rule makes blocks final.
    pub engine: String,
    /// The tip that all of this is as of.
    pub tip: BlockRef,
    /// The last final block, and with it all before; null before the bootstrap's end.
    pub finalized: Option<BlockRef>,
    /// The epoch whose checkpoint the last final block is; only under `pos`.
    pub finalized_epoch: Option<u64>,
    /// The highest justified checkpoint of the active chain; only under `pos`.
    pub justified: Option<CheckpointPlace>,
    /// The greatest height with a quorum of prevotes on the active chain; only under `dpos`.
    pub prevoted_height: Option<u32>,
    /// Blocks between the tip and the last final block.
    pub lag_blocks: u32,
    /// The lag that the rule has when everybody is there.
    pub published_lag: PublishedLag,
    /// The checkpoint votes that the node knows, the latest epoch first; only under `pos`.
    pub epochs: Vec<EpochVotes>,
}

/// A checkpoint with its height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckpointPlace {
    /// Epoch and block.
    #[serde(flatten)]
    pub checkpoint: CheckpointBody,
    /// The block's height; null for one that the node does not have.
    pub height: Option<u32>,
}

/// The lag of finality when nobody is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedLag {
    /// Blocks from the tip down to the last final one at the moment when that becomes final.
    /// Under `pos` an epoch's length and one: the votes of an epoch's second slot justify its
    /// checkpoint, and with that the one before is final. Under `dpos` (T - 1) + T, where T is
    /// the quorum of delegates.
    pub blocks: u32,
    /// The same in seconds.
    pub seconds: u64,
}

/// The votes for one link of checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EpochVotes {
    /// The justified checkpoint that the votes start from.
    pub source: CheckpointPlace,
    /// The checkpoint that they are for.
    pub target: CheckpointPlace,
    /// Validators that have voted.
    pub votes: u32,
    /// Their weight.
    pub weight_sat: AmountSat,
    /// Validators of the target's epoch; null on a branch whose validators are not known.
    pub validators: Option<u32>,
    /// The weight of all of them: more than two thirds of it justify.
    pub total_sat: Option<AmountSat>,
    /// The target is justified.
    pub is_justified: bool,
}
