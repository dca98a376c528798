//! The duties of the keys that sign for this node: what they sealed, what they are asked to
//! seal, and the records that keep both across a crash.
//!
//! Two things are written down, each before it can do harm: the slot before its block is
//! asked for, so that no slot is ever asked for twice; height and prevoted height before the
//! block leaves the node, so that the next one states them. A request that stays without an
//! answer has let nothing out and binds to nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_engine::{Record, RecordKey, RequestId};
use synod_primitives::Height;
use synod_seal::{DelegateHash, Seal, SealKey, Slot};

/// The most keys that sign for one node; further ones have no duties.
pub const MAX_OWN_KEYS: usize = 128;
/// The record of what own keys have sealed.
pub(crate) const RECORD_KEY: RecordKey = RecordKey(1);
/// The bytes of one key's mark: key, slot, and three heights.
const MARK_SIZE: usize = 32 + 8 + 3 * 4;

/// What a key has sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mark {
    /// The last slot that a block was asked for.
    pub(crate) slot: Slot,
    /// The greatest height of a block that was let out.
    pub(crate) height: Height,
    /// The greatest prevoted height that such a block has stated.
    pub(crate) prevoted: Height,
    /// The greatest height of a block that stated it.
    pub(crate) above: Height,
}

/// A block that was asked for and is not here yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pending {
    request: RequestId,
    key: SealKey,
    previously_sealed: Height,
    prevoted: Height,
}

/// Own keys and what they have done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Duties {
    keys: BTreeMap<DelegateHash, SealKey>,
    marks: BTreeMap<SealKey, Mark>,
    pending: Option<Pending>,
}

impl Duties {
    /// Takes the keys that sign from now on.
    pub(crate) fn sign_with(&mut self, keys: Vec<SealKey>) {
        let keys = keys.into_iter().take(MAX_OWN_KEYS);
        self.keys = keys.map(|key| (key.delegate_hash(), key)).collect();
    }

    /// Says whether no key signs for this node.
    pub(crate) fn is_idle(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the own key of a delegate.
    pub(crate) fn key_of(&self, delegate: &DelegateHash) -> Option<SealKey> {
        self.keys.get(delegate).copied()
    }

    pub(crate) fn mark(&self, key: &SealKey) -> Mark {
        self.marks.get(key).copied().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Says whether a key may seal at this height, above this prevoted height, without
    /// contradicting what it has let out (the predicate of `contradicts_by_height`).
    pub(crate) fn may_seal(&self, key: &SealKey, height: Height, prevoted: Height) -> bool {
        let mark = self.mark(key);
        let has_sealed = mark.height > Height::GENESIS;
        !has_sealed || (prevoted, height) > (mark.prevoted, mark.above)
    }

    /// Notes that a block is asked for; `None` where the slot was used, or there is no room
    /// for another key's mark.
    pub(crate) fn ask(&mut self, request: RequestId, seal: &Seal) -> Option<Record> {
        let mut mark = self.mark(&seal.key);
        let is_full = self.marks.len() >= MAX_OWN_KEYS && !self.marks.contains_key(&seal.key);
        if seal.slot <= mark.slot || is_full {
            return None;
        }
        mark.slot = seal.slot;
        self.marks.insert(seal.key, mark);
        self.pending = Some(Pending {
            request,
            key: seal.key,
            previously_sealed: seal.previously_sealed,
            prevoted: seal.prevoted,
        });
        Some(self.record())
    }

    /// Takes the sealed block that was asked for last; returns what to write down before it
    /// may leave the node. `None` for one that was not asked for, or too late.
    pub(crate) fn release(
        &mut self,
        request: RequestId,
        seal: &Seal,
        height: Height,
    ) -> Option<Record> {
        let pending = self.pending.filter(|it| it.request == request)?;
        let is_asked_for = seal.key == pending.key
            && RequestId(seal.slot.0) == request
            && seal.previously_sealed == pending.previously_sealed
            && seal.prevoted == pending.prevoted;
        let is_current = self.mark(&seal.key).height == seal.previously_sealed;
        if !is_asked_for || !is_current || !self.may_seal(&seal.key, height, seal.prevoted) {
            return None;
        }
        self.pending = None;
        self.note(seal, height).then(|| self.record())
    }

    /// Takes in a block of an own key that is seen, whoever let it out; returns what to write
    /// down when it is news.
    pub(crate) fn observe(&mut self, seal: &Seal, height: Height) -> Option<Record> {
        let is_own =
            self.marks.contains_key(&seal.key) || self.keys.values().any(|key| *key == seal.key);
        (is_own && self.note(seal, height)).then(|| self.record())
    }

    /// Takes in the height of the last block of an own key that the chain shows.
    pub(crate) fn learn(&mut self, key: &SealKey, height: Height) {
        let mut mark = self.mark(key);
        if mark.height < height && self.marks.len() < MAX_OWN_KEYS {
            mark.height = height;
            self.marks.insert(*key, mark);
        }
    }

    fn note(&mut self, seal: &Seal, height: Height) -> bool {
        let before = self.mark(&seal.key);
        let is_full = self.marks.len() >= MAX_OWN_KEYS && !self.marks.contains_key(&seal.key);
        let (prevoted, above) = (before.prevoted, before.above).max((seal.prevoted, height));
        let after = Mark {
            slot: before.slot.max(seal.slot),
            height: before.height.max(height),
            prevoted,
            above,
        };
        if is_full || after == before {
            return false;
        }
        self.marks.insert(seal.key, after);
        true
    }

    fn record(&self) -> Record {
        let mut value = Vec::with_capacity(self.marks.len() * MARK_SIZE);
        for (key, mark) in &self.marks {
            value.extend_from_slice(&key.0);
            value.extend_from_slice(&mark.slot.0.to_le_bytes());
            for height in [mark.height, mark.prevoted, mark.above] {
                value.extend_from_slice(&height.0.to_le_bytes());
            }
        }
        Record {
            key: RECORD_KEY,
            value: Bytes::from(value),
        }
    }

    /// Takes what was written down; says whether it could be read.
    pub(crate) fn restore(&mut self, value: &[u8]) -> bool {
        let (marks, rest) = value.as_chunks::<MARK_SIZE>();
        for mark in marks.iter().take(MAX_OWN_KEYS) {
            let key = SealKey(std::array::from_fn(|i| mark[i]));
            let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| mark[at + i]));
            let slot = u64::from_le_bytes(std::array::from_fn(|i| mark[32 + i]));
            let mark = Mark {
                slot: Slot(slot),
                height: Height(number(40)),
                prevoted: Height(number(44)),
                above: Height(number(48)),
            };
            self.marks.insert(key, mark);
        }
        rest.is_empty()
    }
}
