//! From a fully signed PSBT to a transaction.

use bdk_wallet::{
    bitcoin::{Psbt, Transaction, key::Secp256k1},
    miniscript::psbt::PsbtExt,
};

use super::{PsbtError, stake::finalize_stake};

/// Finalizes a PSBT and returns the transaction; every input's script is run against its coin, and
/// the signature of every stake output's owner is verified.
///
/// # Errors
/// [`PsbtError::Incomplete`] with the inputs that lack signatures or whose signatures do not verify.
pub fn finalize(mut psbt: Psbt) -> Result<(Psbt, Transaction), PsbtError> {
    let secp = Secp256k1::verification_only();
    let mut has_stake = false;
    let mut missing = Vec::new();
    for index in 0..psbt.inputs.len() {
        let is_done = match finalize_stake(&mut psbt, index) {
            Some(is_done) => {
                has_stake = true;
                is_done
            }
            None => psbt.finalize_inp_mut(&secp, index).is_ok(),
        };
        if !is_done {
            missing.push(index);
        }
    }
    if !missing.is_empty() {
        return Err(PsbtError::Incomplete(missing));
    }
    let malformed = |e: String| PsbtError::Malformed(e);
    // Correctness: miniscript's extraction runs every input once more and knows no stake; here
    // each input was run, or its signature verified, just above.
    let transaction = if has_stake {
        psbt.clone().extract_tx_unchecked_fee_rate()
    } else {
        psbt.extract(&secp).map_err(|e| malformed(e.to_string()))?
    };
    Ok((psbt, transaction))
}
