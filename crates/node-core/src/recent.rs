//! Blocks that were taken in lately, decoded and checked.

use std::collections::VecDeque;

use std::sync::Arc;

use synod_ledger::ContextualBlock;
use synod_primitives::{Block, BlockHash};

/// The most bytes of decoded blocks held, as encoded; the oldest leave first.
pub(crate) const MAX_RECENT_BYTES: usize = 12 << 20;
/// The most decoded blocks held.
pub(crate) const MAX_RECENT_BLOCKS: usize = 1024;

/// A short memory of decoded blocks.
#[derive(Debug, Default)]
pub(crate) struct RecentBlocks {
    blocks: VecDeque<ContextualBlock<Arc<Block>>>,
    bytes: usize,
}

impl RecentBlocks {
    /// Holds a block; drops the oldest past the limits.
    pub(crate) fn insert(&mut self, block: ContextualBlock<Arc<Block>>) {
        self.bytes += block.block().size();
        self.blocks.push_back(block);
        while self.bytes > MAX_RECENT_BYTES || self.blocks.len() > MAX_RECENT_BLOCKS {
            let Some(oldest) = self.blocks.pop_front() else {
                return;
            };
            self.bytes -= oldest.block().size();
        }
    }

    /// Finds a block.
    #[must_use]
    pub(crate) fn find(&self, hash: BlockHash) -> Option<ContextualBlock<Arc<Block>>> {
        self.blocks
            .iter()
            .rev()
            .find(|block| block.hash() == hash)
            .cloned()
    }
}
