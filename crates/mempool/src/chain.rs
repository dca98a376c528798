//! What blocks do to the mempool.

use std::collections::BTreeSet;

use synod_ledger::is_final_transaction;
use synod_primitives::{Block, Height, OutPoint, Transaction, Txid};

use crate::admission::{Context, Mode, Options, Prepared, Scene, Verified};
use crate::entry::{ChainFacts, Entry};
use crate::event::Removal;
use crate::graph::{Slot, Slots};
use crate::pool::Mempool;
use crate::rejected::Rejected;

/// An entry that was taken out, to be put back below what it depends on.
struct Lifted {
    entry: Entry,
    /// The entries that it spends from, which are still here or are lifted before it.
    parents: Vec<Txid>,
}

impl Mempool {
    /// Drops what a block confirms, and what conflicts with it; `now` in seconds since 1970.
    ///
    /// Called for every block that joins the active chain, also within a reorganisation.
    pub fn remove_for_block(&mut self, block: &Block, now: u64) {
        let hash = block.hash();
        for transaction in block.transactions() {
            if let Some(slot) = self.graph.find(&transaction.txid()) {
                // Correctness: a valid block confirms parents first; an entry's ancestors that
                // are still here are therefore confirmed as well, in whatever block.
                let ancestors = self.graph.ancestors(slot);
                for ancestor in self.graph.sorted(&ancestors) {
                    self.remove_one(ancestor, Removal::Confirmed { block: hash });
                }
                self.remove_one(slot, Removal::Confirmed { block: hash });
            }
            self.remove_conflicts(transaction, Removal::Conflict { block: hash });
            self.fee_deltas.remove(&transaction.txid());
        }
        self.disconnected.remove_block(block);
        self.rolling_fee.note_block(now);
        self.touch();
        self.debug_check();
    }

    /// Drops what spends the same as a transaction that is not here.
    fn remove_conflicts(&mut self, transaction: &Transaction, reason: Removal) {
        for input in transaction.inputs() {
            if let Some(slot) = self.graph.spender(&input.prevout) {
                self.fee_deltas.remove(&self.graph.entry(slot).txid());
                self.remove_with_descendants(Slots::from([slot]), reason);
            }
        }
    }

    /// Keeps the transactions of a block that leaves the active chain at its end, until
    /// [`Mempool::finish_reorg`]. The highest block comes first.
    pub fn add_disconnected(&mut self, block: &Block) {
        self.disconnected.push_block(block);
        self.touch();
    }

    /// Returns the outpoints whose coins [`Mempool::finish_reorg`] will look up, sorted: what
    /// disconnected transactions spend, and what entries spend whose coins may have changed.
    #[must_use]
    pub fn reorg_coins(&self, fork: Height) -> Vec<OutPoint> {
        let mut wanted = BTreeSet::new();
        let mut add_inputs = |transaction: &Transaction| {
            for input in transaction.inputs() {
                let parent = &input.prevout.txid;
                if !self.disconnected.contains(parent) && self.graph.find(parent).is_none() {
                    wanted.insert(input.prevout);
                }
            }
        };
        self.disconnected.transactions().for_each(&mut add_inputs);
        for entry in self.entries(None).filter(|entry| needs_coins(entry, fork)) {
            add_inputs(entry.transaction());
        }
        wanted.into_iter().collect()
    }

    /// Ends a reorganisation: takes back the transactions of disconnected blocks that the new
    /// branch does not hold, then drops what is immature, not final or without inputs on the
    /// new tip, and enforces the limits. `fork` is the last block that both branches have.
    ///
    /// The caller has fetched the coins that [`Mempool::reorg_coins`] names.
    ///
    /// Where chains of entries would be too long, the transactions of blocks stay, and what
    /// was here before goes.
    pub fn finish_reorg(&mut self, context: &Context<'_>, fork: Height) {
        self.finish_reorg_with(context, fork, verify_here);
    }

    /// Ends a reorganisation as [`Mempool::finish_reorg`] does; scripts are verified by
    /// `verify`, which may do it on several threads and gives the results in any order.
    pub fn finish_reorg_with(
        &mut self,
        context: &Context<'_>,
        fork: Height,
        verify: impl FnOnce(Vec<Prepared>) -> Vec<Result<Verified, Rejected>>,
    ) {
        let (transactions, mut refused) = self.disconnected.take();
        let children = self.lift_children(&transactions);
        let returning = transactions.iter().map(|it| (it, Options::default()));
        let scene = (context, Mode::DISCONNECTED);
        refused.append(&mut self.admit_and_verify(returning, scene, verify));
        self.lower_children(children, &refused);
        self.drop_children_of(&refused, context);
        self.drop_invalid(context, fork);
        self.enforce_limits(context.now);
        self.touch();
        self.debug_check();
    }

    /// Takes out the entries that depend on disconnected transactions, in order.
    ///
    /// Correctness: so no transaction ever joins below its own descendants, and the sums of all
    /// entries stay what they are defined to be.
    fn lift_children(&mut self, transactions: &[Transaction]) -> Vec<Lifted> {
        let mut children = Slots::new();
        for transaction in transactions {
            children.extend(self.spenders_of(transaction));
        }
        let sorted = self.graph.sorted(&self.graph.with_descendants(children));
        let parents_of = |slot: &Slot| {
            let parents = self.graph.entry(*slot).parents.iter();
            parents
                .map(|parent| self.graph.entry(*parent).txid())
                .collect::<Vec<Txid>>()
        };
        let parents: Vec<Vec<Txid>> = sorted.iter().map(parents_of).collect();
        let entries = sorted.into_iter().rev().map(|slot| self.graph.remove(slot));
        let entries: Vec<Entry> = entries.collect();
        let pairs = entries.into_iter().rev().zip(parents);
        pairs
            .map(|(entry, parents)| Lifted { entry, parents })
            .collect()
    }

    fn spenders_of(&self, transaction: &Transaction) -> impl Iterator<Item = Slot> {
        let count = u32::try_from(transaction.outputs().len()).expect("outputs are in memory");
        (0..count).filter_map(|vout| self.graph.spender(&transaction.outpoint(vout)))
    }

    /// Puts the lifted entries back whose place is still free and whose chain is not too long.
    fn lower_children(&mut self, lifted: Vec<Lifted>, refused: &BTreeSet<Txid>) {
        let mut gone = Vec::new();
        for lifted in lifted {
            match self.place_of(&lifted, refused) {
                Some(ancestors) => {
                    let Entry {
                        content, arrival, ..
                    } = lifted.entry;
                    self.graph.insert(content, arrival, &ancestors);
                }
                None => gone.push(lifted.entry),
            }
        }
        for entry in gone.iter().rev() {
            self.emit_removed(entry, Removal::Reorg);
        }
    }

    /// The ancestors that a lifted entry finds; `None` when it cannot go back: a parent is gone,
    /// or something else spends the same, or its chain is too long.
    fn place_of(&self, lifted: &Lifted, refused: &BTreeSet<Txid>) -> Option<Slots> {
        let Lifted { entry, parents } = lifted;
        let transaction = entry.transaction();
        let is_possible = self.graph.find(&transaction.txid()).is_none()
            && parents
                .iter()
                .all(|parent| self.graph.find(parent).is_some())
            && transaction.inputs().iter().all(|input| {
                let is_refused = refused.contains(&input.prevout.txid);
                !is_refused && self.graph.spender(&input.prevout).is_none()
            });
        let parents = is_possible.then(|| self.graph.parents_of(transaction))?;
        let limits = &self.policy.chain_limits;
        self.graph
            .ancestors_within(parents, (1, entry.cost().vsize), limits)
            .ok()
    }

    /// Drops what spends from transactions that are neither in the chain nor here.
    fn drop_children_of(&mut self, refused: &BTreeSet<Txid>, context: &Context<'_>) {
        let is_orphan = |entry: &Entry| {
            entry.transaction().inputs().iter().any(|input| {
                refused.contains(&input.prevout.txid)
                    && self.graph.find(&input.prevout.txid).is_none()
                    && context.coins.coin(&input.prevout).is_none()
            })
        };
        let arrivals = self.graph.orders().by_arrival(None);
        let orphans: Slots = arrivals
            .filter(|slot| is_orphan(self.graph.entry(*slot)))
            .collect();
        self.remove_with_descendants(orphans, Removal::Reorg);
    }

    fn drop_invalid(&mut self, context: &Context<'_>, fork: Height) {
        let slots: Vec<Slot> = self.graph.orders().by_arrival(None).collect();
        let mut invalid = Slots::new();
        for slot in slots {
            let entry = self.graph.entry(slot);
            let facts = if needs_coins(entry, fork) {
                self.facts_of(entry.transaction(), context)
            } else {
                Some(entry.content.facts)
            };
            match facts {
                Some(facts) if is_valid_on(entry.transaction(), &facts, context) => {
                    self.graph.set_facts(slot, facts);
                }
                _ => {
                    invalid.insert(slot);
                }
            }
        }
        self.remove_with_descendants(invalid, Removal::Reorg);
    }

    /// Computes anew what a transaction depends on; `None` when a coin is missing.
    fn facts_of(&self, transaction: &Transaction, context: &Context<'_>) -> Option<ChainFacts> {
        let scene = Scene {
            mempool: self,
            context,
            mode: Mode::DISCONNECTED,
            package: &[],
        };
        scene.find_coins(transaction).ok().map(|spent| spent.facts)
    }
}

/// Verifies one after the other, on the calling thread.
pub(crate) fn verify_here(prepared: Vec<Prepared>) -> Vec<Result<Verified, Rejected>> {
    Prepared::verify_together(prepared)
}

/// Says whether an entry's coins may be others after a reorganisation from `fork` on, or its
/// relative lock times have to be counted anew.
fn needs_coins(entry: &Entry, fork: Height) -> bool {
    let facts = &entry.content.facts;
    facts.newest_input > fork || facts.locks.height.is_some() || facts.locks.time.is_some()
}

fn is_valid_on(transaction: &Transaction, facts: &ChainFacts, context: &Context<'_>) -> bool {
    let Context {
        next_height,
        tip_median_time,
        rules,
        ..
    } = *context;
    let is_mature = facts
        .newest_coinbase
        .is_none_or(|made| next_height.0.saturating_sub(made.0) >= rules.coinbase_maturity);
    is_mature
        && is_final_transaction(transaction, next_height, tip_median_time)
        && facts.locks.are_open(next_height, tip_median_time)
}
