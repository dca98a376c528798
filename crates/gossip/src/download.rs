//! Which block is asked of whom: ranges from several peers at once, handed on parents first.
//!
//! Invariant: a block is asked of one peer at a time, and whoever delivers nothing while
//! another peer could loses its turn. Everything here is a function of what came in and of
//! the times that came with it, in milliseconds of any clock that never goes back.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use synod_api::p2p::MAX_REQUESTED_BLOCKS;
use synod_primitives::BlockHash;

use crate::peers::PeerId;

/// How many blocks ahead of the first missing one are looked at (Core 28:
/// `BLOCK_DOWNLOAD_WINDOW`).
pub const BLOCK_WINDOW: usize = 1024;
/// The bytes of blocks that one request aims at; one block may be more.
pub const RANGE_BYTES: usize = 4 << 20;
/// The most bytes of blocks that wait for those before them; past it only the first missing
/// block is asked for.
pub const MAX_BUFFERED_BYTES: usize = 64 << 20;
/// The bytes of blocks that the node has in its hands without verdict, past which it is handed no
/// further one: enough that it connects some while it verifies others.
pub const FEED_BYTES: usize = 8 << 20;
/// The most such blocks.
pub const FEED_BLOCKS: usize = 256;
/// How long a peer may deliver nothing while another could, in milliseconds (Core 28:
/// `BLOCK_STALLING_TIMEOUT_DEFAULT`).
pub const STALL_MS: u64 = 2_000;
/// How long one request may take, in milliseconds.
pub const RANGE_TIMEOUT_MS: u64 = 60_000;
/// Fewer bytes than this since the last progress are no progress: a byte a second holds nothing.
pub const MIN_PROGRESS_BYTES: usize = 16 << 10;
/// The longest time that a peer is not asked after it stalled, in milliseconds; it starts at
/// [`STALL_MS`] and doubles (Core 28: `BLOCK_STALLING_TIMEOUT_MAX`).
pub const MAX_BENCH_MS: u64 = 64_000;

/// How long a block is not asked for again after the node did not take it, in milliseconds.
pub const DECLINED_MS: u64 = 60_000;
/// The most such blocks that are remembered; the oldest are forgotten.
pub const MAX_DECLINED: usize = 256;

/// What the node said of a block that it was handed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fed {
    /// It was taken in.
    Done,
    /// It was not taken in; neither it nor what builds on it is asked for during
    /// [`DECLINED_MS`].
    Declined,
    /// The bytes are not those that the header commits to: another peer is asked.
    Mutated,
    /// The node was busy: the block is handed on again.
    Again,
}

/// A block with the peer that sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// Its hash.
    pub hash: BlockHash,
    /// Its bytes.
    pub raw: Bytes,
    /// Who sent it.
    pub from: PeerId,
}

#[derive(Debug)]
enum State {
    Waiting,
    Asked(PeerId),
    Here(Arrived, BlockHash),
    Feeding(Arrived, BlockHash),
}

#[derive(Debug)]
struct Slot {
    sources: BTreeSet<PeerId>,
    state: State,
}

/// A peer as a worker.
#[derive(Debug, Default)]
struct Worker {
    asked: usize,
    delivered: usize,
    since: u64,
    progress: u64,
    bytes_since_progress: usize,
    is_idle: bool,
    strikes: u32,
    benched_until: u64,
    /// Whether what it has was named up to its best header.
    is_named_whole: bool,
}

/// The blocks that are wanted, on their way, or waiting to be handed on.
#[derive(Debug, Default)]
pub struct Downloads {
    order: VecDeque<BlockHash>,
    slots: HashMap<BlockHash, Slot>,
    workers: BTreeMap<PeerId, Worker>,
    declined: VecDeque<(BlockHash, u64)>,
    buffered: usize,
    /// Blocks in the node's hands, and their bytes.
    feeding: (usize, usize),
    average: usize,
}

impl Downloads {
    /// Notes the blocks that are missing up to the best header of a peer, lowest first, which
    /// replaces what was noted of it before; returns how many of them are worth asking for.
    pub fn want(&mut self, peer: PeerId, missing: &[BlockHash], now: u64) -> usize {
        self.declined.retain(|(_, until)| now < *until);
        let declined: BTreeSet<BlockHash> = self.declined.iter().map(|(hash, _)| *hash).collect();
        let is_named_whole = missing.len() < BLOCK_WINDOW;
        let missing: Vec<BlockHash> = missing
            .iter()
            .take(BLOCK_WINDOW)
            .take_while(|hash| !declined.contains(hash))
            .copied()
            .collect();
        let count = missing.len();
        let named: BTreeSet<&BlockHash> = missing.iter().collect();
        for (hash, slot) in &mut self.slots {
            if !named.contains(hash) {
                slot.sources.remove(&peer);
            }
        }
        for hash in missing {
            let slot = self.slots.entry(hash).or_insert_with(|| {
                self.order.push_back(hash);
                Slot {
                    sources: BTreeSet::new(),
                    state: State::Waiting,
                }
            });
            slot.sources.insert(peer);
        }
        self.workers.entry(peer).or_default().is_named_whole = is_named_whole;
        self.drop_unsourced();
        count
    }

    /// Says whether it is time to note again what is missing up to the best header of a peer: when
    /// half of a window is left of what was noted last, or nothing where that was all.
    #[must_use]
    pub fn is_short_of(&self, peer: PeerId) -> bool {
        let worker = self.workers.get(&peer);
        let left = if worker.is_some_and(|it| it.is_named_whole) {
            0
        } else {
            BLOCK_WINDOW / 2
        };
        let named = self.slots.values().filter(|it| it.sources.contains(&peer));
        named.take(left + 1).count() <= left
    }

    /// Assigns blocks to a peer that has them; none while it is benched or others are at all
    /// of them.
    pub fn take(&mut self, peer: PeerId, now: u64) -> Vec<BlockHash> {
        let average = self.average.max(1);
        let worker = self.workers.entry(peer).or_default();
        if worker.asked > 0 || now < worker.benched_until {
            return Vec::new();
        }
        let pending: usize = self.buffered + average * self.asked_in_all();
        let mut count = (RANGE_BYTES / average).clamp(1, MAX_REQUESTED_BLOCKS);
        let is_full = pending >= MAX_BUFFERED_BYTES;
        if is_full {
            count = 1;
        }
        let mut range = Vec::new();
        for hash in &self.order {
            let Some(slot) = self.slots.get_mut(hash) else {
                continue;
            };
            let is_free = matches!(slot.state, State::Waiting) && slot.sources.contains(&peer);
            if is_free {
                slot.state = State::Asked(peer);
                range.push(*hash);
            }
            let is_first_missing = !matches!(slot.state, State::Here(..) | State::Feeding(..));
            // A range is one stretch; a full buffer waits for its first gap only.
            if range.len() == count
                || (!is_free && !range.is_empty())
                || (is_full && is_first_missing)
            {
                break;
            }
        }
        let worker = self.workers.entry(peer).or_default();
        worker.asked = range.len();
        worker.delivered = 0;
        worker.is_idle = range.is_empty();
        worker.since = now;
        worker.progress = now;
        worker.bytes_since_progress = 0;
        range
    }

    fn asked_in_all(&self) -> usize {
        self.workers.values().map(|it| it.asked).sum()
    }

    /// Notes bytes of an answer.
    pub fn progress(&mut self, peer: PeerId, bytes: usize, now: u64) {
        if let Some(worker) = self.workers.get_mut(&peer) {
            worker.bytes_since_progress += bytes;
            if worker.bytes_since_progress >= MIN_PROGRESS_BYTES {
                worker.bytes_since_progress = 0;
                worker.progress = now;
            }
        }
    }

    /// Takes in a block whose header has the hash; says whether it was wanted still.
    ///
    /// Security: a block that nobody asked for changes nothing (P04).
    pub fn arrived(&mut self, block: Arrived, parent: BlockHash, now: u64) -> bool {
        let Some(slot) = self.slots.get_mut(&block.hash) else {
            return false;
        };
        let State::Asked(holder) = slot.state else {
            return false;
        };
        self.average = if self.average == 0 {
            block.raw.len()
        } else {
            (self.average * 7 + block.raw.len()) / 8
        };
        self.buffered += block.raw.len();
        if let Some(worker) = self.workers.get_mut(&block.from) {
            worker.progress = now;
            worker.bytes_since_progress = 0;
            worker.strikes = 0;
            worker.delivered += 1;
        }
        if let Some(worker) = self.workers.get_mut(&holder) {
            worker.asked = worker.asked.saturating_sub(1);
        }
        slot.state = State::Here(block, parent);
        true
    }

    /// Ends a request of a peer: what it did not deliver can be asked of others, and of it
    /// only when it delivered something, since answers have a limit on their size.
    pub fn end_request(&mut self, peer: PeerId) {
        let worker = self.workers.get(&peer);
        let is_useless = worker.is_none_or(|it| it.delivered == 0);
        for slot in self.slots.values_mut() {
            if matches!(slot.state, State::Asked(holder) if holder == peer) {
                slot.state = State::Waiting;
                if is_useless {
                    slot.sources.remove(&peer);
                }
            }
        }
        if let Some(worker) = self.workers.get_mut(&peer) {
            worker.asked = 0;
        }
        self.drop_unsourced();
    }

    /// Says whether the peer still is to deliver something.
    #[must_use]
    pub fn is_asked(&self, peer: PeerId) -> bool {
        self.workers.get(&peer).is_some_and(|it| it.asked > 0)
    }

    /// Says until when the peer is not asked, if it is benched.
    #[must_use]
    pub fn benched_until(&self, peer: PeerId, now: u64) -> Option<u64> {
        let worker = self.workers.get(&peer)?;
        (now < worker.benched_until).then_some(worker.benched_until)
    }

    /// Takes the blocks away from peers that hold them up, and benches those peers.
    pub fn bench_stallers(&mut self, now: u64) -> Vec<PeerId> {
        let stallers: Vec<PeerId> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.asked > 0)
            .filter(|(peer, worker)| {
                let is_silent = now.saturating_sub(worker.progress) >= STALL_MS;
                let is_late = now.saturating_sub(worker.since) >= RANGE_TIMEOUT_MS;
                is_late || (is_silent && self.could_be_replaced(**peer, now))
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in &stallers {
            let worker = self.workers.entry(*peer).or_default();
            let bench = STALL_MS.saturating_mul(1 << worker.strikes.min(8));
            worker.benched_until = now + bench.min(MAX_BENCH_MS);
            worker.strikes += 1;
            worker.asked = 0;
            for slot in self.slots.values_mut() {
                if matches!(slot.state, State::Asked(holder) if holder == *peer) {
                    slot.state = State::Waiting;
                }
            }
        }
        stallers
    }

    /// Says whether an idle peer has one of the blocks that `holder` holds up.
    fn could_be_replaced(&self, holder: PeerId, now: u64) -> bool {
        let is_free = |peer: &PeerId| {
            let worker = self.workers.get(peer);
            worker.is_some_and(|it| it.is_idle && now >= it.benched_until)
        };
        self.slots.values().any(|slot| {
            matches!(slot.state, State::Asked(peer) if peer == holder)
                && slot.sources.iter().any(is_free)
        })
    }

    /// Takes blocks to hand on: their parents are known, handed on, or in the same list
    /// before them.
    pub fn feed(&mut self) -> Vec<Arrived> {
        let mut batch = Vec::new();
        for hash in &self.order {
            let (blocks, bytes) = self.feeding;
            if bytes >= FEED_BYTES || blocks >= FEED_BLOCKS {
                break;
            }
            let parent_waits = match self.slots.get(hash).map(|slot| &slot.state) {
                Some(State::Here(_, parent)) => self
                    .slots
                    .get(parent)
                    .is_some_and(|slot| !matches!(slot.state, State::Feeding(..))),
                _ => continue,
            };
            if parent_waits {
                continue;
            }
            let Some(slot) = self.slots.get_mut(hash) else {
                continue;
            };
            let state = std::mem::replace(&mut slot.state, State::Waiting);
            if let State::Here(block, parent) = state {
                self.feeding = (blocks + 1, bytes + block.raw.len());
                batch.push(block.clone());
                slot.state = State::Feeding(block, parent);
            }
        }
        batch
    }

    /// Notes what the node said of a block that was handed on.
    pub fn settled(&mut self, hash: BlockHash, fed: Fed, now: u64) {
        let Some(slot) = self.slots.get_mut(&hash) else {
            return;
        };
        let state = std::mem::replace(&mut slot.state, State::Waiting);
        let State::Feeding(block, parent) = state else {
            slot.state = state;
            return;
        };
        let (blocks, bytes) = self.feeding;
        self.feeding = (blocks - 1, bytes - block.raw.len());
        match fed {
            Fed::Again => slot.state = State::Here(block, parent),
            Fed::Mutated => {
                self.buffered -= block.raw.len();
                slot.sources.remove(&block.from);
                self.drop_unsourced();
            }
            Fed::Done | Fed::Declined => {
                if fed == Fed::Declined {
                    self.declined.push_back((hash, now + DECLINED_MS));
                    if self.declined.len() > MAX_DECLINED {
                        self.declined.pop_front();
                    }
                }
                self.buffered -= block.raw.len();
                self.slots.remove(&hash);
                self.order.retain(|it| *it != hash);
            }
        }
    }

    /// Forgets a peer that left.
    pub fn forget(&mut self, peer: PeerId) {
        self.workers.remove(&peer);
        for slot in self.slots.values_mut() {
            slot.sources.remove(&peer);
            if matches!(slot.state, State::Asked(holder) if holder == peer) {
                slot.state = State::Waiting;
            }
        }
        self.drop_unsourced();
    }

    fn drop_unsourced(&mut self) {
        let slots = &mut self.slots;
        self.order.retain(|hash| {
            let is_lost = slots
                .get(hash)
                .is_none_or(|it| it.sources.is_empty() && matches!(it.state, State::Waiting));
            if is_lost {
                slots.remove(hash);
            }
            !is_lost
        });
    }

    /// Returns how many blocks are wanted, on their way or waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Says whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns the bytes of blocks held.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffered
    }
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
