//! The stored blocks above the final one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_engine::{FinalBlock, StoredBlock};
use synod_primitives::BlockHash;
use synod_seal::{SealKey, Slot};

/// A stored block.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) block: Arc<StoredBlock>,
    pub(crate) slot: Slot,
    pub(crate) key: Option<SealKey>,
}

/// All stored blocks that descend from the root, which is the final block or, before there is
/// one, the genesis block. The root itself is not a node.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: FinalBlock,
    pub(crate) root_slot: Slot,
    nodes: BTreeMap<BlockHash, Node>,
    /// The first block that came of each slot and key.
    first_of_slot: BTreeMap<(Slot, SealKey), BlockHash>,
}

impl Tree {
    pub(crate) fn new(root: FinalBlock) -> Self {
        Self {
            root,
            root_slot: Slot(0),
            nodes: BTreeMap::new(),
            first_of_slot: BTreeMap::new(),
        }
    }

    pub(crate) fn find(&self, hash: &BlockHash) -> Option<&Node> {
        self.nodes.get(hash)
    }

    pub(crate) fn contains(&self, hash: &BlockHash) -> bool {
        *hash == self.root.hash || self.nodes.contains_key(hash)
    }

    /// Adds a block whose parent is here; any other leads away from the final block.
    pub(crate) fn insert(&mut self, node: Node) {
        if self.contains(&node.block.header.previous_block_hash) {
            if let Some(key) = node.key {
                let first = self.first_of_slot.entry((node.slot, key));
                first.or_insert(node.block.hash);
            }
            self.nodes.insert(node.block.hash, node);
        }
    }

    /// Returns another block by the same key in the same slot.
    pub(crate) fn find_twin(&self, node: &Node) -> Option<&Node> {
        let first = self.first_of_slot.get(&(node.slot, node.key?))?;
        self.nodes
            .get(first)
            .filter(|it| it.block.hash != node.block.hash)
    }

    /// Goes from a block down to the root, the root left out.
    pub(crate) fn branch(&self, end: &BlockHash) -> impl Iterator<Item = &Node> {
        let mut at = self.nodes.get(end);
        std::iter::from_fn(move || {
            let node = at?;
            at = self.nodes.get(&node.block.header.previous_block_hash);
            Some(node)
        })
    }

    /// Says whether `ancestor` is `block` or lies below it; the root lies below all.
    pub(crate) fn is_ancestor(&self, ancestor: &BlockHash, block: &BlockHash) -> bool {
        if *ancestor == self.root.hash {
            return self.contains(block);
        }
        let Some(lowest) = self.nodes.get(ancestor).map(|it| it.block.height) else {
            return false;
        };
        self.branch(block)
            .take_while(|it| it.block.height >= lowest)
            .any(|it| it.block.hash == *ancestor)
    }

    /// Returns the last block of a branch up to a slot; `None` when that lies below the root.
    pub(crate) fn last_at(&self, end: &BlockHash, slot: Slot) -> Option<BlockHash> {
        let node = self.branch(end).find(|it| it.slot <= slot);
        let root = (self.root_slot <= slot && self.contains(end)).then_some(self.root.hash);
        node.map(|it| it.block.hash).or(root)
    }

    /// Returns the slot of a block.
    pub(crate) fn slot_of(&self, hash: &BlockHash) -> Option<Slot> {
        let root = (*hash == self.root.hash).then_some(self.root_slot);
        root.or_else(|| self.nodes.get(hash).map(|it| it.slot))
    }

    /// Takes a block out, and all above it.
    pub(crate) fn remove(&mut self, hash: &BlockHash) {
        let gone = self.descendants(*hash);
        self.nodes.retain(|it, _| it != hash && !gone.contains(it));
        self.rebuild_index();
    }

    /// Makes a block the root and forgets all that does not descend from it.
    pub(crate) fn set_root(&mut self, root: FinalBlock, slot: Slot) {
        let kept = self.descendants(root.hash);
        self.nodes.retain(|it, _| kept.contains(it));
        self.rebuild_index();
        self.root = root;
        self.root_slot = slot;
    }

    /// Returns all blocks above a block, in one pass from the lowest up.
    fn descendants(&self, hash: BlockHash) -> BTreeSet<BlockHash> {
        let mut by_height: Vec<&Node> = self.nodes.values().collect();
        by_height.sort_by_key(|it| it.block.height);
        let mut found = BTreeSet::new();
        for node in by_height {
            let parent = node.block.header.previous_block_hash;
            if parent == hash || found.contains(&parent) {
                found.insert(node.block.hash);
            }
        }
        found
    }

    fn rebuild_index(&mut self) {
        let nodes = &self.nodes;
        self.first_of_slot
            .retain(|_, hash| nodes.contains_key(hash));
    }
}
