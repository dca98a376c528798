//! The tree of all known headers.
//!
//! Invariant: a block that is [`Status::Stored`] or [`Status::Valid`] has a parent that is,
//! and every descendant of a failed block is failed.

use std::collections::{BTreeSet, HashMap};

use synod_engine::{Ancestry, BranchEnd, Engine};
use synod_primitives::{BlockHash, Header, Height, Work};

use crate::storage::{HeaderRecord, Status};

/// The place of an entry in the tree; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryId(u32);

/// A header and what is known of its block.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What storage keeps of it.
    pub record: HeaderRecord,
    /// The work of this block alone.
    pub block_work: Work,
    /// The parent; `None` for the genesis block.
    pub parent: Option<EntryId>,
    /// An ancestor far below, which makes long walks short.
    skip: Option<EntryId>,
    children: Vec<EntryId>,
}

impl Entry {
    /// Returns the branch end that this entry is.
    #[must_use]
    pub fn branch_end(&self) -> BranchEnd {
        BranchEnd {
            hash: self.record.hash,
            height: self.record.height,
            chainwork: self.record.chainwork,
            block_work: self.block_work,
            arrival: self.record.arrival,
        }
    }
}

/// All known headers, the active chain, and the ends of branches that may become active.
#[derive(Debug)]
pub struct BlockTree {
    entries: Vec<Entry>,
    by_hash: HashMap<BlockHash, EntryId>,
    active: Vec<EntryId>,
    /// Entries with their block whose children have none: where a branch can end.
    leaves: BTreeSet<EntryId>,
    /// Entries without children: where branches of headers end.
    ends: BTreeSet<EntryId>,
    /// Entries of failed blocks, by the work up to them.
    failed: BTreeSet<(Work, EntryId)>,
    next_arrival: u64,
    /// Headers whose blocks have not come.
    without_block: usize,
}

/// How many headers a median time looks at (Core: `nMedianTimeSpan`).
const MEDIAN_TIME_SPAN: usize = 11;

impl BlockTree {
    /// Starts a tree at the genesis block, which is valid and active.
    #[must_use]
    pub fn new(genesis: &Header, engine: &dyn Engine) -> Self {
        let record = HeaderRecord {
            hash: genesis.block_hash(),
            header: *genesis,
            height: Height::GENESIS,
            chainwork: engine.work(genesis),
            status: Status::Valid,
            arrival: 0,
            transaction_count: 1,
        };
        let mut tree = Self {
            entries: Vec::new(),
            by_hash: HashMap::new(),
            active: Vec::new(),
            leaves: BTreeSet::new(),
            ends: BTreeSet::new(),
            failed: BTreeSet::new(),
            next_arrival: 1,
            without_block: 0,
        };
        let id = tree.push(record, engine.work(genesis), None);
        tree.active.push(id);
        tree
    }

    /// Adds a header below which the parent is known; returns the entry that is there
    /// already when it is.
    ///
    /// # Panics
    /// When the parent is not in the tree.
    pub fn insert(&mut self, record: HeaderRecord, engine: &dyn Engine) -> EntryId {
        if let Some(id) = self.find(record.hash) {
            return id;
        }
        let parent = self
            .find(record.header.previous_block_hash)
            .expect("the parent is known");
        self.next_arrival = self.next_arrival.max(record.arrival + 1);
        let work = engine.work(&record.header);
        self.push(record, work, Some(parent))
    }

    fn push(&mut self, record: HeaderRecord, block_work: Work, parent: Option<EntryId>) -> EntryId {
        let id = EntryId(u32::try_from(self.entries.len()).expect("fewer than 2^32 headers"));
        let skip = parent.map(|parent| self.ancestor(parent, skip_height(record.height)));
        let has_block = record.status.has_block();
        self.without_block += usize::from(record.status == Status::HeaderOnly);
        self.by_hash.insert(record.hash, id);
        self.entries.push(Entry {
            record,
            block_work,
            parent,
            skip,
            children: Vec::new(),
        });
        if let Some(parent) = parent {
            self.entries[parent.0 as usize].children.push(id);
            self.ends.remove(&parent);
        }
        self.ends.insert(id);
        self.note_failure(id);
        if has_block {
            self.update_leaf(id);
        }
        id
    }

    /// Builds the record of a header on top of `parent`, with the next arrival number.
    #[must_use]
    pub fn record_on(&self, parent: EntryId, header: Header, engine: &dyn Engine) -> HeaderRecord {
        let below = &self.entry(parent).record;
        HeaderRecord {
            hash: header.block_hash(),
            header,
            height: below.height.next(),
            chainwork: below.chainwork.saturating_add(engine.work(&header)),
            status: Status::HeaderOnly,
            arrival: self.next_arrival,
            transaction_count: 0,
        }
    }

    /// Takes the next arrival number.
    pub fn take_arrival(&mut self) -> u64 {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        arrival
    }

    /// Finds an entry by its hash.
    #[must_use]
    pub fn find(&self, hash: BlockHash) -> Option<EntryId> {
        self.by_hash.get(&hash).copied()
    }

    /// Borrows an entry.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    /// Goes through all entries, parents before children.
    pub fn ids(&self) -> impl Iterator<Item = EntryId> + use<> {
        let count = u32::try_from(self.entries.len()).expect("fewer than 2^32 headers");
        (0..count).map(EntryId)
    }

    /// Returns the number of headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: a tree has its genesis block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the number of headers whose blocks have not come.
    #[must_use]
    pub fn without_block(&self) -> usize {
        self.without_block
    }

    /// Returns the hash of the active block at a height, the tip's above it.
    pub(crate) fn active_hash(&self, height: Height) -> BlockHash {
        let id = self.active_at(height).unwrap_or_else(|| self.tip());
        self.entry(id).record.hash
    }

    /// Returns the last block of the active chain.
    #[must_use]
    pub fn tip(&self) -> EntryId {
        *self
            .active
            .last()
            .expect("the genesis block is always active")
    }

    /// Returns the block of the active chain at a height.
    #[must_use]
    pub fn active_at(&self, height: Height) -> Option<EntryId> {
        self.active.get(height.0 as usize).copied()
    }

    /// Says whether the entry is on the active chain.
    #[must_use]
    pub fn is_active(&self, id: EntryId) -> bool {
        self.active_at(self.entry(id).record.height) == Some(id)
    }

    /// Makes `id`, a child of the tip, the tip.
    pub fn extend_active(&mut self, id: EntryId) {
        debug_assert_eq!(self.entry(id).parent, Some(self.tip()));
        self.active.push(id);
    }

    /// Takes the tip off the active chain.
    pub fn shrink_active(&mut self) {
        debug_assert!(self.active.len() > 1, "the genesis block stays");
        self.active.pop();
    }

    /// Makes the branch that ends at `id` the active chain.
    pub fn set_active_end(&mut self, id: EntryId) {
        let fork = self.fork_point(id);
        let path = self.path(fork, id);
        self.active
            .truncate(self.entry(fork).record.height.0 as usize + 1);
        self.active.extend(path);
    }

    /// Sets what is known of a block and keeps the set of leaves true.
    pub fn set_status(&mut self, id: EntryId, status: Status) {
        let before = &mut self.entries[id.0 as usize].record.status;
        self.without_block -= usize::from(*before == Status::HeaderOnly);
        self.without_block += usize::from(status == Status::HeaderOnly);
        *before = status;
        self.note_failure(id);
        self.update_leaf(id);
        if let Some(parent) = self.entry(id).parent {
            self.update_leaf(parent);
        }
    }

    /// Notes a block's arrival: its count of transactions and its place in the order.
    pub fn set_stored(&mut self, id: EntryId, transaction_count: u32) {
        let arrival = self.take_arrival();
        let record = &mut self.entries[id.0 as usize].record;
        record.transaction_count = transaction_count;
        record.arrival = arrival;
        self.set_status(id, Status::Stored);
    }

    fn note_failure(&mut self, id: EntryId) {
        let record = &self.entry(id).record;
        let (place, is_failed) = ((record.chainwork, id), record.status.is_failed());
        if is_failed {
            self.failed.insert(place);
        } else {
            self.failed.remove(&place);
        }
    }

    /// Returns the failed block up to which there is most work, as far as headers show it.
    #[must_use]
    pub fn heaviest_failed(&self) -> Option<EntryId> {
        self.failed.last().map(|(_, id)| *id)
    }

    fn update_leaf(&mut self, id: EntryId) {
        let entry = self.entry(id);
        let has_block = |id: &EntryId| self.entry(*id).record.status.has_block();
        if entry.record.status.has_block() && !entry.children.iter().any(has_block) {
            self.leaves.insert(id);
        } else {
            self.leaves.remove(&id);
        }
        let entry = self.entry(id);
        if let (Some(parent), true) = (entry.parent, entry.record.status.has_block()) {
            self.leaves.remove(&parent);
        }
    }

    /// Returns the entry and all its descendants, parents first.
    #[must_use]
    pub fn subtree(&self, id: EntryId) -> Vec<EntryId> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(id) = found.get(next) {
            found.extend_from_slice(&self.entry(*id).children);
            next += 1;
        }
        found
    }

    /// Goes through the ends of branches whose blocks are all stored and not failed.
    pub fn leaves(&self) -> impl Iterator<Item = EntryId> {
        self.leaves.iter().copied()
    }

    /// Goes through the entries without children: the ends of all branches of headers.
    pub fn header_ends(&self) -> impl Iterator<Item = EntryId> {
        self.ends.iter().copied()
    }

    /// Returns the ancestor at a height, the entry itself at its own or a greater height.
    #[must_use]
    pub fn ancestor(&self, id: EntryId, height: Height) -> EntryId {
        if let Some(active) = self.active_at(height)
            && self.is_active(id)
            && height <= self.entry(id).record.height
        {
            return active;
        }
        let mut at = id;
        loop {
            let entry = self.entry(at);
            if entry.record.height <= height {
                return at;
            }
            at = match entry.skip {
                Some(skip) if self.entry(skip).record.height >= height => skip,
                _ => entry.parent.expect("an entry above height 0 has a parent"),
            };
        }
    }

    /// Returns the last block that is both on the active chain and an ancestor of `id`.
    #[must_use]
    pub fn fork_point(&self, id: EntryId) -> EntryId {
        let mut at = self.ancestor(id, self.entry(self.tip()).record.height);
        while !self.is_active(at) {
            at = self.entry(at).parent.expect("the genesis block is active");
        }
        at
    }

    /// Returns the entries above `base` up to `id`, lowest first.
    #[must_use]
    pub fn path(&self, base: EntryId, id: EntryId) -> Vec<EntryId> {
        let mut path = Vec::new();
        let mut at = id;
        while at != base {
            path.push(at);
            at = self.entry(at).parent.expect("base is an ancestor");
        }
        path.reverse();
        path
    }

    /// Returns the median time of the last 11 headers up to `id` (BIP113).
    #[must_use]
    pub fn median_time_past(&self, id: EntryId) -> u32 {
        let mut times = Vec::with_capacity(MEDIAN_TIME_SPAN);
        let mut at = Some(id);
        while let (Some(id), true) = (at, times.len() < MEDIAN_TIME_SPAN) {
            times.push(self.entry(id).record.header.time);
            at = self.entry(id).parent;
        }
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// Returns hashes of the branch up to `id`, dense at its end and ever sparser towards
    /// the genesis block, which is the last (Core: `CBlockLocator`).
    #[must_use]
    pub fn locator(&self, id: EntryId) -> Vec<BlockHash> {
        let mut hashes = Vec::with_capacity(32);
        let mut height = self.entry(id).record.height.0;
        let mut step = 1;
        loop {
            let at = self.ancestor(id, Height(height));
            hashes.push(self.entry(at).record.hash);
            if height == 0 {
                return hashes;
            }
            if hashes.len() > 10 {
                step *= 2;
            }
            height = height.saturating_sub(step);
        }
    }

    /// Returns the first of the hashes that is on the active chain, else the genesis block.
    #[must_use]
    pub fn find_fork_of_locator(&self, locator: &[BlockHash]) -> EntryId {
        let known = locator.iter().filter_map(|hash| self.find(*hash));
        known
            .into_iter()
            .find(|id| self.is_active(*id))
            .unwrap_or(self.active[0])
    }

    /// Looks at the branch that ends at `id` as an engine may.
    #[must_use]
    pub fn ancestry(&self, id: EntryId) -> BranchView<'_> {
        BranchView {
            tree: self,
            end: id,
        }
    }
}

/// A branch as an engine sees it.
#[derive(Clone, Copy, Debug)]
pub struct BranchView<'a> {
    tree: &'a BlockTree,
    end: EntryId,
}

impl Ancestry for BranchView<'_> {
    fn header_at(&self, height: Height) -> Option<Header> {
        let end = self.tree.entry(self.end);
        (height <= end.record.height).then(|| {
            self.tree
                .entry(self.tree.ancestor(self.end, height))
                .record
                .header
        })
    }
}

/// Returns the height that the skip pointer of a block at `height` leads to (Core:
/// `GetSkipHeight`): a walk to any ancestor takes a logarithmic number of steps.
fn skip_height(height: Height) -> Height {
    fn clear_lowest_bit(n: u32) -> u32 {
        n & n.wrapping_sub(1)
    }
    Height(match height.0 {
        0 | 1 => 0,
        n if n & 1 == 1 => clear_lowest_bit(clear_lowest_bit(n - 1)) + 1,
        n => clear_lowest_bit(n),
    })
}
