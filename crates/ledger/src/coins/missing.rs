//! What has to be fetched before a block can be connected or disconnected.

use std::collections::HashMap;

use synod_primitives::{Block, Height, OutPoint, Transaction, Txid};
use synod_script::is_unspendable;

use super::cache::CoinsCache;
use crate::rules::Rules;

impl CoinsCache {
    /// Returns the outpoints that have to be asked for before the block is connected, sorted:
    /// those that its inputs spend, that the cache does not know and that no earlier
    /// transaction of the block makes.
    ///
    /// Where a transaction id may come twice ([`Rules::has_unique_transactions`]) also those
    /// that the block makes, for BIP30.
    #[must_use]
    pub fn missing_outpoints(&self, block: &Block, rules: &Rules) -> Vec<OutPoint> {
        let transactions = block.transactions();
        let spends = transactions.iter().enumerate().skip(1);
        let spends = spends.flat_map(|(position, transaction)| {
            let inputs = transaction.inputs().iter();
            inputs.map(move |input| (position, input.prevout))
        });
        let unknown: Vec<(usize, OutPoint)> = spends
            .filter(|(_, outpoint)| !self.entries.contains_key(outpoint))
            .collect();
        let mut missing = self.not_made_before(unknown, transactions);
        if !rules.has_unique_transactions() {
            missing.extend(self.unknown(transactions.iter().flat_map(outpoints_of)));
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Leaves out what a transaction before the spending one makes. Most blocks spend nothing that
    /// is unknown, so who makes what is only looked up here.
    fn not_made_before(
        &self,
        unknown: Vec<(usize, OutPoint)>,
        transactions: &[Transaction],
    ) -> Vec<OutPoint> {
        if unknown.is_empty() {
            return Vec::new();
        }
        let key = *self.entries.hasher();
        let mut makers: HashMap<Txid, usize, _> =
            HashMap::with_capacity_and_hasher(transactions.len(), key);
        for (position, transaction) in transactions.iter().enumerate() {
            // Of equal transactions the first counts: its outputs are those of all.
            makers.entry(transaction.txid()).or_insert(position);
        }
        let is_made_before = |spender: usize, outpoint: &OutPoint| {
            let maker = makers.get(&outpoint.txid);
            maker.is_some_and(|maker| {
                *maker < spender && transactions[*maker].outputs().len() > outpoint.vout as usize
            })
        };
        let unknown = unknown.into_iter();
        unknown
            .filter(|(spender, outpoint)| !is_made_before(*spender, outpoint))
            .map(|(_, outpoint)| outpoint)
            .collect()
    }

    /// Returns the outpoints that have to be asked for before the block is disconnected,
    /// sorted: those of its outputs that the cache does not know.
    #[must_use]
    pub fn missing_outputs(&self, block: &Block, height: Height) -> Vec<OutPoint> {
        if height == Height::GENESIS {
            return Vec::new();
        }
        let transactions = block.transactions().iter();
        let made = transactions.flat_map(|transaction| {
            let outputs = outpoints_of(transaction).zip(transaction.outputs());
            outputs.filter(|(_, output)| !is_unspendable(output.script_pubkey.as_bytes()))
        });
        let mut missing: Vec<_> = self.unknown(made.map(|(outpoint, _)| outpoint)).collect();
        missing.sort_unstable();
        missing
    }

    /// Returns those of some outpoints that the cache does not know, sorted and each once;
    /// for views such as a mempool's, which fetch what a transaction spends.
    #[must_use]
    pub fn missing_of(&self, outpoints: impl IntoIterator<Item = OutPoint>) -> Vec<OutPoint> {
        let mut missing: Vec<_> = self.unknown(outpoints.into_iter()).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn unknown(&self, outpoints: impl Iterator<Item = OutPoint>) -> impl Iterator<Item = OutPoint> {
        outpoints.filter(|outpoint| !self.entries.contains_key(outpoint))
    }
}

/// Names the outputs of a transaction.
fn outpoints_of(transaction: &Transaction) -> impl Iterator<Item = OutPoint> + use<> {
    let count = u32::try_from(transaction.outputs().len()).expect("outputs are in memory");
    let txid = transaction.txid();
    (0..count).map(move |vout| OutPoint::new(txid, vout))
}
