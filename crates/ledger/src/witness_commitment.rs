//! The commitment to a block's witnesses in its coinbase (BIP141).

use synod_primitives::{Block, Script, Transaction, Witness, sha256d};

use crate::error::BlockError;

/// `OP_RETURN`, a push of 36 bytes, and BIP141's tag.
const PREFIX: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// The length of the prefix with the hash behind it; more bytes may follow.
const LEAST_SIZE: usize = PREFIX.len() + 32;

/// Returns the hash that a coinbase commits to: that of its last output that is a commitment
/// (Core: `GetWitnessCommitmentIndex`).
#[must_use]
pub fn find_witness_commitment(coinbase: &Transaction) -> Option<[u8; 32]> {
    coinbase.outputs().iter().rev().find_map(|output| {
        let script = output.script_pubkey.as_bytes();
        let hash = script.strip_prefix(&PREFIX)?;
        hash.first_chunk().copied()
    })
}

/// Computes the commitment from the root over the ids with witness and the coinbase's nonce.
#[must_use]
pub fn witness_commitment(witness_root: &[u8; 32], nonce: &[u8; 32]) -> [u8; 32] {
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(witness_root);
    pair[32..].copy_from_slice(nonce);
    sha256d(&pair)
}

/// Returns the output script that carries a commitment.
#[must_use]
pub fn witness_commitment_script(commitment: &[u8; 32]) -> Script {
    let mut script = Vec::with_capacity(LEAST_SIZE);
    script.extend_from_slice(&PREFIX);
    script.extend_from_slice(commitment);
    Script::new(script)
}

/// Checks a block's witnesses against its commitment (Core: `CheckWitnessMalleation`).
///
/// Every failure is a mutation: the witnesses are no part of the block's hash.
pub(crate) fn check_witnesses(block: &Block, is_segwit_active: bool) -> Result<(), BlockError> {
    let coinbase = block.transactions().first();
    let commitment = coinbase
        .filter(|_| is_segwit_active)
        .and_then(find_witness_commitment);
    if let Some(commitment) = commitment {
        let nonce = coinbase
            .and_then(nonce)
            .ok_or(BlockError::WitnessNonceSize)?;
        let expected = witness_commitment(&block.witness_root().hash, &nonce);
        return if expected == commitment {
            Ok(())
        } else {
            Err(BlockError::WitnessCommitment)
        };
    }
    if block.transactions().iter().any(Transaction::has_witness) {
        return Err(BlockError::UnexpectedWitness);
    }
    Ok(())
}

/// Returns the only item of the coinbase's witness, if it has 32 bytes.
fn nonce(coinbase: &Transaction) -> Option<[u8; 32]> {
    let witness: &Witness = &coinbase.inputs().first()?.witness;
    let item = witness.last().filter(|_| witness.len() == 1)?;
    item.try_into().ok()
}
