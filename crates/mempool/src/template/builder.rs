//! Filling blocks one after the other (Core: `BlockAssembler::addPackageTxs`).

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use synod_ledger::is_final_transaction;

use super::TemplateLimits;
use crate::entry::Aggregate;
use crate::fee_rate::Ratio;
use crate::graph::{Graph, MiningKey, Slot};

/// After so many entries in a row that did not fit a nearly full block it counts as full.
pub(super) const MAX_CONSECUTIVE_FAILURES: usize = 1_000;
/// What may still be free in a nearly full block, in weight units.
pub(super) const NEARLY_FULL_WEIGHT: u64 = 4_000;

/// An entry that was chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) slot: Slot,
    /// The rate of all that was chosen together with it.
    pub(super) rate: Ratio,
}

/// A block that was filled.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    pub(super) placed: Vec<Placed>,
    pub(super) weight: u64,
    pub(super) sigop_cost: u64,
}

/// What is known of an entry while blocks are filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing: it stands in the mempool's own order, with all its ancestors.
    Untouched,
    /// Some ancestors are placed, or it did not fit: what is left is in `open`.
    Open,
    /// It is in a block.
    Placed,
    /// Its lock time is not reached, or an ancestor's is not.
    Barred,
}

/// Fills blocks from a mempool that does not change meanwhile.
pub(super) struct Builder<'g, I: Iterator<Item = &'g MiningKey>> {
    graph: &'g Graph,
    untouched: Peekable<I>,
    states: Vec<State>,
    /// The sums over open entries and those of their ancestors that are not placed.
    open: BTreeMap<Slot, Aggregate>,
    queue: BTreeSet<MiningKey>,
    /// Open entries that did not fit the current block.
    too_large: Vec<Slot>,
}

impl<'g> Builder<'g, std::iter::Empty<&'g MiningKey>> {
    pub(super) fn new(graph: &'g Graph) -> Builder<'g, impl Iterator<Item = &'g MiningKey>> {
        Builder {
            graph,
            untouched: graph.orders().by_mining().peekable(),
            states: vec![State::Untouched; graph.places()],
            open: BTreeMap::new(),
            queue: BTreeSet::new(),
            too_large: Vec::new(),
        }
    }
}

impl<'g, I: Iterator<Item = &'g MiningKey>> Builder<'g, I> {
    /// Fills the next block.
    pub(super) fn fill(&mut self, limits: &TemplateLimits) -> Filled {
        for slot in std::mem::take(&mut self.too_large) {
            self.enqueue(slot);
        }
        let mut filled = Filled::default();
        let mut failures = 0;
        while let Some(key) = self.best() {
            let sums = self.sums(key.slot);
            let least = limits.min_fee_rate.fee_for(sums.vsize);
            if sums.fees_sat < i128::from(least) {
                break;
            }
            self.withdraw(&key);
            if !fits((filled.weight, filled.sigop_cost), &sums, limits) {
                self.states[key.slot as usize] = State::Open;
                self.open.insert(key.slot, sums);
                self.too_large.push(key.slot);
                failures += 1;
                let nearly_full = filled.weight + limits.reserved_weight + NEARLY_FULL_WEIGHT;
                if failures > MAX_CONSECUTIVE_FAILURES && nearly_full > limits.max_weight {
                    break;
                }
            } else if self.place(key.slot, sums.ratio(), limits, &mut filled) {
                failures = 0;
            }
        }
        filled
    }

    /// The entry with the highest rate, which stays where it is.
    fn best(&mut self) -> Option<MiningKey> {
        let states = &self.states;
        let is_stale = |key: &&MiningKey| states[key.slot as usize] != State::Untouched;
        while self.untouched.next_if(is_stale).is_some() {}
        let untouched = self.untouched.peek().copied().copied();
        match (untouched, self.queue.first().copied()) {
            (Some(untouched), Some(open)) => Some(untouched.min(open)),
            (untouched, open) => untouched.or(open),
        }
    }

    fn withdraw(&mut self, key: &MiningKey) {
        if !self.queue.remove(key) {
            self.untouched.next();
        }
    }

    fn sums(&self, slot: Slot) -> Aggregate {
        self.open
            .get(&slot)
            .copied()
            .unwrap_or(self.graph.entry(slot).ancestors)
    }

    fn key_of(&self, slot: Slot) -> MiningKey {
        let entry = self.graph.entry(slot);
        entry.mining_key(slot, self.sums(slot).ratio())
    }

    fn enqueue(&mut self, slot: Slot) {
        if self.states[slot as usize] == State::Open {
            self.queue.insert(self.key_of(slot));
        }
    }

    /// Places an entry and those of its ancestors that are not placed yet; says whether it
    /// could.
    fn place(
        &mut self,
        slot: Slot,
        rate: Ratio,
        limits: &TemplateLimits,
        filled: &mut Filled,
    ) -> bool {
        let package = self.unplaced_package(slot);
        let is_final = |member: &Slot| {
            let transaction = self.graph.entry(*member).transaction();
            is_final_transaction(transaction, limits.height, limits.median_time)
        };
        if !package.iter().all(is_final) {
            self.states[slot as usize] = State::Barred;
            self.open.remove(&slot);
            return false;
        }
        for &member in &package {
            let cost = self.graph.entry(member).cost();
            filled.weight += cost.weight;
            filled.sigop_cost += cost.sigop_cost;
            filled.placed.push(Placed { slot: member, rate });
            self.mark_placed(member);
        }
        self.relieve_descendants(&package);
        true
    }

    fn mark_placed(&mut self, slot: Slot) {
        if self.states[slot as usize] == State::Open {
            self.queue.remove(&self.key_of(slot));
            self.open.remove(&slot);
        }
        self.states[slot as usize] = State::Placed;
    }

    /// An entry with those of its ancestors that are not placed, each after its own.
    ///
    /// Correctness: the ancestors of what is placed are placed, so they need not be followed.
    fn unplaced_package(&self, slot: Slot) -> Vec<Slot> {
        let mut package = vec![slot];
        let mut next = 0;
        while let Some(member) = package.get(next) {
            for parent in &self.graph.entry(*member).parents {
                if self.states[*parent as usize] != State::Placed && !package.contains(parent) {
                    package.push(*parent);
                }
            }
            next += 1;
        }
        self.graph.sort(&mut package);
        package
    }

    /// Descendants of what was placed need no longer pay for it.
    fn relieve_descendants(&mut self, package: &[Slot]) {
        for member in package {
            let entry = self.graph.entry(*member);
            if entry.children.is_empty() {
                continue;
            }
            let own = Aggregate::of(entry.cost());
            for slot in self.graph.descendants(*member) {
                self.relieve(slot, &own);
            }
        }
    }

    fn relieve(&mut self, slot: Slot, of: &Aggregate) {
        let state = self.states[slot as usize];
        if matches!(state, State::Placed | State::Barred) {
            return;
        }
        if state == State::Open {
            self.queue.remove(&self.key_of(slot));
        }
        let mut sums = self.sums(slot);
        sums.subtract(of);
        self.open.insert(slot, sums);
        self.states[slot as usize] = State::Open;
        self.enqueue(slot);
    }
}

/// Says whether what would come fits beside what is `used`: weight and cost of signature operations.
pub(super) fn fits(used: (u64, u64), sums: &Aggregate, limits: &TemplateLimits) -> bool {
    let weight = used.0 + limits.reserved_weight + sums.weight;
    let sigop_cost = used.1 + limits.reserved_sigop_cost + sums.sigop_cost;
    weight <= limits.max_weight && sigop_cost <= limits.max_sigop_cost
}
