//! The orders that entries are kept in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Slot;
use crate::entry::{Arrival, Entry};
use crate::fee_rate::Ratio;

/// The order in which blocks take entries: the highest rate first, of equal ones the oldest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct MiningKey {
    pub(crate) rate: Reverse<Ratio>,
    pub(crate) sequence: u64,
    pub(crate) slot: Slot,
}

/// The order of eviction: the lowest rate first, of equal ones the youngest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct EvictionKey {
    pub(crate) rate: Ratio,
    pub(crate) sequence: Reverse<u64>,
    pub(crate) slot: Slot,
}

/// The keys of one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Keys {
    mining: MiningKey,
    eviction: EvictionKey,
}

impl Keys {
    pub(super) fn of(slot: Slot, entry: &Entry) -> Self {
        let sequence = entry.arrival.sequence;
        Self {
            mining: entry.mining_key(slot, entry.ancestors.ratio()),
            eviction: EvictionKey {
                rate: entry.eviction_ratio(),
                sequence: Reverse(sequence),
                slot,
            },
        }
    }
}

/// All orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    mining: BTreeSet<MiningKey>,
    eviction: BTreeSet<EvictionKey>,
    arrival: BTreeMap<Arrival, Slot>,
}

impl Orders {
    pub(super) fn insert(&mut self, slot: Slot, entry: &Entry) {
        let keys = Keys::of(slot, entry);
        self.mining.insert(keys.mining);
        self.eviction.insert(keys.eviction);
        self.arrival.insert(entry.arrival, slot);
    }

    pub(super) fn remove(&mut self, slot: Slot, entry: &Entry) {
        let keys = Keys::of(slot, entry);
        self.mining.remove(&keys.mining);
        self.eviction.remove(&keys.eviction);
        self.arrival.remove(&entry.arrival);
    }

    pub(super) fn update(&mut self, slot: Slot, before: &Keys, after: &Keys) {
        debug_assert_eq!(before.mining.slot, slot);
        if before.mining != after.mining {
            self.mining.remove(&before.mining);
            self.mining.insert(after.mining);
        }
        if before.eviction != after.eviction {
            self.eviction.remove(&before.eviction);
            self.eviction.insert(after.eviction);
        }
    }

    /// Keys in the order of mining.
    pub(crate) fn by_mining(&self) -> impl Iterator<Item = &MiningKey> {
        self.mining.iter()
    }

    /// The entry to evict first.
    pub(crate) fn first_to_evict(&self) -> Option<Slot> {
        self.eviction.first().map(|key| key.slot)
    }

    /// Entries in the order of their arrival, from after a place in it.
    pub(crate) fn by_arrival(&self, after: Option<Arrival>) -> impl Iterator<Item = Slot> + '_ {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        self.arrival
            .range((start, Unbounded))
            .map(|(_, slot)| *slot)
    }

    /// The sizes of all orders, which are equal.
    pub(crate) fn lengths(&self) -> [usize; 3] {
        [self.mining.len(), self.eviction.len(), self.arrival.len()]
    }

    /// Says whether the entry stands in each order under the key that it has now.
    pub(crate) fn holds(&self, slot: Slot, entry: &Entry) -> bool {
        let keys = Keys::of(slot, entry);
        self.mining.contains(&keys.mining)
            && self.eviction.contains(&keys.eviction)
            && self.arrival.get(&entry.arrival) == Some(&slot)
    }
}
