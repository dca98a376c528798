//! All stored blocks above the last final one: which branch is preferred, and who has sealed
//! what contradicts itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use synod_engine::{FinalBlock, Millis, StoredBlock};
use synod_primitives::{BlockHash, Height, Reader};
use synod_seal::{Evidence, Mode, Seal, SealKey, SealedHeader, Slot, Statement, find_seal};

/// The most blocks of one key that a new one is compared with; the oldest are let go.
pub const MAX_WATCHED_BLOCKS: usize = 32;
/// The most keys whose blocks are watched at a time; further ones are not.
pub const MAX_WATCHED_KEYS: usize = 1024;
/// The most blocks that wait for their slot; further ones are preferred when the next input
/// comes after their slot has begun.
pub const MAX_EARLY_BLOCKS: usize = 64;

/// What fork choice looks at, best last: the greatest height with a quorum of prevotes that
/// the branch's end states, then the height, then whether the end came in its slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Rank {
    prevoted: Height,
    height: Height,
    in_slot: bool,
}

#[derive(Clone, Copy)]
struct Node {
    parent: BlockHash,
    height: Height,
    slot: Slot,
    time: u32,
    prevoted: Height,
    in_slot: bool,
}

struct Watched {
    seal: Seal,
    block: Arc<StoredBlock>,
}

/// Stored blocks from the last final one up.
pub(crate) struct Tree {
    root: FinalBlock,
    nodes: BTreeMap<BlockHash, Node>,
    /// The blocks of each height, so that what a new final block leaves behind is found without
    /// going through all of them.
    by_height: BTreeMap<Height, BTreeSet<BlockHash>>,
    watched: BTreeMap<SealKey, VecDeque<Watched>>,
    /// Blocks whose slot has not begun, by its time in seconds.
    early: BTreeSet<(u32, BlockHash)>,
}

impl Tree {
    pub(crate) fn new(genesis: BlockHash) -> Self {
        let root = FinalBlock {
            height: Height::GENESIS,
            hash: genesis,
        };
        let mut tree = Self {
            root,
            nodes: BTreeMap::new(),
            by_height: BTreeMap::from([(root.height, BTreeSet::from([genesis]))]),
            watched: BTreeMap::new(),
            early: BTreeSet::new(),
        };
        tree.nodes.insert(
            genesis,
            Node {
                parent: BlockHash::ZERO,
                height: Height::GENESIS,
                slot: Slot(0),
                time: 0,
                prevoted: Height(0),
                in_slot: false,
            },
        );
        tree
    }

    /// Encodes what is known of the root, if it is this block.
    pub(crate) fn encode_root(&self, block: &FinalBlock) -> Option<[u8; 17]> {
        let node = self
            .nodes
            .get(&block.hash)
            .filter(|_| self.root == *block)?;
        let mut out = [0; 17];
        out[..8].copy_from_slice(&node.slot.0.to_le_bytes());
        out[8..12].copy_from_slice(&node.time.to_le_bytes());
        out[12..16].copy_from_slice(&node.prevoted.0.to_le_bytes());
        out[16] = u8::from(node.in_slot);
        Some(out)
    }

    /// Starts at a root of which [`Tree::encode_root`] was kept.
    pub(crate) fn decode_root(root: FinalBlock, reader: &mut Reader<'_>) -> Option<Self> {
        let node = Node {
            parent: BlockHash::ZERO,
            height: root.height,
            slot: Slot(reader.read_u64().ok()?),
            time: reader.read_u32().ok()?,
            prevoted: Height(reader.read_u32().ok()?),
            in_slot: reader.read_u8().ok()? != 0,
        };
        let mut tree = Self::new(root.hash);
        tree.root = root;
        tree.nodes.insert(root.hash, node);
        tree.by_height = BTreeMap::from([(root.height, BTreeSet::from([root.hash]))]);
        Some(tree)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len() + self.watched_blocks() + self.early.len()
    }

    fn watched_blocks(&self) -> usize {
        self.watched.values().map(VecDeque::len).sum()
    }

    /// Takes in a block whose parent is here; `None` for another, or one that is known.
    ///
    /// `slot_now` is the slot under way as it comes.
    pub(crate) fn insert(
        &mut self,
        block: &StoredBlock,
        now: Millis,
        slot_now: Slot,
    ) -> Option<Seal> {
        let seal = find_seal(&block.coinbase).ok()?;
        let is_new = !self.nodes.contains_key(&block.hash);
        if !is_new || !self.nodes.contains_key(&block.header.previous_block_hash) {
            return None;
        }
        let is_bootstrap = seal.mode == Mode::Bootstrap;
        let node = Node {
            parent: block.header.previous_block_hash,
            height: block.height,
            slot: if is_bootstrap { Slot(0) } else { seal.slot },
            time: block.header.time,
            prevoted: seal.prevoted,
            in_slot: !is_bootstrap && seal.slot == slot_now,
        };
        self.nodes.insert(block.hash, node);
        let siblings = self.by_height.entry(block.height).or_default();
        siblings.insert(block.hash);
        let is_early = now < Millis::from_seconds(node.time.into());
        if is_early && !is_bootstrap && self.early.len() < MAX_EARLY_BLOCKS {
            self.early.insert((node.time, block.hash));
        }
        Some(seal)
    }

    /// Compares a block with the others of its key; returns what contradicts it.
    pub(crate) fn watch(
        &mut self,
        block: &Arc<StoredBlock>,
        seal: Seal,
        chain_id: &[u8; 32],
    ) -> Option<Evidence> {
        let key = seal.key;
        if seal.mode != Mode::Dpos {
            return None;
        }
        if !self.watched.contains_key(&key) && self.watched.len() >= MAX_WATCHED_KEYS {
            return None;
        }
        let blocks = self.watched.entry(key).or_default();
        let new = Watched {
            seal,
            block: Arc::clone(block),
        };
        let found = blocks
            .iter()
            .filter(|other| !can_follow(other, &new) && !can_follow(&new, other))
            .map(|other| evidence(&other.block, block))
            .find(|evidence| evidence.check(chain_id) == Ok(key));
        if blocks.len() >= MAX_WATCHED_BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back(new);
        found
    }

    /// Drops a block that broke a rule, and all above it.
    pub(crate) fn reject(&mut self, hash: BlockHash) {
        if hash == self.root.hash {
            return;
        }
        if let Some(height) = self.nodes.get(&hash).map(|node| node.height) {
            self.remove(hash, height);
            self.drop_above(height, BTreeSet::from([hash]));
        }
    }

    /// Drops all that does not stand on a new final block.
    pub(crate) fn finalize(&mut self, root: FinalBlock) {
        if root.height <= self.root.height || !self.nodes.contains_key(&root.hash) {
            return;
        }
        self.root = root;
        let mut left_behind = BTreeSet::new();
        while let Some(entry) = self.by_height.first_entry() {
            let height = *entry.key();
            if height > root.height {
                break;
            }
            let mut hashes = entry.remove();
            if height == root.height {
                hashes.remove(&root.hash);
                left_behind.clone_from(&hashes);
            }
            for hash in &hashes {
                self.nodes.remove(hash);
            }
        }
        let at_root = BTreeSet::from([root.hash]);
        self.by_height.insert(root.height, at_root);
        self.drop_above(root.height, left_behind);
        let nodes = &self.nodes;
        self.early.retain(|(_, hash)| nodes.contains_key(hash));
        let fixed = root.height;
        self.watched.retain(|_, blocks| {
            blocks.retain(|it| it.block.height > fixed);
            !blocks.is_empty()
        });
    }

    /// Drops what stands on blocks that were dropped at a height.
    fn drop_above(&mut self, height: Height, mut dropped: BTreeSet<BlockHash>) {
        let mut height = height;
        while !dropped.is_empty() {
            let Some(next) = height.0.checked_add(1).map(Height) else {
                return;
            };
            let siblings = self.by_height.get(&next).into_iter().flatten();
            let stands_on_dropped = |hash: &&BlockHash| {
                let node = self.nodes.get(hash);
                node.is_some_and(|node| dropped.contains(&node.parent))
            };
            dropped = siblings.filter(stands_on_dropped).copied().collect();
            for hash in &dropped {
                self.remove(*hash, next);
            }
            height = next;
        }
    }

    fn remove(&mut self, hash: BlockHash, height: Height) {
        let node = self.nodes.remove(&hash);
        if let Some(node) = node {
            self.early.remove(&(node.time, hash));
        }
        if let Some(siblings) = self.by_height.get_mut(&height) {
            siblings.remove(&hash);
            if siblings.is_empty() {
                self.by_height.remove(&height);
            }
        }
    }

    /// Returns how good the branch that ends here is; `None` when it lacks the final block,
    /// is not known, or its slot has not begun.
    pub(crate) fn rank(&self, hash: &BlockHash, now: Millis) -> Option<Rank> {
        let node = self.nodes.get(hash)?;
        let is_early = node.slot > Slot(0) && now < Millis::from_seconds(node.time.into());
        (!is_early).then_some(Rank {
            prevoted: node.prevoted,
            height: node.height,
            in_slot: node.in_slot,
        })
    }

    /// Says whether the root is at this height or above, so that all blocks here stand on it.
    pub(crate) fn is_root_at(&self, height: Height) -> bool {
        height <= self.root.height
    }

    /// Says whether the branch that ends in `hash` holds `block`.
    pub(crate) fn holds(&self, hash: &BlockHash, block: &FinalBlock) -> bool {
        self.ancestor(hash, |at, node| {
            at == block.hash || node.height <= block.height
        })
        .is_some_and(|(at, _, _)| at == block.hash)
    }

    /// Goes down from a block to the first that is asked for.
    pub(crate) fn find_below(
        &self,
        hash: &BlockHash,
        is_asked_for: impl Fn(BlockHash, Height) -> bool,
    ) -> Option<(BlockHash, Height, Slot)> {
        self.ancestor(hash, |at, node| is_asked_for(at, node.height))
    }

    fn ancestor(
        &self,
        hash: &BlockHash,
        is_asked_for: impl Fn(BlockHash, &Node) -> bool,
    ) -> Option<(BlockHash, Height, Slot)> {
        let mut at = *hash;
        loop {
            let node = self.nodes.get(&at)?;
            if is_asked_for(at, node) {
                return Some((at, node.height, node.slot));
            }
            at = node.parent;
        }
    }

    /// Returns when the next block's slot begins, in seconds.
    pub(crate) fn next_early(&self) -> Option<u32> {
        self.early.first().map(|(time, _)| *time)
    }

    /// Takes the blocks whose slot has begun.
    pub(crate) fn take_due(&mut self, now: Millis) -> Vec<BlockHash> {
        let mut due = Vec::new();
        while let Some((time, hash)) = self.early.first().copied() {
            if now < Millis::from_seconds(time.into()) {
                break;
            }
            self.early.remove(&(time, hash));
            due.push(hash);
        }
        due
    }
}

/// Says whether an honest delegate can have sealed the later block after the earlier one.
/// What it admits is never a contradiction; what it does not still has to be checked.
fn can_follow(earlier: &Watched, later: &Watched) -> bool {
    let grows = later.seal.prevoted > earlier.seal.prevoted
        || (later.seal.prevoted == earlier.seal.prevoted
            && later.block.height > earlier.block.height);
    let remembers = later.seal.previously_sealed >= earlier.block.height;
    grows && remembers && later.seal.slot > earlier.seal.slot
}

fn evidence(first: &StoredBlock, second: &StoredBlock) -> Evidence {
    let statement = |it: &StoredBlock| {
        Statement::Block(Box::new(SealedHeader {
            header: it.header,
            coinbase: it.coinbase.clone(),
            branch: it.branch.clone(),
        }))
    };
    Evidence {
        first: statement(first),
        second: statement(second),
    }
}
