//! The owner's signature over a transaction that moves stake.

use synod_script::{SpendContext, is_canonical_signature, segwit_v0_sighash};
use synod_seal::OwnerHash;
use synod_sigcheck::{Check, verify};

use super::error::StakeError;

/// The hash type ALL, the only one.
const SIGHASH_ALL: u32 = 1;

/// Checks that `key` is the owner's and `signature` is its signature over the BIP143 digest,
/// with P2PKH of the owner as script code: what every signer of P2WPKH computes.
pub(super) fn check_owner(
    context: &SpendContext<'_>,
    input: usize,
    owner: OwnerHash,
    signature: &[u8],
    key: &[u8],
) -> Result<(), StakeError> {
    let compressed: &[u8; 33] = key.try_into().map_err(|_| StakeError::Owner)?;
    if OwnerHash::of_key(compressed) != owner {
        return Err(StakeError::Owner);
    }
    if !is_canonical_signature(signature) {
        return Err(StakeError::Signature);
    }
    let digest = segwit_v0_sighash(context, input, &p2pkh(owner), SIGHASH_ALL);
    let der = &signature[..signature.len() - 1];
    let is_valid = Check::ecdsa(key, der, digest).is_some_and(|check| verify(&check));
    is_valid.then_some(()).ok_or(StakeError::Signature)
}

/// Returns the P2PKH script of a hash.
fn p2pkh(owner: OwnerHash) -> [u8; 25] {
    let mut script = [0; 25];
    script[..3].copy_from_slice(&[0x76, 0xa9, 20]);
    script[3..23].copy_from_slice(&owner.0);
    script[23..].copy_from_slice(&[0x88, 0xac]);
    script
}
