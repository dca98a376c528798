//! The mempool's state, and what can be read of it.

use std::collections::BTreeMap;

use synod_ledger::HashKey;
use synod_primitives::{OutPoint, Transaction, Txid, Wtxid};

use crate::disconnected::Disconnected;
use crate::entry::{Arrival, Entry};
use crate::event::{Event, EventQueue, Events, Removal};
use crate::fee_rate::FeeRate;
use crate::graph::{Graph, Slot, Slots};
use crate::limits::RollingFee;
use crate::policy::Policy;
use crate::template::NextBlock;
use crate::verified::RecentlyVerified;

/// The most transactions whose fee an operator may have changed.
pub const MAX_FEE_DELTAS: usize = 100_000;

/// Transactions that wait for a block.
///
/// A clone is a mempool of its own, with the same entries.
#[derive(Clone, Debug)]
pub struct Mempool {
    pub(crate) policy: Policy,
    pub(crate) graph: Graph,
    /// What operators add to fees, also for transactions that are not here.
    pub(crate) fee_deltas: BTreeMap<Txid, i64>,
    pub(crate) rolling_fee: RollingFee,
    pub(crate) verified: RecentlyVerified,
    pub(crate) disconnected: Disconnected,
    pub(crate) next_block: NextBlock,
    events: EventQueue,
    /// Changes with every change of the entries or of the tip.
    generation: u64,
    next_sequence: u64,
}

/// The fee of too many transactions was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the fees of {MAX_FEE_DELTAS} transactions are changed already")]
pub struct TooManyFeeDeltas;

/// The mempool in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Entries.
    pub count: usize,
    /// Their virtual sizes together, in vbytes.
    pub vsize: u64,
    /// Their fees together, in satoshis, without deltas.
    pub fees_sat: u64,
    /// The memory that they occupy, in bytes.
    pub bytes: usize,
    /// The memory that they may occupy, in bytes.
    pub max_bytes: usize,
    /// The least fee rate that is admitted now.
    pub min_fee_rate: FeeRate,
    /// The least fee rate that is ever admitted.
    pub min_relay_fee: FeeRate,
    /// What a replacement pays on top for its own relay.
    pub incremental_relay_fee: FeeRate,
}

impl Mempool {
    /// Makes an empty mempool whose tables are keyed against chosen ids.
    #[must_use]
    pub fn new(policy: Policy, key: HashKey) -> Self {
        Self {
            policy,
            graph: Graph::new(key),
            fee_deltas: BTreeMap::new(),
            rolling_fee: RollingFee::default(),
            verified: RecentlyVerified::new(key),
            disconnected: Disconnected::default(),
            next_block: NextBlock::default(),
            events: EventQueue::default(),
            generation: 0,
            next_sequence: 0,
        }
    }

    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.graph.len()
    }

    /// Says whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a number that is another one after every change of the entries or of the tip.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the mempool in numbers; `now` in seconds since 1970.
    #[must_use]
    pub fn summary(&self, now: u64) -> Summary {
        let totals = self.graph.totals();
        Summary {
            count: self.len(),
            vsize: totals.vsize,
            fees_sat: u64::try_from(totals.fees_sat).unwrap_or(u64::MAX),
            bytes: totals.bytes,
            max_bytes: self.policy.max_bytes,
            min_fee_rate: self.min_fee_rate(now),
            min_relay_fee: self.policy.min_relay_fee,
            incremental_relay_fee: self.policy.incremental_relay_fee,
        }
    }

    /// Returns the entry of this id.
    #[must_use]
    pub fn find(&self, txid: &Txid) -> Option<&Entry> {
        self.graph.find(txid).map(|slot| self.graph.entry(slot))
    }

    /// Returns the entry of this id with witness.
    #[must_use]
    pub fn find_by_wtxid(&self, wtxid: &Wtxid) -> Option<&Entry> {
        self.graph
            .find_wtxid(wtxid)
            .map(|slot| self.graph.entry(slot))
    }

    /// Returns the entry that spends an output.
    #[must_use]
    pub fn find_spender(&self, outpoint: &OutPoint) -> Option<&Entry> {
        self.graph
            .spender(outpoint)
            .map(|slot| self.graph.entry(slot))
    }

    /// Goes through the entries in the order of their arrival, from after a place in it.
    pub fn entries(&self, after: Option<Arrival>) -> impl Iterator<Item = &Entry> {
        self.graph
            .orders()
            .by_arrival(after)
            .map(|slot| self.graph.entry(slot))
    }

    /// Returns an entry's ancestors, each after its own; empty when it is not here.
    #[must_use]
    pub fn ancestors_of(&self, txid: &Txid) -> Vec<&Entry> {
        let slots = self.graph.find(txid).map(|slot| self.graph.ancestors(slot));
        self.sorted_entries(&slots.unwrap_or_default())
    }

    /// Returns an entry's descendants, each after its own ancestors; empty when it is not here.
    #[must_use]
    pub fn descendants_of(&self, txid: &Txid) -> Vec<&Entry> {
        let Some(slot) = self.graph.find(txid) else {
            return Vec::new();
        };
        let mut slots = self.graph.descendants(slot);
        slots.remove(&slot);
        self.sorted_entries(&slots)
    }

    fn sorted_entries(&self, slots: &Slots) -> Vec<&Entry> {
        let sorted = self.graph.sorted(slots).into_iter();
        sorted.map(|slot| self.graph.entry(slot)).collect()
    }

    /// Returns the outpoints whose coins [`Mempool::prepare`] will look up for a transaction:
    /// those that it spends and that no entry makes, sorted.
    #[must_use]
    pub fn wanted_coins(&self, transaction: &Transaction) -> Vec<OutPoint> {
        let outpoints = transaction.inputs().iter().map(|input| input.prevout);
        let mut wanted: Vec<_> = outpoints
            .filter(|outpoint| self.graph.find(&outpoint.txid).is_none())
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Takes the events since the last time.
    #[must_use = "events that nobody reads are lost"]
    pub fn take_events(&mut self) -> Events {
        self.events.take()
    }

    /// Adds to what an operator adds to a transaction's fee when transactions are compared, in
    /// satoshis; the transaction need not be here. Sums stay within 64 bits.
    ///
    /// # Errors
    /// The fees of too many transactions are changed.
    pub fn prioritise(&mut self, txid: Txid, delta_sat: i64) -> Result<i64, TooManyFeeDeltas> {
        let known = self.fee_deltas.get(&txid);
        if known.is_none() && self.fee_deltas.len() >= MAX_FEE_DELTAS {
            return Err(TooManyFeeDeltas);
        }
        // Attack catalogue M14: twice the greatest delta is the greatest delta.
        let sum = known.copied().unwrap_or(0).saturating_add(delta_sat);
        if sum == 0 {
            self.fee_deltas.remove(&txid);
        } else {
            self.fee_deltas.insert(txid, sum);
        }
        if let Some(slot) = self.graph.find(&txid) {
            self.graph.set_fee_delta(slot, sum);
        }
        self.touch();
        Ok(sum)
    }

    /// Returns what operators add to fees, by transaction, in satoshis.
    #[must_use]
    pub fn fee_deltas(&self) -> &BTreeMap<Txid, i64> {
        &self.fee_deltas
    }

    /// Removes entries and everything that depends on them.
    pub(crate) fn remove_with_descendants(&mut self, slots: Slots, reason: Removal) -> Vec<Entry> {
        let all = self.graph.with_descendants(slots);
        let mut sorted = self.graph.sorted(&all);
        sorted.reverse();
        sorted
            .into_iter()
            .map(|slot| self.remove_one(slot, reason))
            .collect()
    }

    /// Removes one entry, which has no descendants here or no ancestors.
    pub(crate) fn remove_one(&mut self, slot: Slot, reason: Removal) -> Entry {
        let entry = self.graph.remove(slot);
        self.emit_removed(&entry, reason);
        entry
    }

    pub(crate) fn emit_added(&mut self, slot: Slot) {
        let entry = self.graph.entry(slot);
        self.events.push(Event::Added {
            txid: entry.txid(),
            wtxid: entry.wtxid(),
            fee: entry.cost().fee,
            vsize: entry.cost().vsize,
        });
        self.touch();
    }

    /// Notes that an entry is gone, which was taken out of the graph before.
    pub(crate) fn emit_removed(&mut self, entry: &Entry, reason: Removal) {
        self.verified
            .remember(entry.wtxid(), entry.content.verified);
        self.events.push(Event::Removed {
            txid: entry.txid(),
            wtxid: entry.wtxid(),
            reason,
        });
        self.touch();
    }

    /// Notes that entries or tip changed.
    pub(crate) fn touch(&mut self) {
        self.generation += 1;
    }

    pub(crate) fn take_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }
}
