//! A transaction in the mempool, with what is known of it.

use std::cmp::Reverse;
use std::sync::Arc;

use synod_ledger::{Coin, SequenceLocks};
use synod_primitives::{Amount, Height, Transaction, Txid, Wtxid};
use synod_script::Flags;

use crate::fee_rate::{FeeRate, Ratio, modified_fee};
use crate::graph::{MiningKey, Slot};

/// What a transaction costs a block and pays for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// The fee.
    pub fee: Amount,
    /// What an operator adds to the fee when transactions are compared, in satoshis.
    pub fee_delta_sat: i64,
    /// The virtual size in vbytes, signature operations considered.
    pub vsize: u64,
    /// The weight.
    pub weight: u64,
    /// The cost of its signature operations.
    pub sigop_cost: u64,
}

impl Cost {
    /// Returns the fee with the operator's delta, in satoshis.
    #[must_use]
    pub const fn modified_fee_sat(&self) -> i64 {
        modified_fee(self.fee, self.fee_delta_sat)
    }

    /// Returns the exact fee rate, with the operator's delta.
    #[must_use]
    pub const fn ratio(&self) -> Ratio {
        Ratio::new(self.modified_fee_sat() as i128, self.vsize)
    }
}

/// When a transaction came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Arrival {
    /// Seconds since 1970.
    pub time: u64,
    /// Its place in the order of admission; each entry has another.
    pub sequence: u64,
}

/// What a transaction's validity depends on in the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ChainFacts {
    /// The highest block that made a confirmed coin which it spends.
    pub newest_input: Height,
    /// The highest block whose coinbase it spends from.
    pub newest_coinbase: Option<Height>,
    /// Its relative lock times.
    pub locks: SequenceLocks,
}

impl ChainFacts {
    /// Takes in a confirmed coin that is spent.
    pub(crate) fn note_confirmed(&mut self, coin: &Coin) {
        self.newest_input = self.newest_input.max(coin.height);
        if coin.is_coinbase {
            self.newest_coinbase = self.newest_coinbase.max(Some(coin.height));
        }
    }
}

/// Sums over a transaction and its ancestors, or its descendants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Aggregate {
    /// Transactions, itself included.
    pub count: u64,
    /// Virtual sizes in vbytes.
    pub vsize: u64,
    /// Weights.
    pub weight: u64,
    /// Costs of signature operations.
    pub sigop_cost: u64,
    /// Fees with operators' deltas, in satoshis.
    pub fees_sat: i128,
}

impl Aggregate {
    /// The sums over one transaction.
    #[must_use]
    pub(crate) const fn of(cost: &Cost) -> Self {
        Self {
            count: 1,
            vsize: cost.vsize,
            weight: cost.weight,
            sigop_cost: cost.sigop_cost,
            fees_sat: cost.modified_fee_sat() as i128,
        }
    }

    pub(crate) const fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.vsize += other.vsize;
        self.weight += other.weight;
        self.sigop_cost += other.sigop_cost;
        self.fees_sat += other.fees_sat;
    }

    pub(crate) const fn subtract(&mut self, other: &Self) {
        self.count -= other.count;
        self.vsize -= other.vsize;
        self.weight -= other.weight;
        self.sigop_cost -= other.sigop_cost;
        self.fees_sat -= other.fees_sat;
    }

    /// Returns the exact fee rate.
    #[must_use]
    pub const fn ratio(&self) -> Ratio {
        Ratio::new(self.fees_sat, self.vsize)
    }
}

/// A transaction in the mempool.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) content: Content,
    pub(crate) arrival: Arrival,
    /// In-pool transactions that it spends from, sorted.
    pub(crate) parents: Vec<Slot>,
    /// In-pool transactions that spend from it, sorted.
    pub(crate) children: Vec<Slot>,
    pub(crate) ancestors: Aggregate,
    pub(crate) descendants: Aggregate,
}

/// What an entry consists of apart from its relations.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) transaction: Arc<Transaction>,
    pub(crate) cost: Cost,
    pub(crate) facts: ChainFacts,
    /// The flags of blocks that its scripts were verified with; none while they are not.
    pub(crate) verified: Flags,
}

impl Entry {
    /// Returns the transaction.
    #[must_use]
    pub fn transaction(&self) -> &Arc<Transaction> {
        &self.content.transaction
    }

    /// Returns the transaction's id.
    #[must_use]
    pub fn txid(&self) -> Txid {
        self.content.transaction.txid()
    }

    /// Returns the transaction's id with witness.
    #[must_use]
    pub fn wtxid(&self) -> Wtxid {
        self.content.transaction.wtxid()
    }

    /// Returns what it costs and pays.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        &self.content.cost
    }

    /// Returns when it came.
    #[must_use]
    pub fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// Returns the sums over it and its ancestors in the mempool.
    #[must_use]
    pub fn ancestors(&self) -> &Aggregate {
        &self.ancestors
    }

    /// Returns the sums over it and its descendants in the mempool.
    #[must_use]
    pub fn descendants(&self) -> &Aggregate {
        &self.descendants
    }

    /// Returns the fee rate without operators' deltas.
    #[must_use]
    pub fn fee_rate(&self) -> FeeRate {
        FeeRate::of(i128::from(self.cost().fee.sat()), self.cost().vsize)
    }

    /// Says whether it signals that it may be replaced (BIP125), or is of version 3.
    #[must_use]
    pub fn signals_replacement(&self) -> bool {
        let transaction = self.transaction();
        transaction.version() == crate::policy::TRUC_VERSION
            || transaction
                .inputs()
                .iter()
                .any(|input| input.sequence <= MAX_BIP125_SEQUENCE)
    }

    /// The place in the order that blocks are filled in: by its own rate, or a lower one with
    /// those of its ancestors that are not in a block yet.
    pub(crate) fn mining_key(&self, slot: Slot, with_ancestors: Ratio) -> MiningKey {
        MiningKey {
            rate: Reverse(with_ancestors.min(self.cost().ratio())),
            sequence: self.arrival.sequence,
            slot,
        }
    }

    /// Says whether it has parents or children here.
    pub(crate) fn has_relatives(&self) -> bool {
        !self.parents.is_empty() || !self.children.is_empty()
    }

    /// The fee rate that it is evicted by: its own, or higher with its descendants.
    pub(crate) fn eviction_ratio(&self) -> Ratio {
        self.descendants.ratio().max(self.cost().ratio())
    }
}

/// The highest sequence number that signals replaceability (BIP125).
const MAX_BIP125_SEQUENCE: u32 = 0xffff_fffd;
