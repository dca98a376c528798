//! Blocks whose parent is not known yet, held in memory only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use synod_primitives::{Block, BlockHash};

/// The most orphan blocks held; past it the oldest is dropped.
pub(crate) const MAX_ORPHAN_BLOCKS: usize = 64;
/// The most bytes of orphan blocks held; past it the oldest are dropped.
pub(crate) const MAX_ORPHAN_BYTES: usize = 32 << 20;

/// Orphan blocks by the parent that they wait for.
#[derive(Debug, Default)]
pub(crate) struct OrphanBlocks {
    by_parent: BTreeMap<BlockHash, Vec<Arc<Block>>>,
    order: VecDeque<(BlockHash, BlockHash)>,
    bytes: usize,
}

impl OrphanBlocks {
    /// Says whether the block waits here.
    #[must_use]
    pub(crate) fn contains(&self, hash: BlockHash) -> bool {
        self.order.iter().any(|(_, held)| *held == hash)
    }

    /// Holds a block; drops the oldest ones past the limits.
    pub(crate) fn insert(&mut self, block: Arc<Block>) {
        if self.contains(block.hash()) || block.size() > MAX_ORPHAN_BYTES {
            return;
        }
        let parent = block.header().previous_block_hash;
        self.bytes += block.size();
        self.order.push_back((parent, block.hash()));
        self.by_parent.entry(parent).or_default().push(block);
        while self.order.len() > MAX_ORPHAN_BLOCKS || self.bytes > MAX_ORPHAN_BYTES {
            let Some((parent, hash)) = self.order.pop_front() else {
                return;
            };
            self.drop_one(parent, hash);
        }
    }

    fn drop_one(&mut self, parent: BlockHash, hash: BlockHash) {
        let Some(waiting) = self.by_parent.get_mut(&parent) else {
            return;
        };
        if let Some(at) = waiting.iter().position(|block| block.hash() == hash) {
            self.bytes -= waiting.swap_remove(at).size();
        }
        if waiting.is_empty() {
            self.by_parent.remove(&parent);
        }
    }

    /// Takes the blocks that wait for `parent`.
    pub(crate) fn take_children(&mut self, parent: BlockHash) -> Vec<Arc<Block>> {
        let children = self.by_parent.remove(&parent).unwrap_or_default();
        self.order.retain(|(waits_for, _)| *waits_for != parent);
        self.bytes -= children.iter().map(|block| block.size()).sum::<usize>();
        children
    }
}
