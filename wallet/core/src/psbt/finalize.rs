//! From a fully signed PSBT to a transaction.

use bdk_wallet::{
    bitcoin::{Psbt, Transaction, key::Secp256k1},
    miniscript::psbt::PsbtExt,
};

use super::PsbtError;

/// Finalizes a PSBT and returns the transaction; every input's script is run against its coin.
///
/// # Errors
/// [`PsbtError::Incomplete`] with the inputs that lack signatures or whose signatures do not verify.
pub fn finalize(mut psbt: Psbt) -> Result<(Psbt, Transaction), PsbtError> {
    let secp = Secp256k1::verification_only();
    let missing: Vec<usize> = (0..psbt.inputs.len())
        .filter(|index| psbt.finalize_inp_mut(&secp, *index).is_err())
        .collect();
    if !missing.is_empty() {
        return Err(PsbtError::Incomplete(missing));
    }
    let transaction = psbt
        .extract(&secp)
        .map_err(|e| PsbtError::Malformed(e.to_string()))?;
    Ok((psbt, transaction))
}
