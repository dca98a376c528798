//! One state of the mempool, together with the tip that it stands on.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use synod_primitives::{OutPoint, Transaction, Txid};

use super::entry::PoolEntry;
use super::project::Projection;
use super::sharded::SharedMap;
use crate::store::Tip;

/// Transactions that [`PoolView::recent`] remembers.
const RECENT: usize = 16;

/// What the mempool held at one moment. Copies are cheap; a change is a change of a copy.
#[derive(Debug, Default)]
pub(crate) struct PoolView {
    /// The last block of the index that this view belongs to.
    pub(crate) tip: Option<Tip>,
    /// Grows with every change.
    pub(crate) sequence: u64,
    entries: SharedMap<Txid, Arc<PoolEntry>>,
    by_script: SharedMap<[u8; 32], Arc<BTreeSet<(u64, Txid)>>>,
    spenders: SharedMap<OutPoint, (Txid, u32)>,
    recent: Vec<Txid>,
    arrivals: u64,
    vsize: u64,
    fees_sat: i64,
    projection: OnceLock<Arc<Projection>>,
}

impl Clone for PoolView {
    /// Copies the state; what was derived from it is derived anew when asked for.
    fn clone(&self) -> Self {
        Self {
            tip: self.tip,
            sequence: self.sequence,
            entries: self.entries.clone(),
            by_script: self.by_script.clone(),
            spenders: self.spenders.clone(),
            recent: self.recent.clone(),
            arrivals: self.arrivals,
            vsize: self.vsize,
            fees_sat: self.fees_sat,
            projection: OnceLock::new(),
        }
    }
}

impl PoolView {
    /// An empty mempool on a tip.
    pub(crate) fn at(tip: Option<Tip>) -> Self {
        Self {
            tip,
            ..Self::default()
        }
    }

    /// The number of transactions.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The sum of the virtual sizes.
    pub(crate) fn vsize(&self) -> u64 {
        self.vsize
    }

    /// The sum of the fees.
    pub(crate) fn fees_sat(&self) -> i64 {
        self.fees_sat
    }

    /// Finds a transaction.
    pub(crate) fn get(&self, txid: &Txid) -> Option<&Arc<PoolEntry>> {
        self.entries.get(txid)
    }

    /// Finds the input that spends an output.
    pub(crate) fn spender(&self, outpoint: &OutPoint) -> Option<(Txid, u32)> {
        self.spenders.get(outpoint).copied()
    }

    /// Goes through all transactions in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<PoolEntry>> {
        self.entries.values()
    }

    /// Goes through the transactions of a script in the order of arrival.
    pub(crate) fn of_script(
        &self,
        script: &[u8; 32],
    ) -> impl DoubleEndedIterator<Item = &Arc<PoolEntry>> {
        let ids = self.by_script.get(script).map(AsRef::as_ref);
        ids.into_iter()
            .flatten()
            .filter_map(|(_, txid)| self.entries.get(txid))
    }

    /// Lists the transactions that arrived last, the newest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Arc<PoolEntry>> {
        self.recent
            .iter()
            .rev()
            .filter_map(|txid| self.entries.get(txid))
    }

    /// Returns the blocks that the mempool would make, worked out once per view.
    pub(crate) fn projection(&self) -> &Arc<Projection> {
        self.projection
            .get_or_init(|| Arc::new(Projection::of(self)))
    }

    /// Adds a transaction; one that is there already stays as it is. Transactions that spend the
    /// same outputs leave: the node has replaced them.
    pub(crate) fn insert(&mut self, mut entry: PoolEntry) {
        let txid = entry.transaction.txid();
        if self.entries.get(&txid).is_some() {
            return;
        }
        self.remove_conflicts(&entry.transaction);
        self.arrivals += 1;
        entry.arrival = self.arrivals;
        for (vin, input) in (0..).zip(entry.transaction.inputs()) {
            self.spenders.insert(input.prevout, (txid, vin));
        }
        for script in &entry.scripts {
            let mut ids = self.by_script.get(script).cloned().unwrap_or_default();
            Arc::make_mut(&mut ids).insert((entry.arrival, txid));
            self.by_script.insert(*script, ids);
        }
        self.vsize += entry.vsize();
        self.fees_sat += entry.fee_sat;
        self.entries.insert(txid, Arc::new(entry));
        self.recent.retain(|known| *known != txid);
        self.recent.push(txid);
        if self.recent.len() > RECENT {
            self.recent.remove(0);
        }
        self.changed();
    }

    /// Takes a transaction out; those that spend its outputs stay until they are taken out too.
    pub(crate) fn remove(&mut self, txid: &Txid) -> bool {
        let Some(entry) = self.entries.remove(txid) else {
            return false;
        };
        for input in entry.transaction.inputs() {
            if self
                .spenders
                .get(&input.prevout)
                .is_some_and(|(spender, _)| spender == txid)
            {
                self.spenders.remove(&input.prevout);
            }
        }
        for script in &entry.scripts {
            self.forget_script(script, entry.arrival, *txid);
        }
        self.vsize -= entry.vsize();
        self.fees_sat -= entry.fee_sat;
        self.recent.retain(|known| known != txid);
        self.changed();
        true
    }

    fn forget_script(&mut self, script: &[u8; 32], arrival: u64, txid: Txid) {
        let Some(mut ids) = self.by_script.get(script).cloned() else {
            return;
        };
        Arc::make_mut(&mut ids).remove(&(arrival, txid));
        if ids.is_empty() {
            self.by_script.remove(script);
        } else {
            self.by_script.insert(*script, ids);
        }
    }

    /// Takes a confirmed transaction out, and what spends the same outputs as it does.
    pub(crate) fn confirm(&mut self, transaction: &Transaction) {
        self.remove(&transaction.txid());
        self.remove_conflicts(transaction);
    }

    /// Takes out what spends an output that `transaction` spends, and all that builds on it.
    fn remove_conflicts(&mut self, transaction: &Transaction) {
        for input in transaction.inputs() {
            if let Some((spender, _)) = self.spender(&input.prevout)
                && spender != transaction.txid()
            {
                self.remove_with_descendants(spender);
            }
        }
    }

    fn remove_with_descendants(&mut self, txid: Txid) {
        let mut waiting = vec![txid];
        while let Some(txid) = waiting.pop() {
            if let Some(entry) = self.entries.get(&txid) {
                let outputs = u32::try_from(entry.transaction.outputs().len()).unwrap_or(u32::MAX);
                let children =
                    (0..outputs).filter_map(|vout| self.spender(&OutPoint::new(txid, vout)));
                waiting.extend(children.map(|(child, _)| child));
            }
            self.remove(&txid);
        }
    }

    fn changed(&mut self) {
        self.sequence += 1;
        self.projection = OnceLock::new();
    }

    /// Puts the view on another tip.
    pub(crate) fn move_to(&mut self, tip: Tip) {
        self.tip = Some(tip);
        self.changed();
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
