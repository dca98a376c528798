//! What has to be fetched before a block can be connected or disconnected.

use std::collections::HashMap;

use synod_primitives::{Block, Height, OutPoint, Txid};
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
        let key = *self.entries.hasher();
        let mut made: HashMap<Txid, usize, _> =
            HashMap::with_capacity_and_hasher(transactions.len(), key);
        let mut missing = Vec::new();
        for (position, transaction) in transactions.iter().enumerate() {
            let inputs = transaction.inputs().iter().skip_while(|_| position == 0);
            missing.extend(inputs.map(|input| input.prevout).filter(|outpoint| {
                let maker = made.get(&outpoint.txid).map(|maker| &transactions[*maker]);
                let is_made =
                    maker.is_some_and(|maker| maker.outputs().len() > outpoint.vout as usize);
                !is_made && !self.entries.contains_key(outpoint)
            }));
            made.insert(transaction.txid(), position);
            if !rules.has_unique_transactions() {
                missing.extend(self.unknown(outpoints_of(transaction)));
            }
        }
        missing.sort_unstable();
        missing.dedup();
        missing
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
fn outpoints_of(
    transaction: &synod_primitives::Transaction,
) -> impl Iterator<Item = OutPoint> + use<> {
    let count = u32::try_from(transaction.outputs().len()).expect("outputs are in memory");
    let txid = transaction.txid();
    (0..count).map(move |vout| OutPoint::new(txid, vout))
}
