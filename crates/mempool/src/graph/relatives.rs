//! Ancestors and descendants of entries.

use super::{Graph, Slot, Slots};
use crate::policy::ChainLimits;
use crate::rejected::ChainLimit;

impl Graph {
    /// All entries that an entry depends on, without itself.
    pub(crate) fn ancestors(&self, slot: Slot) -> Slots {
        self.with_ancestors(self.entry(slot).parents.iter().copied().collect())
    }

    /// Some entries with everything that they depend on.
    pub(crate) fn with_ancestors(&self, entries: Slots) -> Slots {
        let mut open: Vec<Slot> = entries.iter().copied().collect();
        let mut found = entries;
        while let Some(slot) = open.pop() {
            let parents = self.entry(slot).parents.iter();
            open.extend(parents.filter(|parent| found.insert(**parent)));
        }
        found
    }

    /// All entries that depend on an entry, and itself.
    pub(crate) fn descendants(&self, slot: Slot) -> Slots {
        self.with_descendants(Slots::from([slot]))
    }

    /// Some entries with everything that depends on them.
    pub(crate) fn with_descendants(&self, entries: Slots) -> Slots {
        let mut open: Vec<Slot> = entries.iter().copied().collect();
        let mut found = entries;
        while let Some(slot) = open.pop() {
            let children = self.entry(slot).children.iter();
            open.extend(children.filter(|child| found.insert(**child)));
        }
        found
    }

    /// All entries that an entry hangs together with by parents and children, and itself.
    pub(crate) fn cluster(&self, slot: Slot) -> Slots {
        let mut found = Slots::from([slot]);
        let mut open = vec![slot];
        while let Some(slot) = open.pop() {
            let entry = self.entry(slot);
            let relatives = entry.parents.iter().chain(&entry.children);
            open.extend(relatives.filter(|relative| found.insert(**relative)));
        }
        found
    }

    /// Sorts entries so that each stands after its ancestors, of unrelated ones the older
    /// first.
    ///
    /// Correctness: an entry has more ancestors than each of its ancestors.
    pub(crate) fn sorted(&self, entries: &Slots) -> Vec<Slot> {
        let mut sorted: Vec<Slot> = entries.iter().copied().collect();
        self.sort(&mut sorted);
        sorted
    }

    /// Sorts as [`Graph::sorted`] does.
    pub(crate) fn sort(&self, entries: &mut [Slot]) {
        if entries.len() > 1 {
            entries.sort_by_key(|slot| {
                let entry = self.entry(*slot);
                (entry.ancestors.count, entry.arrival.sequence)
            });
        }
    }

    /// Finds the ancestors that new transactions with these parents would have: `count` of
    /// them, of `vsize` vbytes together, each taken for a child of all the parents.
    ///
    /// # Errors
    /// The limit that they would pass (Core: `CalculateAncestorsAndCheckLimits`).
    pub(crate) fn ancestors_within(
        &self,
        parents: Slots,
        (count, vsize): (u64, u64),
        limits: &ChainLimits,
    ) -> Result<Slots, ChainLimit> {
        let mut open: Vec<Slot> = parents.iter().copied().collect();
        let mut found = parents;
        let mut with_ancestors = vsize;
        loop {
            if found.len() as u64 + count > limits.ancestor_count && !found.is_empty() {
                return Err(ChainLimit::AncestorCount(limits.ancestor_count));
            }
            let Some(slot) = open.pop() else {
                return Ok(found);
            };
            let entry = self.entry(slot);
            with_ancestors += entry.cost().vsize;
            let ancestor = entry.txid();
            if entry.descendants.vsize + vsize > limits.descendant_vsize {
                let limit = limits.descendant_vsize;
                return Err(ChainLimit::DescendantVsize { ancestor, limit });
            }
            if entry.descendants.count + count > limits.descendant_count {
                let limit = limits.descendant_count;
                return Err(ChainLimit::DescendantCount { ancestor, limit });
            }
            if with_ancestors > limits.ancestor_vsize {
                return Err(ChainLimit::AncestorVsize(limits.ancestor_vsize));
            }
            open.extend(entry.parents.iter().filter(|parent| found.insert(**parent)));
        }
    }
}
