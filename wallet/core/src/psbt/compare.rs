//! Whether a PSBT that came back is still the one that was sent, and joining several.

use bdk_wallet::bitcoin::Psbt;
use serde::Serialize;

use super::{PsbtError, finalize};

/// A returned PSBT beside the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether the unsigned transaction is the same to the byte.
    pub is_same_transaction: bool,
    /// Inputs whose coin is described differently, counted from 0.
    pub changed_coins: Vec<usize>,
    /// Inputs that gained a signature, counted from 0.
    pub newly_signed: Vec<usize>,
    /// Whether every input is signed and every signature verifies.
    pub is_complete: bool,
}

impl Comparison {
    /// Tells whether nothing but signatures was added.
    pub fn is_faithful(&self) -> bool {
        self.is_same_transaction && self.changed_coins.is_empty()
    }
}

/// Compares a returned PSBT with the original.
pub fn compare(returned: &Psbt, original: &Psbt) -> Comparison {
    let is_same_transaction = returned.unsigned_tx == original.unsigned_tx;
    let pairs = || returned.inputs.iter().zip(&original.inputs).enumerate();
    let changed = pairs().filter(|(_, (new, old))| {
        let full = new.non_witness_utxo.is_some() && new.non_witness_utxo != old.non_witness_utxo;
        let short = new.witness_utxo.is_some()
            && old.witness_utxo.is_some()
            && new.witness_utxo != old.witness_utxo;
        full || short
    });
    let signed = pairs().filter(|(_, (new, old))| signatures(new) > signatures(old));
    Comparison {
        is_same_transaction,
        changed_coins: changed.map(|(index, _)| index).collect(),
        newly_signed: signed.map(|(index, _)| index).collect(),
        is_complete: finalize(returned.clone()).is_ok(),
    }
}

/// Joins the signatures of several PSBTs of one transaction.
///
/// # Errors
/// [`PsbtError::DifferentTransactions`].
pub fn combine(first: Psbt, others: impl IntoIterator<Item = Psbt>) -> Result<Psbt, PsbtError> {
    let mut joined = first;
    for other in others {
        joined
            .combine(other)
            .map_err(|_| PsbtError::DifferentTransactions)?;
    }
    Ok(joined)
}

fn signatures(input: &bdk_wallet::bitcoin::psbt::Input) -> usize {
    let is_final = input.final_script_sig.is_some() || input.final_script_witness.is_some();
    input.partial_sigs.len()
        + usize::from(input.tap_key_sig.is_some())
        + input.tap_script_sigs.len()
        + usize::from(is_final)
}
