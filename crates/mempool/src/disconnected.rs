//! Transactions of blocks that a reorganisation disconnected, until it has ended.

use std::collections::{BTreeMap, BTreeSet};

use synod_primitives::{Block, Transaction, Txid};

/// The most bytes of transactions that are kept; those that come latest in the chain go first.
pub const MAX_DISCONNECTED_BYTES: usize = 20_000_000;

/// The transactions of disconnected blocks that no block of the new branch holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disconnected {
    /// In the order of the chain, by a number that falls with every block disconnected.
    waiting: BTreeMap<i64, Transaction>,
    places: BTreeMap<Txid, i64>,
    /// Transactions for which there was no room, or that a coinbase made: what spends them
    /// cannot stay.
    lost: BTreeSet<Txid>,
    bytes: usize,
    first: i64,
}

impl Disconnected {
    /// Takes a block that left the active chain at its end.
    pub(crate) fn push_block(&mut self, block: &Block) {
        let mut transactions = block.transactions().iter();
        self.lost.extend(transactions.next().map(Transaction::txid));
        for transaction in transactions.rev() {
            self.first -= 1;
            let txid = transaction.txid();
            if let Some(old) = self.places.insert(txid, self.first) {
                self.waiting.remove(&old);
                self.bytes -= transaction.stripped_size();
            }
            self.bytes += transaction.stripped_size();
            self.waiting.insert(self.first, transaction.clone());
        }
        while self.bytes > MAX_DISCONNECTED_BYTES
            && let Some((_, transaction)) = self.waiting.pop_last()
        {
            self.bytes -= transaction.stripped_size();
            self.places.remove(&transaction.txid());
            self.lost.insert(transaction.txid());
        }
    }

    /// Drops what a block of the new branch holds.
    pub(crate) fn remove_block(&mut self, block: &Block) {
        if self.places.is_empty() && self.lost.is_empty() {
            return;
        }
        for transaction in block.transactions() {
            self.lost.remove(&transaction.txid());
            if let Some(place) = self.places.remove(&transaction.txid()) {
                self.waiting.remove(&place);
                self.bytes -= transaction.stripped_size();
            }
        }
    }

    /// The transactions in the order of the chain.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.waiting.values()
    }

    pub(crate) fn contains(&self, txid: &Txid) -> bool {
        self.places.contains_key(txid)
    }

    /// Ends the reorganisation: gives the transactions in the order of the chain, and the ids
    /// of those that are lost.
    pub(crate) fn take(&mut self) -> (Vec<Transaction>, BTreeSet<Txid>) {
        let taken = std::mem::take(self);
        (taken.waiting.into_values().collect(), taken.lost)
    }
}
