//! Blocks that are connected before their scripts are verified.
//!
//! While the threads of the pool verify the scripts of one block, the chain connects the next ones
//! as if it were valid, so that no thread waits at the border of two blocks. Nobody outside sees
//! such a tip: before a call of the chain returns, all verdicts are there ([`crate::Row`] holds the
//! node meanwhile), and of the active chain only what is verified is written. When a block turns out invalid, it and all above it are taken off
//! the coins again, and the chain stands where it would have stood without running ahead.

use std::collections::VecDeque;

use synod_ledger::PendingScripts;
use synod_primitives::BlockHash;

use crate::chain::Chain;
use crate::storage::{Status, StorageError};
use crate::tree::EntryId;
use crate::verdict::Refusal;

/// How many blocks the tip runs ahead of the last one whose scripts are known to be valid: enough
/// that the last scripts of one block run beside the first of others.
pub(crate) const MAX_AHEAD_BLOCKS: usize = 4;

/// Blocks at the tip whose scripts are not all verified, lowest first.
#[derive(Default)]
pub(crate) struct Ahead {
    blocks: VecDeque<AheadBlock>,
    /// How many blocks the tip ever ran ahead of.
    pushed: u64,
}

struct AheadBlock {
    id: EntryId,
    hash: BlockHash,
    /// Of the block and its undo data.
    bytes: usize,
    scripts: PendingScripts,
}

impl Ahead {
    pub(crate) fn push(
        &mut self,
        id: EntryId,
        hash: BlockHash,
        bytes: usize,
        scripts: PendingScripts,
    ) {
        self.pushed += 1;
        self.blocks.push_back(AheadBlock {
            id,
            hash,
            bytes,
            scripts,
        });
    }

    /// Returns the bytes of the blocks that have no verdict, and of their undo data.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.bytes).sum()
    }

    /// Returns how many blocks were ever pushed.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Returns how many of them have their verdict.
    pub(crate) fn settled(&self) -> u64 {
        self.pushed - self.blocks.len() as u64
    }

    /// Returns the lowest block that has no verdict.
    pub(crate) fn lowest(&self) -> Option<(EntryId, BlockHash)> {
        self.blocks.front().map(|block| (block.id, block.hash))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.blocks.len() > MAX_AHEAD_BLOCKS
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn contains(&self, id: EntryId) -> bool {
        self.blocks.iter().any(|block| block.id == id)
    }
}

impl Chain {
    /// Says whether the tip may run ahead: under an engine that does not follow connected blocks,
    /// which could not take back what it concludes from one.
    #[must_use]
    pub fn may_run_ahead(&self) -> bool {
        self.settings.threads > 1 && self.engine.stands_at().is_none()
    }

    /// Waits for the scripts of all blocks that the tip runs ahead of; says whether all are valid.
    pub(crate) fn settle_ahead(&mut self) -> Result<bool, StorageError> {
        while !self.ahead.is_empty() {
            if !self.settle_lowest()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits for the scripts of the lowest block that the tip runs ahead of; says whether they
    /// are valid. If not, the tip is the block's parent.
    pub(crate) fn settle_lowest(&mut self) -> Result<bool, StorageError> {
        let Some(block) = self.ahead.blocks.pop_front() else {
            return Ok(true);
        };
        match block.scripts.verdict() {
            Ok(()) => {
                self.tree.set_status(block.id, Status::Valid);
                self.work.dirty.insert(block.id);
                Ok(true)
            }
            Err(error) => {
                self.take_back(block.id, &Refusal::from(&error))?;
                Ok(false)
            }
        }
    }

    /// Takes back everything from a block on that turned out invalid.
    fn take_back(&mut self, id: EntryId, refusal: &Refusal) -> Result<(), StorageError> {
        // What is not verified yet need not be any more.
        self.ahead.blocks.clear();
        while self.tree.is_active(id) {
            let hash = self.tree.entry(self.tree.tip()).record.hash;
            self.disconnect_tip()?;
            forget(&mut self.work.undo, &mut self.work.bytes, hash);
        }
        // Security: nothing above an invalid block is stored, as if it had come later.
        for descendant in self.tree.subtree(id) {
            if descendant != id {
                let hash = self.tree.entry(descendant).record.hash;
                forget(&mut self.work.blocks, &mut self.work.bytes, hash);
            }
        }
        self.remember_failure(id, refusal);
        Ok(())
    }
}

/// Drops what waits to be written for a block.
fn forget(
    waiting: &mut Vec<(BlockHash, bytes::Bytes)>,
    waiting_bytes: &mut usize,
    hash: BlockHash,
) {
    waiting.retain(|(at, raw)| {
        if *at == hash {
            *waiting_bytes = waiting_bytes.saturating_sub(raw.len());
        }
        *at != hash
    });
}
