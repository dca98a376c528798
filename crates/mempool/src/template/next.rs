//! The next block, kept: a change of the mempool costs what comes after it in the block.
//!
//! Invariant: [`NextBlock::update`] returns what [`super::builder::Builder`] would choose from
//! scratch. The block is filled in one fixed order, so everything before the first change stays as
//! it was chosen.

use std::collections::btree_map::Range;
use std::iter::Peekable;
use std::sync::Arc;

use synod_ledger::is_final_transaction;
use synod_primitives::Amount;

use super::builder::{MAX_CONSECUTIVE_FAILURES, NEARLY_FULL_WEIGHT, fits};
use super::packages::{Members, Open, PackageKey, Packages};
use super::{Template, TemplateLimits, TemplateTransaction};
use crate::entry::Aggregate;
use crate::graph::{Graph, MiningKey, Slot, Slots};

/// The next block under the limits that were asked for last.
#[derive(Clone, Debug, Default)]
pub(crate) struct NextBlock {
    packages: Packages,
    limits: Option<TemplateLimits>,
    /// The packages that were taken before the first that was too large.
    steps: Vec<Step>,
    /// Their transactions.
    transactions: Vec<TemplateTransaction>,
}

/// A package that was taken.
#[derive(Clone, Copy, Debug)]
struct Step {
    key: PackageKey,
    /// What the block holds with it.
    used: Used,
}

/// What a block holds.
#[derive(Clone, Copy, Default, Debug)]
struct Used {
    transactions: usize,
    weight: u64,
    sigop_cost: u64,
    fees_sat: i64,
}

impl NextBlock {
    /// Chooses anew from the first change on; `None` when an entry is not final under these
    /// limits, which no entry is under those of the tip.
    pub(super) fn update(
        &mut self,
        graph: &Graph,
        touched: &Slots,
        limits: &TemplateLimits,
    ) -> Option<Template> {
        let changed = self.packages.refresh(graph, touched);
        if self.limits != Some(*limits) {
            self.steps.clear();
            self.limits = Some(*limits);
        }
        if let Some(first) = changed {
            let kept = self.steps.partition_point(|step| step.key < first);
            self.steps.truncate(kept);
        }
        let last = self.steps.last();
        let used = last.map_or_else(Used::default, |step| step.used);
        self.transactions.truncate(used.transactions);
        let rest = self.packages.after(last.map(|step| step.key));
        let filling = Filling {
            graph,
            packages: &self.packages,
            limits,
            rest: rest.peekable(),
            open: Open::new(graph),
            left_order: Slots::new(),
            has_failed: false,
            failures: 0,
            used,
        };
        let filled = filling.fill(&mut self.steps, &mut self.transactions);
        if filled.is_none() {
            // What was taken on the way belongs to no step.
            let kept = self.steps.last().map_or(0, |step| step.used.transactions);
            self.transactions.truncate(kept);
        }
        let used = filled?;
        let template = Template {
            transactions: self.transactions.clone(),
            fees: Amount::from_sat(used.fees_sat),
            weight: used.weight,
            sigop_cost: used.sigop_cost,
        };
        Some(template)
    }
}

/// What is considered next.
enum Best<'g> {
    /// A whole package of a cluster of which everything fitted so far.
    Package(PackageKey, &'g [Slot]),
    /// An entry of another cluster, with its ancestors that are not taken.
    Entry(MiningKey),
}

/// A block that is being filled.
struct Filling<'g> {
    graph: &'g Graph,
    packages: &'g Packages,
    limits: &'g TemplateLimits,
    rest: Peekable<Range<'g, PackageKey, Members>>,
    /// What is not taken of clusters of which something was too large: their packages hold no
    /// more.
    open: Open<'g>,
    /// The same, with what was taken since.
    left_order: Slots,
    /// Whether something was too large.
    has_failed: bool,
    /// So much in a row was too large.
    failures: usize,
    used: Used,
}

impl<'g> Filling<'g> {
    /// Fills the block as the builder does; what is taken before the first failure are steps.
    fn fill(mut self, steps: &mut Vec<Step>, taken: &mut Vec<TemplateTransaction>) -> Option<Used> {
        while let Some(best) = self.best() {
            let sums = self.sums(&best);
            let least = self.limits.min_fee_rate.fee_for(sums.vsize);
            if sums.fees_sat < i128::from(least) {
                break;
            }
            let used = (self.used.weight, self.used.sigop_cost);
            if !fits(used, &sums, self.limits) {
                self.put_aside(&best);
                self.failures += 1;
                if self.failures > MAX_CONSECUTIVE_FAILURES && self.is_nearly_full() {
                    break;
                }
                continue;
            }
            self.failures = 0;
            match best {
                Best::Package(key, members) => {
                    self.rest.next();
                    self.take(members, taken)?;
                    if !self.has_failed {
                        let used = self.used;
                        steps.push(Step { key, used });
                    }
                }
                Best::Entry(key) => {
                    let members = self.open.take(key.slot);
                    self.take(&members, taken)?;
                }
            }
        }
        Some(self.used)
    }

    fn best(&mut self) -> Option<Best<'g>> {
        let left_order = &self.left_order;
        let has_left = |(_, members): &(&PackageKey, &Members)| {
            let first = members.first();
            !left_order.is_empty() && first.is_some_and(|slot| left_order.contains(slot))
        };
        while self.rest.next_if(has_left).is_some() {}
        let package = self.rest.peek().map(|(key, members)| (**key, &***members));
        match (package, self.open.best()) {
            (Some((key, _)), Some(entry)) if PackageKey::of(entry) < key => {
                Some(Best::Entry(entry))
            }
            (Some((key, members)), _) => Some(Best::Package(key, members)),
            (None, entry) => entry.map(Best::Entry),
        }
    }

    fn sums(&self, best: &Best<'_>) -> Aggregate {
        match best {
            Best::Package(_, members) => {
                let mut sums = Aggregate::default();
                for member in *members {
                    sums.add(&Aggregate::of(self.graph.entry(*member).cost()));
                }
                sums
            }
            Best::Entry(key) => self.open.sums(key.slot),
        }
    }

    fn is_nearly_full(&self) -> bool {
        let used = self.used.weight + self.limits.reserved_weight;
        used + NEARLY_FULL_WEIGHT > self.limits.max_weight
    }

    /// Goes on without what was too large: smaller parts of the same cluster may still fit.
    fn put_aside(&mut self, best: &Best<'_>) {
        self.has_failed = true;
        let (key, members) = match best {
            Best::Entry(key) => return self.open.put_aside(key),
            Best::Package(key, members) => (*key, *members),
        };
        self.rest.next();
        let Some(head) = members.last() else { return };
        if !self.graph.entry(*head).has_relatives() {
            return;
        }
        // Correctness: everything of this cluster that comes before fitted, so it is taken.
        let is_taken = |slot: &Slot| self.packages.place_of(*slot).is_some_and(|at| at < key);
        for slot in self.graph.cluster(*head) {
            if is_taken(&slot) {
                continue;
            }
            let mut sums = self.graph.entry(slot).ancestors;
            for ancestor in self.graph.ancestors(slot).iter().filter(|it| is_taken(it)) {
                sums.subtract(&Aggregate::of(self.graph.entry(*ancestor).cost()));
            }
            self.left_order.insert(slot);
            self.open.add(slot, sums);
            if slot != *head {
                self.open.enqueue(slot);
            }
        }
    }

    /// Puts entries into the block; `None` when one is not final.
    fn take(&mut self, members: &[Slot], taken: &mut Vec<TemplateTransaction>) -> Option<()> {
        for member in members {
            let entry = self.graph.entry(*member);
            let transaction = entry.transaction();
            if !is_final_transaction(transaction, self.limits.height, self.limits.median_time) {
                return None;
            }
            let cost = entry.cost();
            self.used.transactions += 1;
            self.used.weight += cost.weight;
            self.used.sigop_cost += cost.sigop_cost;
            // Correctness: an entry's fee comes out of coins that exist, and no two entries
            // spend the same, so all fees together stay in the money range.
            self.used.fees_sat = self.used.fees_sat.saturating_add(cost.fee.sat());
            taken.push(TemplateTransaction {
                transaction: Arc::clone(transaction),
                fee: cost.fee,
                weight: cost.weight,
                sigop_cost: cost.sigop_cost,
            });
        }
        Some(())
    }
}
