//! Scalars: integers modulo the order of the group.

use k256::Scalar;
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::ops::Reduce;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The order of the group, big-endian.
pub(crate) const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// Half of the order, rounded down: the largest S that counts as low (BIP62 rule 5).
pub(crate) const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// SHA-256 after the two hashed tags of BIP340's challenge.
static CHALLENGE: LazyLock<Sha256> = LazyLock::new(|| {
    let tag = Sha256::digest(b"BIP0340/challenge");
    Sha256::new().chain_update(tag).chain_update(tag)
});

/// Reads a scalar that must be below the group order.
pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_repr((*bytes).into()).into_option()
}

/// Reads a scalar that must be below the group order and not zero.
pub(crate) fn from_bytes_non_zero(bytes: &[u8; 32]) -> Option<Scalar> {
    from_bytes(bytes).filter(|scalar| *scalar != Scalar::ZERO)
}

/// Reads 32 bytes modulo the group order.
pub(crate) fn reduce(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<k256::FieldBytes>>::reduce(&(*bytes).into())
}

/// Replaces an S in the upper half of the order by its negative.
///
/// Consensus: nodes do so before they verify. `s` and `n - s` lead to R and -R, whose X is one and
/// the same, so the verdict never changes; low S itself is a rule of policy.
pub(crate) fn to_lower_half(s: [u8; 32]) -> [u8; 32] {
    if s <= HALF_ORDER {
        return s;
    }
    from_bytes(&s).map_or(s, |scalar| scalar.negate().to_bytes().into())
}

/// The challenge `e` of BIP340: the tagged hash of R's X, the key and the message, modulo the order.
pub(crate) fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = CHALLENGE
        .clone()
        .chain_update(r)
        .chain_update(key)
        .chain_update(message);
    reduce(&hash.finalize().into())
}

/// Inverts scalars, none of which is zero, for the price of one inversion and three products each.
pub(crate) fn invert_all<'a>(scalars: impl Iterator<Item = &'a mut Scalar>) {
    let mut product = Scalar::ONE;
    let mut steps: Vec<(&mut Scalar, Scalar)> = Vec::with_capacity(scalars.size_hint().0);
    for scalar in scalars {
        let before = product;
        product *= &*scalar;
        steps.push((scalar, before));
    }
    // Correctness: a product of scalars that are not zero is not zero, the order being prime.
    let Some(mut inverse) = product.invert_vartime().into_option() else {
        return;
    };
    for (scalar, before) in steps.into_iter().rev() {
        let inverted = inverse * before;
        inverse *= &*scalar;
        *scalar = inverted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minus_one(mut bytes: [u8; 32]) -> [u8; 32] {
        bytes[31] -= 1;
        bytes
    }

    #[test]
    fn the_order_is_refused_and_one_less_is_read() {
        assert!(from_bytes(&ORDER).is_none());
        assert_eq!(from_bytes(&minus_one(ORDER)), Some(-Scalar::ONE));
        assert_eq!(reduce(&ORDER), Scalar::ZERO);
    }

    #[test]
    fn s_at_half_the_order_is_low_and_one_more_is_high() {
        let mut high = HALF_ORDER;
        high[31] += 1;
        assert_eq!(to_lower_half(HALF_ORDER), HALF_ORDER);
        assert_eq!(to_lower_half(high), HALF_ORDER);
        let mut one = [0; 32];
        one[31] = 1;
        assert_eq!(to_lower_half(minus_one(ORDER)), one);
        assert_eq!(to_lower_half([0; 32]), [0; 32]);
    }

    #[test]
    fn a_batch_of_inverses_inverts_each() {
        for count in 0..20u32 {
            let scalars: Vec<Scalar> = (1..=count).map(|seed| Scalar::from(seed * 77)).collect();
            let mut inverses = scalars.clone();
            invert_all(inverses.iter_mut());
            for (scalar, inverse) in scalars.iter().zip(&inverses) {
                assert_eq!(scalar * inverse, Scalar::ONE);
            }
        }
    }
}
