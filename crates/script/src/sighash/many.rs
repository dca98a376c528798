//! What the signature hashes of many transactions share, hashed together.
//!
//! The hashes over all inputs and outputs of a small transaction are of one or two blocks each, and
//! a processor that hashes one of them at a time spends most of that time waiting.

use std::ops::Range;

use synod_primitives::Transaction;
use synod_primitives::double_hash::{sha256_each, sha256d_each};
use synod_primitives::encode::write_var_bytes;

use super::context::{Parts, SharedHashes, Spent};
use super::spent::SpentOutputs;
use crate::form::witness_program;

/// A transaction, what it spends, and where its hashes belong.
#[derive(Clone, Copy)]
pub struct Sharing<'a> {
    /// The transaction.
    pub transaction: &'a Transaction,
    /// The outputs that its inputs spend, in their order.
    pub spent_outputs: &'a dyn SpentOutputs,
    /// Takes the hashes that are not there yet.
    pub hashes: &'a SharedHashes,
}

impl std::fmt::Debug for Sharing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sharing")
            .field("txid", &self.transaction.txid())
            .finish_non_exhaustive()
    }
}

/// Computes what the usual signatures of these transactions need, for all of them together. What is
/// left out is computed where it is needed.
///
/// The cost is linear in their size.
pub fn share_hashes<'a>(transactions: impl Iterator<Item = Sharing<'a>>) {
    let mut version_0 = Messages::<3>::default();
    let mut taproot = Messages::<5>::default();
    for sharing in transactions {
        let (has_version_0, has_taproot) = programs(sharing.spent_outputs);
        // The hashes of BIP143 are those of BIP341 hashed again: where both are needed, the second
        // make the first.
        if has_taproot {
            taproot.add_parts(sharing.transaction);
            taproot.add_spent(sharing.spent_outputs);
            taproot.owners.push(sharing.hashes);
        } else if has_version_0 {
            version_0.add_parts(sharing.transaction);
            version_0.owners.push(sharing.hashes);
        }
    }
    for (hashes, [prevouts, sequences, outputs]) in version_0.hashed(true) {
        hashes.set_double_parts(Parts {
            prevouts,
            sequences,
            outputs,
        });
    }
    for (hashes, [prevouts, sequences, outputs, amounts, scripts]) in taproot.hashed(false) {
        hashes.set_parts(Parts {
            prevouts,
            sequences,
            outputs,
        });
        hashes.set_spent(Spent { amounts, scripts });
    }
}

/// Says whether programs of version 0 and 1 are spent.
fn programs(spent_outputs: &dyn SpentOutputs) -> (bool, bool) {
    let (mut has_version_0, mut has_taproot) = (false, false);
    for input in 0..spent_outputs.count() {
        if let Some(program) = witness_program(spent_outputs.script_pubkey(input)) {
            has_version_0 |= program.version == 0;
            has_taproot |= program.version == 1;
        }
    }
    (has_version_0, has_taproot)
}

/// Messages, of which each owner has `N`.
struct Messages<'a, const N: usize> {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
    owners: Vec<&'a SharedHashes>,
}

impl<const N: usize> Default for Messages<'_, N> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            ranges: Vec::new(),
            owners: Vec::new(),
        }
    }
}

impl<'a, const N: usize> Messages<'a, N> {
    /// Adds a message that `write` appends.
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.ranges.push(start..self.bytes.len());
    }

    /// Adds prevouts, sequences and outputs.
    fn add_parts(&mut self, tx: &Transaction) {
        let inputs = tx.inputs();
        self.add(|bytes| {
            for input in inputs {
                bytes.extend_from_slice(&input.prevout.encode());
            }
        });
        self.add(|bytes| {
            for input in inputs {
                bytes.extend_from_slice(&input.sequence.to_le_bytes());
            }
        });
        self.add(|bytes| {
            for output in tx.outputs() {
                output.encode_into(bytes);
            }
        });
    }

    /// Adds amounts and scripts.
    fn add_spent(&mut self, outputs: &dyn SpentOutputs) {
        self.add(|bytes| {
            for input in 0..outputs.count() {
                bytes.extend_from_slice(&outputs.value(input).sat().to_le_bytes());
            }
        });
        self.add(|bytes| {
            for input in 0..outputs.count() {
                write_var_bytes(bytes, outputs.script_pubkey(input));
            }
        });
    }

    /// Hashes all messages, once or twice, and gives each owner its own.
    fn hashed(self, is_double: bool) -> impl Iterator<Item = (&'a SharedHashes, [[u8; 32]; N])> {
        let mut hashes = vec![[0; 32]; self.ranges.len()];
        let messages = self.ranges.iter();
        let messages = messages.map(|range| [&self.bytes[range.clone()], &[], &[]]);
        let sink = |index: usize, hash| hashes[index] = hash;
        match is_double {
            true => sha256d_each(messages, sink),
            false => sha256_each(messages, sink),
        }
        let hashes = hashes.as_chunks::<N>().0.to_vec();
        self.owners.into_iter().zip(hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighash::{SpendContext, TaprootSpend, segwit_v0_sighash, taproot_sighash};
    use crate::template;
    use synod_primitives::{Amount, OutPoint, Script, TxIn, TxOut, Txid, Witness};

    fn output(value: i64, script_pubkey: Script) -> TxOut {
        TxOut {
            value: Amount::from_sat(value),
            script_pubkey,
        }
    }

    /// A transaction of so many inputs and outputs.
    fn transaction(inputs: u8, outputs: u8) -> Transaction {
        let input = |index: u8| TxIn {
            prevout: OutPoint::new(Txid::from_bytes([index; 32]), index.into()),
            script_sig: Script::default(),
            sequence: u32::MAX - u32::from(index),
            witness: Witness::EMPTY,
        };
        let outputs = (0..outputs).map(|it| output(it.into(), template::p2wpkh(&[it; 20])));
        Transaction::new(2, (0..inputs).map(input).collect(), outputs.collect(), 7)
    }

    #[test]
    fn hashes_of_many_transactions_are_those_of_each() {
        let forms = [
            template::p2wpkh(&[1; 20]),
            template::p2tr(&[2; 32]),
            template::p2pkh(&[3; 20]),
            template::p2wsh(&[4; 32]),
        ];
        let cases: Vec<(Transaction, Vec<TxOut>)> = (1..40u8)
            .map(|count| {
                let form = |input: u8| forms[usize::from(count + input * (count % 3)) % 4].clone();
                let spent = (0..count).map(|input| output(i64::from(input) + 9, form(input)));
                (transaction(count, count % 5), spent.collect())
            })
            .collect();
        let hashes: Vec<SharedHashes> = cases.iter().map(|_| SharedHashes::default()).collect();
        let sharing = cases.iter().zip(&hashes);
        share_hashes(
            sharing.map(|((transaction, spent_outputs), hashes)| Sharing {
                transaction,
                spent_outputs,
                hashes,
            }),
        );
        for ((tx, spent), hashes) in cases.iter().zip(&hashes) {
            let alone = SpendContext::new(tx, spent.clone());
            let together = SpendContext::sharing(tx, spent, hashes);
            for input in 0..tx.inputs().len() {
                for hash_type in [0, 1, 2, 3, 0x81, 0x82, 0x83] {
                    assert_eq!(
                        segwit_v0_sighash(&together, input, b"code", hash_type),
                        segwit_v0_sighash(&alone, input, b"code", hash_type)
                    );
                    let hash_type = u8::try_from(hash_type).expect("a byte");
                    let spend = TaprootSpend::default();
                    assert_eq!(
                        taproot_sighash(&together, input, hash_type, &spend),
                        taproot_sighash(&alone, input, hash_type, &spend)
                    );
                }
            }
        }
    }
}
