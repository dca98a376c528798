//! Signs that others follow a chain that this node takes for invalid (Core:
//! `CheckForkWarningConditions`).
//!
//! Where much more work went into a chain that breaks a rule here, either its makers or this
//! node are out of date, or this node's database is damaged. It can only say so.

use synod_primitives::{BlockHash, Height, Work};

use crate::chain::Chain;
use crate::storage::Status;

/// An invalid chain is warned of when its work exceeds the active chain's by more than so many
/// blocks like the tip (Core: six).
pub const FORK_WARNING_BLOCKS: u32 = 6;

/// A chain of much more work than the active one that breaks a rule here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeavierInvalid {
    /// Its last block, as far as headers show it.
    pub hash: BlockHash,
    /// The height of that block.
    pub height: Height,
    /// The block that breaks the rule.
    pub at: BlockHash,
    /// Core's reject string.
    pub code: String,
}

impl Chain {
    /// Returns the invalid chain of most work if its lead is one to warn of; never under an
    /// engine whose headers cost no work.
    ///
    /// Security: where a header costs a signature, anybody could make the node warn.
    #[must_use]
    pub fn heavier_invalid(&self) -> Option<HeavierInvalid> {
        if self.engine.has_proofs() {
            return None;
        }
        let tip = self.tree.entry(self.tree.tip());
        let lead = (0..FORK_WARNING_BLOCKS).fold(tip.record.chainwork, |sum, _| {
            Work::saturating_add(sum, tip.block_work)
        });
        let record = &self.tree.entry(self.tree.heaviest_failed()?).record;
        match &record.status {
            Status::Failed { code, at } if record.chainwork > lead => Some(HeavierInvalid {
                hash: record.hash,
                height: record.height,
                at: *at,
                code: code.clone(),
            }),
            _ => None,
        }
    }
}
