//! The order in which a block without end would take the entries, kept in step with them.
//!
//! Entries that hang together by parents and children are a cluster. What a cluster gives first,
//! second and so on does not depend on other clusters, so a change costs what its cluster holds.
//!
//! Invariant: after [`Packages::refresh`] every entry is in exactly one package, and the packages
//! in order are what [`super::builder::Builder`] would place if nothing were ever too large.

use std::collections::btree_map::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use crate::entry::Aggregate;
use crate::graph::{Graph, MiningKey, Slot, Slots};

/// Where a package stands in the order.
///
/// A package may pay a higher rate than one of its cluster that has to come first: once that is
/// taken it is the best of all, so it stands right `after` it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PackageKey {
    pub(super) best: MiningKey,
    pub(super) after: u32,
}

impl PackageKey {
    /// The place of an entry that follows no better one.
    pub(super) const fn of(best: MiningKey) -> Self {
        Self { best, after: 0 }
    }

    /// The place of the package that comes after this one in the same cluster.
    fn next(self, best: MiningKey) -> Self {
        if best > self.best {
            Self::of(best)
        } else {
            Self {
                best: self.best,
                after: self.after + 1,
            }
        }
    }
}

/// The entries of a package, each after those that it depends on; the last is the one that all
/// others were taken for.
pub(super) type Members = Box<[Slot]>;

/// The packages of all entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packages {
    order: BTreeMap<PackageKey, Members>,
    /// The package of each entry, by its slot.
    places: Vec<Option<PackageKey>>,
}

impl Packages {
    /// Works out anew the clusters in which something `touched` is or was; returns the first
    /// place at which the order may be another one.
    pub(super) fn refresh(&mut self, graph: &Graph, touched: &Slots) -> Option<PackageKey> {
        self.places.resize(graph.places(), None);
        let mut first = None;
        for slot in touched {
            self.forget(*slot, &mut first);
        }
        // Correctness: whoever hung on an entry that left is touched as well, so the clusters of
        // what is touched now hold all that was in a package with it. All of them are forgotten
        // before the first is placed: an old place may be a new one, too.
        let mut seen = Slots::new();
        let mut clusters = Vec::new();
        for slot in touched {
            if !graph.holds(*slot) || seen.contains(slot) {
                continue;
            }
            let cluster = graph.cluster(*slot);
            for member in &cluster {
                self.forget(*member, &mut first);
            }
            if cluster.len() > 1 {
                seen.extend(&cluster);
            }
            clusters.push(cluster);
        }
        for cluster in clusters {
            self.place(graph, &cluster, &mut first);
        }
        first
    }

    fn forget(&mut self, slot: Slot, first: &mut Option<PackageKey>) {
        if let Some(key) = self.places[slot as usize].take() {
            self.order.remove(&key);
            note(first, key);
        }
    }

    fn place(&mut self, graph: &Graph, cluster: &Slots, first: &mut Option<PackageKey>) {
        for (key, members) in linearized(graph, cluster) {
            note(first, key);
            for member in &members {
                self.places[*member as usize] = Some(key);
            }
            self.order.insert(key, members);
        }
    }

    /// The packages after a place.
    pub(super) fn after(&self, place: Option<PackageKey>) -> Range<'_, PackageKey, Members> {
        self.order
            .range((place.map_or(Unbounded, Excluded), Unbounded))
    }

    /// The place of an entry's package.
    pub(super) fn place_of(&self, slot: Slot) -> Option<PackageKey> {
        self.places.get(slot as usize).copied().flatten()
    }
}

fn note(first: &mut Option<PackageKey>, key: PackageKey) {
    *first = Some(first.map_or(key, |known| known.min(key)));
}

/// Splits a cluster into packages, in order: again and again the entry that pays the highest rate
/// with those of its ancestors that are not placed, together with them.
fn linearized(graph: &Graph, cluster: &Slots) -> Vec<(PackageKey, Members)> {
    let mut open = Open::new(graph);
    for slot in cluster {
        open.add(*slot, graph.entry(*slot).ancestors);
        open.enqueue(*slot);
    }
    let mut packages: Vec<(PackageKey, Members)> = Vec::new();
    while let Some(best) = open.best() {
        let key = match packages.last() {
            Some((last, _)) => last.next(best),
            None => PackageKey::of(best),
        };
        packages.push((key, open.take(best.slot)));
    }
    packages
}

/// Entries that are not placed, with all their ancestors that are not.
pub(super) struct Open<'g> {
    graph: &'g Graph,
    /// The sums over each and those ancestors.
    sums: BTreeMap<Slot, Aggregate>,
    /// Those that are to be considered.
    queue: BTreeSet<MiningKey>,
}

impl<'g> Open<'g> {
    pub(super) const fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            sums: BTreeMap::new(),
            queue: BTreeSet::new(),
        }
    }

    pub(super) fn add(&mut self, slot: Slot, sums: Aggregate) {
        self.sums.insert(slot, sums);
    }

    pub(super) fn holds(&self, slot: Slot) -> bool {
        self.sums.contains_key(&slot)
    }

    pub(super) fn sums(&self, slot: Slot) -> Aggregate {
        self.sums.get(&slot).copied().unwrap_or_default()
    }

    pub(super) fn enqueue(&mut self, slot: Slot) {
        let key = self.key_of(slot);
        self.queue.insert(key);
    }

    /// Considers an entry no more until one of its ancestors is placed.
    pub(super) fn put_aside(&mut self, key: &MiningKey) {
        self.queue.remove(key);
    }

    /// The entry with the highest rate.
    pub(super) fn best(&self) -> Option<MiningKey> {
        self.queue.first().copied()
    }

    fn key_of(&self, slot: Slot) -> MiningKey {
        let entry = self.graph.entry(slot);
        entry.mining_key(slot, self.sums(slot).ratio())
    }

    /// Takes out an entry with its ancestors, for which their descendants need no longer pay.
    pub(super) fn take(&mut self, slot: Slot) -> Members {
        let package = self.package(slot);
        for member in &package {
            let key = self.key_of(*member);
            self.queue.remove(&key);
            self.sums.remove(member);
        }
        for member in &package {
            let entry = self.graph.entry(*member);
            if !entry.children.is_empty() {
                let own = Aggregate::of(entry.cost());
                for descendant in self.graph.descendants(*member) {
                    self.relieve(descendant, &own);
                }
            }
        }
        package
    }

    /// Correctness: the ancestors of what is placed are placed, so they need not be followed.
    fn package(&self, slot: Slot) -> Members {
        let mut package = vec![slot];
        let mut next = 0;
        while let Some(member) = package.get(next) {
            for parent in &self.graph.entry(*member).parents {
                if self.holds(*parent) && !package.contains(parent) {
                    package.push(*parent);
                }
            }
            next += 1;
        }
        self.graph.sort(&mut package);
        package.into()
    }

    fn relieve(&mut self, slot: Slot, of: &Aggregate) {
        if !self.holds(slot) {
            return;
        }
        let key = self.key_of(slot);
        self.queue.remove(&key);
        if let Some(sums) = self.sums.get_mut(&slot) {
            sums.subtract(of);
        }
        self.enqueue(slot);
    }
}
