//! How signatures and keys have to be written, by flag.

use super::machine::{Machine, Role};
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::sighash::{SIGHASH_ALL, SIGHASH_ANYONECANPAY, SIGHASH_SINGLE};

/// The order of secp256k1's group, big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];
/// Half of the order, rounded down: the highest S that is low.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

impl Machine<'_, '_, '_, '_> {
    /// Checks how a signature and the key beside it are written.
    pub(super) fn require_encoding(&self, signature: &[u8], key: &[u8]) -> Result<(), ScriptError> {
        require_encoding(self.spend.flags, &self.role, signature, key)
    }
}

/// Checks how a signature and the key beside it are written.
pub(super) fn require_encoding(
    flags: Flags,
    role: &Role,
    signature: &[u8],
    key: &[u8],
) -> Result<(), ScriptError> {
    if !signature.is_empty() {
        require_signature_encoding(flags, signature)?;
    }
    if flags.contains(Flags::STRICTENC) && !is_key_form(key) {
        return Err(ScriptError::PubkeyType);
    }
    if flags.contains(Flags::WITNESS_PUBKEYTYPE)
        && matches!(role, Role::WitnessV0)
        && !is_compressed_key(key)
    {
        return Err(ScriptError::WitnessPubkeyType);
    }
    Ok(())
}

fn require_signature_encoding(flags: Flags, signature: &[u8]) -> Result<(), ScriptError> {
    let strict = Flags::DERSIG | Flags::LOW_S | Flags::STRICTENC;
    if !flags.intersects(strict) {
        return Ok(());
    }
    let Some((r, s)) = split_strict_der(signature) else {
        return Err(ScriptError::SigDer);
    };
    if flags.contains(Flags::LOW_S) && is_high_s(r, s) {
        return Err(ScriptError::SigHighS);
    }
    if flags.contains(Flags::STRICTENC) && !is_defined_hash_type(signature) {
        return Err(ScriptError::SigHashtype);
    }
    Ok(())
}

/// Says whether a signature is strict DER (BIP66) with its S in the lower half and the hash type
/// ALL: the only form of an owner's signature over stake.
#[must_use]
pub fn is_canonical_signature(signature: &[u8]) -> bool {
    let is_all = signature.last() == Some(&1);
    is_all && split_strict_der(signature).is_some_and(|(r, s)| !is_high_s(r, s))
}

/// Splits a signature with its hash type into R and S; `None` unless it is strict DER (BIP66).
fn split_strict_der(signature: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_hash_type, der) = signature.split_last()?;
    let [0x30, length, body @ ..] = der else {
        return None;
    };
    // BIP66 limits the whole to 73 bytes with its hash type.
    if usize::from(*length) != body.len() || signature.len() > 73 {
        return None;
    }
    let (r, rest) = split_integer(body)?;
    let (s, rest) = split_integer(rest)?;
    rest.is_empty().then_some((r, s))
}

/// Splits off a positive integer without needless zeros.
fn split_integer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length, rest @ ..] = bytes else {
        return None;
    };
    let (integer, rest) = rest.split_at_checked(usize::from(*length))?;
    let is_canonical = match *integer {
        [] => false,
        [0, second, ..] => second & 0x80 != 0,
        [first, ..] => first & 0x80 == 0,
    };
    is_canonical.then_some((integer, rest))
}

/// Says whether S lies in the upper half of the order.
///
/// An R or S that is not below the order is no scalar at all and counts as low, as in Core.
fn is_high_s(r: &[u8], s: &[u8]) -> bool {
    match (to_scalar(r), to_scalar(s)) {
        (Some(_), Some(s)) => s > HALF_ORDER,
        _ => false,
    }
}

fn to_scalar(integer: &[u8]) -> Option<[u8; 32]> {
    let digits = integer.strip_prefix(&[0]).unwrap_or(integer);
    let mut bytes = [0; 32];
    let start = 32usize.checked_sub(digits.len())?;
    bytes[start..].copy_from_slice(digits);
    (bytes < ORDER).then_some(bytes)
}

fn is_defined_hash_type(signature: &[u8]) -> bool {
    signature.last().is_some_and(|byte| {
        let kind = u32::from(*byte) & !SIGHASH_ANYONECANPAY;
        (SIGHASH_ALL..=SIGHASH_SINGLE).contains(&kind)
    })
}

fn is_compressed_key(key: &[u8]) -> bool {
    key.len() == 33 && matches!(key[0], 2 | 3)
}

fn is_key_form(key: &[u8]) -> bool {
    is_compressed_key(key) || (key.len() == 65 && key[0] == 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(r: &[u8], s: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
        let body = [&[2, length(r)], r, &[2, length(s)], s].concat();
        [&[0x30, length(&body)], &body[..], &[1]].concat()
    }

    #[test]
    fn integers_without_needless_zeros_are_strict() {
        let is_strict = |r: &[u8], s: &[u8]| split_strict_der(&signature(r, s)).is_some();
        assert!(is_strict(&[1], &[0]));
        assert!(is_strict(&[0, 0x80], &[0x7f; 33]));
        assert!(!is_strict(&[0, 0x7f], &[1]));
        assert!(!is_strict(&[1], &[0x80]));
        assert!(!is_strict(&[], &[1]));
        assert!(!is_strict(&[1], &[]));
        assert!(is_strict(&[1; 33], &[1; 33]), "73 bytes");
        assert!(!is_strict(&[1; 34], &[1; 33]), "74 bytes");
    }

    #[test]
    fn every_truncation_and_extension_is_refused() {
        let whole = signature(&[5; 32], &[6; 32]);
        for end in 0..whole.len() {
            assert!(split_strict_der(&whole[..end]).is_none());
        }
        let longer = [&whole[..], &[1]].concat();
        assert!(split_strict_der(&longer).is_none());
    }

    #[test]
    fn half_the_order_is_low_and_one_more_is_high() {
        let mut more = HALF_ORDER;
        more[31] += 1;
        assert!(!is_high_s(&[1], &HALF_ORDER));
        assert!(is_high_s(&[1], &more));
        assert!(!is_high_s(&[1], &[&[0], &ORDER[..]].concat()));
        assert!(!is_high_s(&[&[0], &ORDER[..]].concat(), &more));
    }

    #[test]
    fn defined_hash_types_are_six() {
        let defined: Vec<u8> = (0..=255)
            .filter(|byte| is_defined_hash_type(&[*byte]))
            .collect();
        assert_eq!(defined, [1, 2, 3, 0x81, 0x82, 0x83]);
    }
}
