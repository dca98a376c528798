//! Scalars split in two halves by the curve's endomorphism (Gallant, Lambert, Vanstone).
//!
//! `lambda * (x, y) = (beta * x, y)` costs one product, so `k * P` becomes
//! `k1 * P + k2 * (lambda * P)` with halves of 128 bits and half as many doublings. The lattice of
//! pairs with `k1 + k2 * lambda = 0` modulo the order has the short basis `(A1, B1)`, `(A2, B2)`;
//! the halves are what remains of `(k, 0)` after subtracting the nearest lattice point
//! (Guide to Elliptic Curve Cryptography, algorithm 3.74).

use crate::field::FieldElement;
use crate::scalar;
use k256::Scalar;

/// A cube root of unity of the field: the endomorphism on X.
pub(crate) const BETA: FieldElement = FieldElement::from_words([
    0xc139_6c28_7195_01ee,
    0x9cf0_4975_12f5_8995,
    0x6e64_479e_ac34_34e9,
    0x7ae9_6a2b_657c_0710,
]);

/// `A1`, which is also `B2`.
const A1: [u64; 3] = [0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd, 0];
const MINUS_B1: [u64; 3] = [0x6f54_7fa9_0abf_e4c3, 0xe443_7ed6_010e_8828, 0];
const A2: [u64; 3] = [0x57c1_108d_9d44_cfd8, 0x14ca_50f7_a8e2_f3f6, 1];

/// `2^384 * B2 / n`, rounded.
const G1: [u64; 4] = [
    0xe893_209a_45db_b031,
    0x3daa_8a14_71e8_ca7f,
    0xe86c_90e4_9284_eb15,
    0x3086_d221_a7d4_6bcd,
];
/// `2^384 * -B1 / n`, rounded.
const G2: [u64; 4] = [
    0x1571_b4ae_8ac4_7f71,
    0x2212_08ac_9df5_06c6,
    0x6f54_7fa9_0abf_e4c4,
    0xe443_7ed6_010e_8828,
];

/// The endomorphism on scalars: a cube root of unity modulo the order.
#[cfg(any(test, target_arch = "x86_64"))]
pub(crate) fn lambda() -> Scalar {
    const LAMBDA: [u8; 32] = [
        0x53, 0x63, 0xad, 0x4c, 0xc0, 0x5c, 0x30, 0xe0, 0xa5, 0x26, 0x1c, 0x02, 0x88, 0x12, 0x64,
        0x5a, 0x12, 0x2e, 0x22, 0xea, 0x20, 0x81, 0x66, 0x78, 0xdf, 0x02, 0x96, 0x7c, 0x1b, 0x23,
        0xbd, 0x72,
    ];
    scalar::reduce(&LAMBDA)
}

/// Digits of a half in non-adjacent form: 128 bits and a carry.
pub(crate) const DIGITS: usize = 130;

/// Half of a scalar, below `0.64 * 2^128` in magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    pub(crate) magnitude: u128,
    pub(crate) is_negative: bool,
}

/// Splits `k` into halves with `k = k1 + k2 * lambda` modulo the order.
pub(crate) fn split(k: &Scalar) -> [Half; 2] {
    let k = words(k);
    let c1 = rounded_quotient(&k, &G1);
    let c2 = rounded_quotient(&k, &G2);
    // Correctness: both results fit 129 bits and a sign (proof: |k1| < (A1 + A2 + 1) / 2 and
    // |k2| < (-B1 + B2) / 2 + 1), so 192 bits in two's complement hold them.
    let low = [k[0], k[1], k[2]];
    let k1 = minus(&minus(&low, &times(&c1, &A1)), &times(&c2, &A2));
    let k2 = minus(&times(&c1, &MINUS_B1), &times(&c2, &A1));
    [Half::new(k1), Half::new(k2)]
}

fn words(k: &Scalar) -> [u64; 4] {
    let bytes: [u8; 32] = k.to_bytes().into();
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_be_bytes(*chunk);
    }
    words
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "splits a double word in two"
)]
/// The lower and the upper word.
pub(crate) fn halves(value: u128) -> (u64, u64) {
    (value as u64, (value >> 64) as u64)
}

/// `k * g / 2^384`, rounded to the nearest integer.
fn rounded_quotient(k: &[u64; 4], g: &[u64; 4]) -> [u64; 3] {
    let mut product = [0u64; 8];
    for (i, a) in k.iter().enumerate() {
        let mut carry = 0;
        for (j, b) in g.iter().enumerate() {
            let sum =
                u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + u128::from(carry);
            (product[i + j], carry) = halves(sum);
        }
        product[i + 4] = carry;
    }
    let (low, carry) = product[6].overflowing_add(product[5] >> 63);
    // Correctness: g is below 2^256 - 2^252, so the upper word cannot overflow.
    [low, product[7] + u64::from(carry), 0]
}

/// The product modulo `2^192`.
fn times(a: &[u64; 3], b: &[u64; 3]) -> [u64; 3] {
    let (low, carry) = halves(u128::from(a[0]) * u128::from(b[0]));
    let mut middle = u128::from(a[0]) * u128::from(b[1]) + u128::from(carry);
    let mut high = a[0]
        .wrapping_mul(b[2])
        .wrapping_add(a[1].wrapping_mul(b[1]));
    high = high
        .wrapping_add(a[2].wrapping_mul(b[0]))
        .wrapping_add(halves(middle).1);
    middle = u128::from(a[1]) * u128::from(b[0]) + u128::from(halves(middle).0);
    let (middle, carry) = halves(middle);
    [low, middle, high.wrapping_add(carry)]
}

/// The difference modulo `2^192`.
fn minus(a: &[u64; 3], b: &[u64; 3]) -> [u64; 3] {
    let (low, borrow0) = a[0].overflowing_sub(b[0]);
    let (middle, borrow1) = a[1].overflowing_sub(b[1]);
    let (middle, borrow2) = middle.overflowing_sub(u64::from(borrow0));
    let high = a[2]
        .wrapping_sub(b[2])
        .wrapping_sub(u64::from(borrow1 | borrow2));
    [low, middle, high]
}

impl Half {
    /// Reads two's complement of 192 bits.
    fn new(value: [u64; 3]) -> Half {
        let is_negative = value[2] >> 63 == 1;
        let value = if is_negative {
            minus(&[0; 3], &value)
        } else {
            value
        };
        debug_assert_eq!(value[2], 0);
        Half {
            magnitude: u128::from(value[0]) | (u128::from(value[1]) << 64),
            is_negative,
        }
    }

    /// The signed digits of the half in width-`w` non-adjacent form: odd ones below `2^(w - 1)` in
    /// magnitude, and zeros; at most one in `w` neighbours is not zero.
    pub(crate) fn non_adjacent_form(&self, w: u32) -> [i16; DIGITS] {
        let mut digits = [0; DIGITS];
        let mut rest = self.magnitude;
        let mut position = 0;
        while rest != 0 {
            let zeros = rest.trailing_zeros();
            rest >>= zeros;
            position += zeros as usize;
            #[expect(clippy::cast_possible_truncation, reason = "w bits remain")]
            let window = (rest & ((1 << w) - 1)) as i16;
            // Correctness: the magnitude is below 0.64 * 2^128, so adding a digit cannot overflow.
            let digit = if window < 1 << (w - 1) {
                rest -= u128::from(window.unsigned_abs());
                window
            } else {
                let digit = window - (1 << w);
                rest += u128::from(digit.unsigned_abs());
                digit
            };
            digits[position] = if self.is_negative { -digit } else { digit };
        }
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn value(half: &Half) -> Scalar {
        let magnitude = Scalar::from(half.magnitude);
        if half.is_negative {
            -magnitude
        } else {
            magnitude
        }
    }

    fn scalars() -> Vec<Scalar> {
        let mut list: Vec<Scalar> = (0..2000u32)
            .map(|seed| scalar::reduce(&Sha256::digest(seed.to_le_bytes()).into()))
            .collect();
        let mut power = Scalar::ONE;
        for _ in 0..256 {
            list.extend([power, -power, power * lambda(), power - Scalar::ONE]);
            power += power;
        }
        list.push(Scalar::ZERO);
        list
    }

    #[test]
    fn halves_are_short_and_make_the_scalar_again() {
        for k in scalars() {
            let [k1, k2] = split(&k);
            assert_eq!(value(&k1) + value(&k2) * lambda(), k);
            for half in [k1, k2] {
                assert!(half.magnitude < 0xa4 << 120, "{half:?}");
            }
        }
    }

    #[test]
    fn digits_are_odd_or_zero_sparse_and_make_the_half_again() {
        let mut list: Vec<Half> = scalars().iter().flat_map(split).collect();
        list.push(Half {
            magnitude: (0xa4 << 120) - 1,
            is_negative: true,
        });
        for half in list {
            for w in [5, 12] {
                let digits = half.non_adjacent_form(w);
                let sum = digits.iter().rev().fold(Scalar::ZERO, |sum, &digit| {
                    let magnitude = Scalar::from(u64::from(digit.unsigned_abs()));
                    sum + sum + if digit < 0 { -magnitude } else { magnitude }
                });
                assert_eq!(sum, value(&half));
                for run in digits.windows(w as usize) {
                    assert!(run.iter().filter(|&&digit| digit != 0).count() <= 1);
                }
                let is_fine =
                    |digit: &i16| *digit == 0 || (digit % 2 != 0 && digit.abs() < 1 << (w - 1));
                assert!(digits.iter().all(is_fine));
            }
        }
    }
}
