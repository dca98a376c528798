//! The entries and how they hang together. Knows nothing of policy or of the chain.
//!
//! Invariant: the sums over ancestors and descendants, the links between entries and every
//! index belong to the same set of entries after each operation; `Mempool::check_invariants`
//! computes them all anew.

mod memory;
mod order;
mod relatives;

pub(crate) use order::MiningKey;

use std::collections::{BTreeSet, HashMap};

use synod_ledger::HashKey;
use synod_primitives::{OutPoint, Transaction, Txid, Wtxid};
use synod_script::Flags;

use crate::entry::{Aggregate, Arrival, ChainFacts, Content, Entry};
use order::Orders;

/// The place of an entry; used again when the entry is gone.
pub(crate) type Slot = u32;
/// Entries, each once.
pub(crate) type Slots = BTreeSet<Slot>;

/// The entries with their indices.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// Boxed, so that the table grows without copying entries.
    slots: Vec<Option<Box<Entry>>>,
    free: Vec<Slot>,
    by_txid: HashMap<Txid, Slot, HashKey>,
    by_wtxid: HashMap<Wtxid, Slot, HashKey>,
    spenders: HashMap<OutPoint, Slot, HashKey>,
    orders: Orders,
    totals: Totals,
    /// Entries that came, left, got or lost a relative or another fee since they were asked for.
    /// A slot is noted once, so there are no more than places.
    touched: Slots,
}

/// Sums over all entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    /// Memory in bytes.
    pub(crate) bytes: usize,
    /// Virtual sizes in vbytes.
    pub(crate) vsize: u64,
    /// Fees without deltas, in satoshis.
    pub(crate) fees_sat: i128,
}

impl Graph {
    pub(crate) fn new(key: HashKey) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_txid: HashMap::with_hasher(key),
            by_wtxid: HashMap::with_hasher(key),
            spenders: HashMap::with_hasher(key),
            orders: Orders::default(),
            totals: Totals::default(),
            touched: Slots::new(),
        }
    }

    /// Takes the slots of which the entry, its relatives or its fee are others than last time;
    /// whoever lost a relative is among them.
    pub(crate) fn take_touched(&mut self) -> Slots {
        std::mem::take(&mut self.touched)
    }

    /// Says whether there is an entry in a slot.
    pub(crate) fn holds(&self, slot: Slot) -> bool {
        self.slots.get(slot as usize).is_some_and(Option::is_some)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_txid.len()
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// The number of places, of which some may be free.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn entry(&self, slot: Slot) -> &Entry {
        self.slots[slot as usize]
            .as_deref()
            .expect("indices name entries that are there")
    }

    fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        self.slots[slot as usize]
            .as_deref_mut()
            .expect("indices name entries that are there")
    }

    pub(crate) fn find(&self, txid: &Txid) -> Option<Slot> {
        self.by_txid.get(txid).copied()
    }

    pub(crate) fn find_wtxid(&self, wtxid: &Wtxid) -> Option<Slot> {
        self.by_wtxid.get(wtxid).copied()
    }

    pub(crate) fn spender(&self, outpoint: &OutPoint) -> Option<Slot> {
        self.spenders.get(outpoint).copied()
    }

    /// The memory that an entry occupies, with the links to its parents.
    pub(crate) fn bytes_of(&self, slot: Slot) -> usize {
        memory::entry_bytes(self.entry(slot))
    }

    /// The number of outputs that entries spend.
    pub(crate) fn spenders_len(&self) -> usize {
        self.spenders.len()
    }

    /// Entries that a transaction spends from.
    pub(crate) fn parents_of(&self, transaction: &Transaction) -> Slots {
        let inputs = transaction.inputs().iter();
        inputs
            .filter_map(|input| self.find(&input.prevout.txid))
            .collect()
    }

    /// Adds an entry, none of whose outputs is spent in the mempool; `ancestors` are all that
    /// it has.
    pub(crate) fn insert(&mut self, content: Content, arrival: Arrival, ancestors: &Slots) -> Slot {
        let own = Aggregate::of(&content.cost);
        let parents: Vec<Slot> = self.parents_of(&content.transaction).into_iter().collect();
        let mut with_ancestors = own;
        for ancestor in ancestors {
            with_ancestors.add(&Aggregate::of(self.entry(*ancestor).cost()));
            self.change_descendants(*ancestor, |sums| sums.add(&own));
        }
        let entry = Entry {
            content,
            arrival,
            parents,
            children: Vec::new(),
            ancestors: with_ancestors,
            descendants: own,
        };
        let slot = self.place(entry);
        for parent in self.entry(slot).parents.clone() {
            insert_sorted(&mut self.entry_mut(parent).children, slot);
        }
        self.touched.insert(slot);
        slot
    }

    fn place(&mut self, entry: Entry) -> Slot {
        let next = u32::try_from(self.slots.len()).expect("entries fill memory before 32 bits");
        let slot = self.free.pop().unwrap_or(next);
        let transaction = entry.transaction();
        self.by_txid.insert(transaction.txid(), slot);
        self.by_wtxid.insert(transaction.wtxid(), slot);
        for input in transaction.inputs() {
            self.spenders.insert(input.prevout, slot);
        }
        self.orders.insert(slot, &entry);
        self.totals.bytes += memory::entry_bytes(&entry);
        self.totals.vsize += entry.cost().vsize;
        self.totals.fees_sat += i128::from(entry.cost().fee.sat());
        if slot == next {
            self.slots.push(Some(Box::new(entry)));
        } else {
            self.slots[slot as usize] = Some(Box::new(entry));
        }
        slot
    }

    /// Removes an entry that has no descendants in the mempool, or no ancestors.
    pub(crate) fn remove(&mut self, slot: Slot) -> Entry {
        let own = Aggregate::of(self.entry(slot).cost());
        for ancestor in self.ancestors(slot) {
            self.change_descendants(ancestor, |sums| sums.subtract(&own));
        }
        for descendant in self.descendants(slot) {
            if descendant != slot {
                self.change_ancestors(descendant, |sums| sums.subtract(&own));
            }
        }
        let entry = self.slots[slot as usize]
            .take()
            .expect("the entry is there");
        debug_assert!(entry.parents.is_empty() || entry.children.is_empty());
        self.touched.insert(slot);
        self.touched.extend(&entry.parents);
        self.touched.extend(&entry.children);
        for parent in &entry.parents {
            remove_sorted(&mut self.entry_mut(*parent).children, slot);
        }
        for child in &entry.children {
            remove_sorted(&mut self.entry_mut(*child).parents, slot);
        }
        // A link counts for its child.
        self.totals.bytes -= memory::entry_bytes(&entry);
        self.totals.bytes -= entry.children.len() * memory::LINK_BYTES;
        self.unplace(slot, &entry);
        *entry
    }

    fn unplace(&mut self, slot: Slot, entry: &Entry) {
        let transaction = entry.transaction();
        self.by_txid.remove(&transaction.txid());
        self.by_wtxid.remove(&transaction.wtxid());
        for input in transaction.inputs() {
            self.spenders.remove(&input.prevout);
        }
        self.orders.remove(slot, entry);
        self.totals.vsize -= entry.cost().vsize;
        self.totals.fees_sat -= i128::from(entry.cost().fee.sat());
        self.free.push(slot);
    }

    /// Sets what an operator adds to an entry's fee.
    pub(crate) fn set_fee_delta(&mut self, slot: Slot, delta_sat: i64) {
        let old = Aggregate::of(self.entry(slot).cost()).fees_sat;
        let ancestors = self.ancestors(slot);
        let descendants = self.descendants(slot);
        self.touched.insert(slot);
        self.change(slot, |entry| entry.content.cost.fee_delta_sat = delta_sat);
        let change = Aggregate::of(self.entry(slot).cost()).fees_sat - old;
        for ancestor in ancestors {
            self.change_descendants(ancestor, |sums| sums.fees_sat += change);
        }
        self.change_descendants(slot, |sums| sums.fees_sat += change);
        for descendant in descendants {
            self.change_ancestors(descendant, |sums| sums.fees_sat += change);
        }
    }

    /// Notes what an entry depends on in another chain.
    pub(crate) fn set_facts(&mut self, slot: Slot, facts: ChainFacts) {
        self.entry_mut(slot).content.facts = facts;
    }

    /// Notes the flags of blocks that an entry's scripts were verified with.
    pub(crate) fn set_verified(&mut self, slot: Slot, flags: Flags) {
        self.entry_mut(slot).content.verified = flags;
    }

    fn change_ancestors(&mut self, slot: Slot, change: impl FnOnce(&mut Aggregate)) {
        self.change(slot, |entry| change(&mut entry.ancestors));
    }

    fn change_descendants(&mut self, slot: Slot, change: impl FnOnce(&mut Aggregate)) {
        self.change(slot, |entry| change(&mut entry.descendants));
    }

    fn change(&mut self, slot: Slot, change: impl FnOnce(&mut Entry)) {
        let entry = self.slots[slot as usize]
            .as_deref_mut()
            .expect("the entry is there");
        let before = order::Keys::of(slot, entry);
        change(entry);
        self.orders
            .update(slot, &before, &order::Keys::of(slot, entry));
    }
}

fn insert_sorted(slots: &mut Vec<Slot>, slot: Slot) {
    if let Err(place) = slots.binary_search(&slot) {
        slots.insert(place, slot);
    }
}

fn remove_sorted(slots: &mut Vec<Slot>, slot: Slot) {
    if let Ok(place) = slots.binary_search(&slot) {
        slots.remove(place);
    }
}
