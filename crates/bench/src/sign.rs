//! Signing drafts.

use anyhow::{Context as _, Result};
use synod_primitives::{Transaction, TxIn, Witness};
use synod_script::SpendContext;
use synod_script::sighash::{TaprootSpend, segwit_v0_sighash, taproot_sighash};

use crate::coin::Draft;
use crate::key::{Key, Kind};

/// `SIGHASH_ALL`, as BIP143 has it.
const ALL: u32 = 1;
/// `SIGHASH_DEFAULT` of BIP341.
const DEFAULT: u8 = 0;

/// Signs all inputs of a draft.
pub(crate) fn sign(draft: &Draft, keys: &[Key], kind: Kind) -> Result<Transaction> {
    let unsigned = &draft.transaction;
    let spent = draft.spends.iter().map(|coin| coin.output.clone());
    let context = SpendContext::new(unsigned, spent.collect());
    let mut inputs: Vec<TxIn> = unsigned.inputs().to_vec();
    for (index, (input, coin)) in inputs.iter_mut().zip(&draft.spends).enumerate() {
        input.witness = witness(&context, index, &keys[coin.key], kind)?;
    }
    let outputs = unsigned.outputs().to_vec();
    let lock_time = unsigned.lock_time();
    Ok(Transaction::new(
        unsigned.version(),
        inputs,
        outputs,
        lock_time,
    ))
}

fn witness(context: &SpendContext<'_>, index: usize, key: &Key, kind: Kind) -> Result<Witness> {
    match kind {
        Kind::P2wpkh => {
            let code = key.script_code();
            let digest = segwit_v0_sighash(context, index, code.as_bytes(), ALL);
            let signature = key.sign_ecdsa(&digest)?;
            Ok(Witness::from_items(&[&signature[..], key.public()]))
        }
        Kind::P2tr => {
            let digest = taproot_sighash(context, index, DEFAULT, &TaprootSpend::default());
            let digest = digest.context("an undefined hash type")?;
            Ok(Witness::from_items(&[key.sign_schnorr(&digest)?]))
        }
    }
}
