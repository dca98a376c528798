//! Pruning: forgetting the bytes and undo data of old blocks.

use synod_primitives::Height;

use crate::chain::Chain;
use crate::storage::StorageError;
use crate::tree::EntryId;
use crate::verdict::{Blame, Refusal};

/// The number of blocks, the tip included, whose bytes and undo data are always kept (Core's
/// `MIN_BLOCKS_TO_KEEP`): a reorganisation up to this depth stays possible.
pub const MIN_BLOCKS_KEPT: u32 = 288;

impl Chain {
    /// Returns the height below which blocks and undo data are not there any more.
    #[must_use]
    pub fn pruned_below(&self) -> Height {
        self.pruned_below
    }

    /// Forgets the oldest blocks, at most `limit` heights of them and never the last
    /// [`MIN_BLOCKS_KEPT`]; says whether anything was forgotten.
    ///
    /// # Errors
    /// Storage failed; the chain must then be opened again, unless it was full.
    pub fn prune(&mut self, limit: u32) -> Result<bool, StorageError> {
        let tip = self.tree.entry(self.tree.tip()).record.height;
        let bound = Height((tip.0 + 1).saturating_sub(MIN_BLOCKS_KEPT));
        let mut below = Height(self.pruned_below.0.saturating_add(limit)).min(bound);
        if below <= self.pruned_below {
            return Ok(false);
        }
        // Correctness: a start gives the engine the blocks above its kept state, and what is not
        // final may leave the chain.
        if self.engine_needs_from().is_some_and(|from| from < below) {
            self.flush()?;
            below = self
                .engine_needs_from()
                .map_or(below, |from| from.min(below));
        }
        if below <= self.pruned_below {
            return Ok(false);
        }
        // Correctness: a start connects the blocks between the coins table and the tip, so the
        // table must not stand below what is forgotten, nor on a branch that was left.
        let coins_at = self.tree.find(self.work.coins_tip);
        let is_behind = coins_at
            .is_none_or(|id| !self.tree.is_active(id) || self.tree.entry(id).record.height < below);
        if is_behind {
            self.flush()?;
        }
        self.storage.retry()?;
        self.pruned_below = self.storage.prune(below)?;
        Ok(true)
    }

    /// Says whether the way from the tip to a branch leads through blocks that were pruned.
    pub(crate) fn forks_below_pruned(&self, id: EntryId) -> bool {
        if self.pruned_below == Height::GENESIS {
            return false;
        }
        let fork = self.tree.fork_point(id);
        self.tree.entry(fork).record.height.next() < self.pruned_below
    }

    /// Refuses a block on a branch that could never become active.
    ///
    /// Where blocks were pruned the peer is not to blame: another node may have what this one
    /// has forgotten.
    pub(crate) fn check_fork(&self, parent: EntryId) -> Result<(), Refusal> {
        self.check_final(parent)?;
        if !self.forks_below_pruned(parent) {
            return Ok(());
        }
        let detail = format!(
            "the branch leaves the active chain below height {}, where blocks were pruned",
            self.pruned_below
        );
        Err(Refusal::new(
            "bad-fork-prior-to-pruned",
            detail,
            Blame::Nobody,
        ))
    }
}
