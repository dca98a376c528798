//! ECDSA and BIP340 verification over secp256k1, one and many at once.
//!
//! A signature check is a value ([`Check`]): its bytes are parsed under consensus rules when it is
//! made, and it is judged later by [`verify`] or, together with others, by [`verify_batch`].
//! Everything here handles public data and runs in variable time; nothing in this crate may ever
//! see a secret key.
//!
//! May depend on: `k256` (scalar arithmetic and the reference verifier), `sha2`.
//! Must never know: transactions, scripts, signature hashes, hash types, policy.

mod check;
mod der;
mod exact;
mod field;
mod glv;
mod key;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod point;
mod scalar;
mod strauss;
mod table;
mod verdict;

pub use check::Check;

/// Judges one check.
#[must_use]
pub fn verify(check: &Check) -> bool {
    verdict::judge(check)
}

/// Judges many checks at once, which costs less for each of them than [`verify`].
///
/// # Errors
/// The index of the first check that fails.
pub fn verify_batch(checks: &[Check]) -> Result<(), usize> {
    verdict::judge_all(checks)
}

/// Tells whether `output_key` with the given parity of Y is `internal_key + tweak * G` (BIP341).
///
/// False also when a key is no X coordinate of the curve or the tweak is not below the group order.
#[must_use]
pub fn is_tweaked_key(
    output_key: &[u8; 32],
    parity_odd: bool,
    internal_key: &[u8; 32],
    tweak: &[u8; 32],
) -> bool {
    verdict::is_tweaked_key(output_key, parity_odd, internal_key, tweak)
}

/// Tells whether `key` is the X coordinate of a point of the curve (BIP340 `lift_x` succeeds).
#[must_use]
pub fn is_valid_x_only(key: &[u8; 32]) -> bool {
    point::Affine::lift_x(key, false).is_some()
}
