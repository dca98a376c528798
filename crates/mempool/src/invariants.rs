//! What must hold of the mempool after each operation, computed anew (Core:
//! `CTxMemPool::check`). For tests, and for debug builds while the mempool is small.

use std::collections::BTreeSet;

use synod_ledger::{check_inputs, is_final_transaction};
use synod_primitives::{OutPoint, Txid};

use crate::admission::{Context, Mode, Scene};
use crate::entry::{Aggregate, Entry};
use crate::graph::{Slot, Slots};
use crate::pool::Mempool;

/// Debug builds check a mempool of up to so many entries after each operation.
const DEBUG_LIMIT: usize = 40;

/// An invariant that does not hold, which is a bug of this crate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{txid:?}: {what}")]
pub struct BrokenInvariant {
    /// The entry at which it was found.
    pub txid: Option<Txid>,
    /// What does not hold.
    pub what: &'static str,
}

impl Mempool {
    /// Checks indices, links, sums and orders against the transactions.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check_invariants(&self) -> Result<(), BrokenInvariant> {
        let slots: Vec<Slot> = self.graph.orders().by_arrival(None).collect();
        let broken = |what| Err(BrokenInvariant { txid: None, what });
        if self.graph.orders().lengths() != [self.len(); 3] || slots.len() != self.len() {
            return broken("the orders hold another number of entries");
        }
        let mut spent = BTreeSet::new();
        let (mut vsize, mut fees_sat, mut bytes) = (0, 0, 0);
        for slot in slots {
            let entry = self.graph.entry(slot);
            self.check_entry(slot, entry, &mut spent)
                .map_err(|what| BrokenInvariant {
                    txid: Some(entry.txid()),
                    what,
                })?;
            vsize += entry.cost().vsize;
            fees_sat += i128::from(entry.cost().fee.sat());
            bytes += self.graph.bytes_of(slot);
        }
        let totals = self.graph.totals();
        if (totals.vsize, totals.fees_sat, totals.bytes) != (vsize, fees_sat, bytes) {
            return broken("the totals are not the sums over the entries");
        }
        if self.graph.spenders_len() != spent.len() {
            return broken("an output is noted as spent that no entry spends");
        }
        Ok(())
    }

    fn check_entry(
        &self,
        slot: Slot,
        entry: &Entry,
        spent: &mut BTreeSet<OutPoint>,
    ) -> Result<(), &'static str> {
        let transaction = entry.transaction();
        if self.graph.find(&entry.txid()) != Some(slot)
            || self.graph.find_wtxid(&entry.wtxid()) != Some(slot)
        {
            return Err("the ids do not lead to the entry");
        }
        for input in transaction.inputs() {
            if !spent.insert(input.prevout) {
                return Err("two entries spend the same output");
            }
            if self.graph.spender(&input.prevout) != Some(slot) {
                return Err("what it spends is not noted");
            }
            if let Some(parent) = self.find(&input.prevout.txid)
                && parent.transaction().outputs().len() <= input.prevout.vout as usize
            {
                return Err("it spends an output that its parent has not");
            }
        }
        self.check_relatives(slot, entry)?;
        if self.fee_deltas.get(&entry.txid()).copied().unwrap_or(0) != entry.cost().fee_delta_sat {
            return Err("the operator's delta is another");
        }
        match self.graph.orders().holds(slot, entry) {
            true => Ok(()),
            false => Err("an order holds it under another key"),
        }
    }

    fn check_relatives(&self, slot: Slot, entry: &Entry) -> Result<(), &'static str> {
        let parents = self.graph.parents_of(entry.transaction());
        if !parents.iter().eq(&entry.parents) {
            return Err("its parents are others");
        }
        let outputs = u32::try_from(entry.transaction().outputs().len());
        let outputs = (0..outputs.expect("outputs are in memory"))
            .map(|vout| entry.transaction().outpoint(vout));
        let children: Slots = outputs
            .filter_map(|output| self.graph.spender(&output))
            .collect();
        if !children.iter().eq(&entry.children) {
            return Err("its children are others");
        }
        let sum = |slots: Slots| {
            let mut sums = Aggregate::of(entry.cost());
            for relative in slots.into_iter().filter(|relative| *relative != slot) {
                sums.add(&Aggregate::of(self.graph.entry(relative).cost()));
            }
            sums
        };
        if sum(self.graph.ancestors(slot)) != entry.ancestors {
            return Err("the sums over its ancestors are others");
        }
        match sum(self.graph.descendants(slot)) == entry.descendants {
            true => Ok(()),
            false => Err("the sums over its descendants are others"),
        }
    }

    /// Checks the entries against the chain as well: what they spend exists and is mature, lock
    /// times are reached, fees are what they are noted to be.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check_invariants_on(&self, context: &Context<'_>) -> Result<(), BrokenInvariant> {
        self.check_invariants()?;
        for entry in self.entries(None) {
            self.check_on_chain(entry, context)
                .map_err(|what| BrokenInvariant {
                    txid: Some(entry.txid()),
                    what,
                })?;
        }
        Ok(())
    }

    fn check_on_chain(&self, entry: &Entry, context: &Context<'_>) -> Result<(), &'static str> {
        let scene = Scene {
            mempool: self,
            context,
            mode: Mode::DISCONNECTED,
            package: &[],
        };
        let transaction = entry.transaction();
        let Ok(spent) = scene.find_coins(transaction) else {
            return Err("a coin that it spends does not exist");
        };
        let (height, median_time) = (context.next_height, context.tip_median_time);
        if !spent.facts.locks.are_open(height, median_time)
            || !is_final_transaction(transaction, height, median_time)
        {
            return Err("a lock time is not reached");
        }
        let maturity = context.rules.coinbase_maturity;
        match check_inputs(transaction, spent.coins(), height, maturity) {
            Ok(fee) if fee == entry.cost().fee => Ok(()),
            Ok(_) => Err("its fee is another"),
            Err(_) => Err("its inputs break a rule"),
        }
    }

    /// Checks the invariants in debug builds, while that is quick.
    pub(crate) fn debug_check(&self) {
        if cfg!(debug_assertions) && self.len() <= DEBUG_LIMIT {
            let checked = self.check_invariants();
            debug_assert_eq!(checked, Ok(()));
        }
    }
}
