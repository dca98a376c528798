//! The coins of a chain in the making, and transactions whose signatures are still to come.

use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Witness};

/// An output that waits to be spent.
#[derive(Clone, Debug)]
pub(crate) struct Coin {
    pub(crate) outpoint: OutPoint,
    pub(crate) output: TxOut,
    /// The place of its key among the keys of the chain.
    pub(crate) key: usize,
}

/// A transaction without its signatures; its id is known already, since witnesses do not count.
pub(crate) struct Draft {
    pub(crate) transaction: Transaction,
    pub(crate) spends: Vec<Coin>,
}

impl Draft {
    pub(crate) fn new(spends: Vec<Coin>, outputs: Vec<TxOut>) -> Self {
        let inputs = spends.iter().map(|coin| TxIn {
            prevout: coin.outpoint,
            script_sig: Script::default(),
            sequence: 0xffff_fffd,
            witness: Witness::EMPTY,
        });
        let transaction = Transaction::new(2, inputs.collect(), outputs, 0);
        Self {
            transaction,
            spends,
        }
    }

    /// Returns what the inputs are worth, in satoshis.
    pub(crate) fn value_of(spends: &[Coin]) -> i64 {
        spends.iter().map(|coin| coin.output.value.sat()).sum()
    }

    /// Returns the fee in satoshis.
    pub(crate) fn fee_sat(&self) -> i64 {
        let outputs = self.transaction.outputs().iter();
        Self::value_of(&self.spends) - outputs.map(|it| it.value.sat()).sum::<i64>()
    }
}

/// Makes an output.
pub(crate) fn pay(sat: i64, script_pubkey: &Script) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script_pubkey.clone(),
    }
}
