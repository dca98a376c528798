//! What the signature hashes of many transactions share, hashed together.
//!
//! The hashes over all inputs and outputs of a small transaction are of one or two blocks each, and
//! a processor that hashes one of them at a time spends most of that time waiting.

use std::ops::Range;

use synod_primitives::Transaction;
use synod_primitives::double_hash::{sha256_each, sha256d_each};
use synod_primitives::encode::write_var_bytes;

use super::context::{KEY_SPENDS, KeySpend, Parts, SharedHashes, SpendContext, Spent};
use super::segwit_v0::around_script_code;
use super::spent::SpentOutputs;
use crate::form::witness_program;
use crate::template::p2pkh_bytes;

/// `SIGHASH_ALL`, the type of nearly all signatures of version 0.
const ALL: u8 = 1;

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
/// left out is computed where it is needed: hashes of other forms, and of keys and signatures
/// behind the first inputs.
///
/// The cost is linear in their size.
pub fn share_hashes<'a>(transactions: impl Iterator<Item = Sharing<'a>>) {
    let mut version_0 = Messages::<3>::default();
    let mut taproot = Messages::<5>::default();
    let mut spenders = Vec::new();
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
            spenders.push(sharing);
        }
    }
    for (hashes, [prevouts, sequences, outputs]) in version_0.hashed(true) {
        hashes.set_double_parts(Parts {
            prevouts,
            sequences,
            outputs,
        });
    }
    share_key_spends(&spenders);
    for (hashes, [prevouts, sequences, outputs, amounts, scripts]) in taproot.hashed(false) {
        hashes.set_parts(Parts {
            prevouts,
            sequences,
            outputs,
        });
        hashes.set_spent(Spent { amounts, scripts });
    }
}

/// Computes the hashes of key spends of version 0, whose shared parts are there.
fn share_key_spends(spenders: &[Sharing<'_>]) {
    let mut spends: Vec<(&SharedHashes, usize, &[u8])> = Vec::with_capacity(spenders.len());
    let mut messages: Vec<[u8; 182]> = Vec::with_capacity(spenders.len());
    for sharing in spenders {
        let context =
            SpendContext::sharing(sharing.transaction, sharing.spent_outputs, sharing.hashes);
        let inputs = sharing.transaction.inputs().iter().take(KEY_SPENDS);
        for (index, input) in inputs.enumerate() {
            let script = sharing.spent_outputs.script_pubkey(index);
            let mut items = input.witness.iter();
            let (Some([.., ALL]), Some(key), None, [0x00, 0x14, hash @ ..]) =
                (items.next(), items.next(), items.next(), script)
            else {
                continue;
            };
            let Ok(hash) = hash.try_into() else { continue };
            let (head, tail) = around_script_code(&context, index, ALL.into());
            let code = p2pkh_bytes(hash);
            let mut message = [0; 182];
            message[..104].copy_from_slice(&head);
            // The script code's length comes first; it fits a byte.
            message[104] = 25;
            message[105..130].copy_from_slice(&code);
            message[130..].copy_from_slice(&tail);
            messages.push(message);
            spends.push((sharing.hashes, index, key));
        }
    }
    let mut key_hashes = vec![[0; 32]; spends.len()];
    let keys = spends.iter().map(|(_, _, key)| [*key, &[], &[]]);
    sha256_each(keys, |index, hash| key_hashes[index] = hash);
    let sighashes = messages.iter().map(|message| [&message[..], &[], &[]]);
    sha256d_each(sighashes, |index, sighash| {
        let (hashes, input, _) = spends[index];
        let key_sha256 = key_hashes[index];
        hashes.set_key_spend(
            input,
            KeySpend {
                key_sha256,
                sighash,
            },
        );
    });
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

    /// A transaction whose inputs carry these witnesses.
    fn with_witnesses(witnesses: &[Witness]) -> Transaction {
        let bare = transaction(u8::try_from(witnesses.len()).expect("a few"), 2);
        let inputs = bare.inputs().iter().zip(witnesses);
        let inputs = inputs.map(|(input, witness)| TxIn {
            witness: witness.clone(),
            ..input.clone()
        });
        Transaction::new(2, inputs.collect(), bare.outputs().to_vec(), 7)
    }

    fn share_one(tx: &Transaction, spent: &Vec<TxOut>) -> SharedHashes {
        let hashes = SharedHashes::default();
        share_hashes(std::iter::once(Sharing {
            transaction: tx,
            spent_outputs: spent,
            hashes: &hashes,
        }));
        hashes
    }

    #[test]
    fn hashes_of_key_spends_are_those_of_each() {
        let key = [2; 33];
        let signature = [&[7; 70][..], &[ALL]].concat();
        let witness = Witness::from_items(&[&signature[..], &key]);
        let tx = with_witnesses(&vec![witness; KEY_SPENDS + 1]);
        let program = crate::hash160(&key);
        let spent = vec![output(5, template::p2wpkh(&program)); KEY_SPENDS + 1];
        let hashes = share_one(&tx, &spent);
        let together = SpendContext::sharing(&tx, &spent, &hashes);
        let alone = SpendContext::new(&tx, spent.clone());
        for input in 0..KEY_SPENDS {
            let shared = together.key_spend(input).expect("a usual key spend");
            assert_eq!(crate::ripemd160(&shared.key_sha256), program);
            let code = p2pkh_bytes(&program);
            let sighash = segwit_v0_sighash(&alone, input, &code, ALL.into());
            assert_eq!(shared.sighash, sighash);
            assert!(alone.key_spend(input).is_none());
        }
        assert!(together.key_spend(KEY_SPENDS).is_none(), "one too many");
    }

    #[test]
    fn unusual_key_spends_share_nothing() {
        let key = [2; 33];
        let of_type = |kind: u8| [&[7; 70][..], &[kind]].concat();
        let witness = |items: &[&[u8]]| Witness::from_items(items);
        let unusual = [
            witness(&[&of_type(3), &key]),
            witness(&[&of_type(ALL | 0x80), &key]),
            witness(&[&of_type(0), &key]),
            witness(&[&[], &key]),
            witness(&[&of_type(ALL)]),
            witness(&[&of_type(ALL), &key, &key]),
            Witness::EMPTY,
        ];
        let spent = vec![output(5, template::p2wpkh(&crate::hash160(&key)))];
        for witness in unusual {
            let tx = with_witnesses(&[witness]);
            let hashes = share_one(&tx, &spent);
            let context = SpendContext::sharing(&tx, &spent, &hashes);
            assert!(context.key_spend(0).is_none());
        }
        let usual = with_witnesses(&[witness(&[&of_type(ALL), &key])]);
        for script in [template::p2wsh(&[4; 32]), template::p2pkh(&[3; 20])] {
            let spent = vec![output(5, script)];
            let hashes = share_one(&usual, &spent);
            let context = SpendContext::sharing(&usual, &spent, &hashes);
            assert!(context.key_spend(0).is_none());
        }
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
