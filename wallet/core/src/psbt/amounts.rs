//! The coins that a PSBT spends, proven as far as the PSBT lets them be.

use bdk_wallet::bitcoin::{Psbt, TxOut};

use super::Finding;

/// The coin of one input as the PSBT describes it.
#[derive(Debug, Clone)]
pub(super) struct Coin {
    /// Script and amount.
    pub(super) output: TxOut,
    /// Whether the whole previous transaction was there and hashed to the outpoint.
    pub(super) is_proven: bool,
}

/// Reads the coin of one input.
///
/// Security: a signature of segwit version 0 covers only its own input's amount, so a lying
/// `witness_utxo` on another input hides a fee (CVE-2020-14199); legacy signatures cover none.
/// The amount therefore comes from the previous transaction wherever there is one, and that
/// transaction must hash to the outpoint.
pub(super) fn coin(psbt: &Psbt, index: usize) -> Result<Coin, Finding> {
    let (input, outpoint) = (
        &psbt.inputs[index],
        psbt.unsigned_tx.input[index].previous_output,
    );
    let Some(previous) = &input.non_witness_utxo else {
        let output = input
            .witness_utxo
            .clone()
            .ok_or(Finding::MissingUtxo(index))?;
        return Ok(Coin {
            output,
            is_proven: false,
        });
    };
    if previous.compute_txid() != outpoint.txid {
        return Err(Finding::WrongPreviousTransaction(index));
    }
    let vout =
        usize::try_from(outpoint.vout).map_err(|_| Finding::WrongPreviousTransaction(index))?;
    let output = previous
        .output
        .get(vout)
        .ok_or(Finding::WrongPreviousTransaction(index))?;
    match &input.witness_utxo {
        Some(witness) if witness != output => Err(Finding::ConflictingUtxo(index)),
        _ => Ok(Coin {
            output: output.clone(),
            is_proven: true,
        }),
    }
}
