//! Scalars as signed digits in fixed windows, none of which is zero.
//!
//! With `L` bits `v_i`, the sum of `(2 v_i - 1) 2^i` is `2v - (2^L - 1)`. Cut into windows of `w`
//! bits it has the digits `2V - (2^w - 1)`: all odd, and no carry runs between them. A scalar `k`
//! becomes two such sums, one for a point and one for its image: with `s = (k - 1 - lambda) / 2`,
//! split in halves, and `v = half + 2^(L - 1)`, they add up to `2s + 1 + lambda = k`.

use crate::glv::{self, Half};
use k256::Scalar;
use k256::elliptic_curve::PrimeField;
use std::sync::LazyLock;

/// Halves are below `2^128` in magnitude, so `L` must be at least 129.
const MIN_BITS: u32 = 129;

/// `(1 + lambda) / 2` modulo the order.
static HALF_OFFSET: LazyLock<Scalar> =
    LazyLock::new(|| (Scalar::ONE + glv::lambda()) * Scalar::TWO_INV);

/// `v`, little-endian.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    words: [u64; 3],
    width: u32,
}

/// An odd digit: the table's index of its magnitude, and its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digit {
    pub(super) index: usize,
    pub(super) is_negative: bool,
}

/// Windows for a point and for its image, whose sums make `k`.
pub(super) fn split(k: &Scalar, width: u32) -> [Windows; 2] {
    let halved = k * &Scalar::TWO_INV - *HALF_OFFSET;
    glv::split(&halved).map(|half| Windows::new(half, width))
}

/// The number of windows of this width.
pub(super) const fn count(width: u32) -> u32 {
    MIN_BITS.div_ceil(width)
}

impl Windows {
    fn new(half: Half, width: u32) -> Windows {
        let bits = count(width) * width;
        // Correctness: bits is 129 to 191, so the offset lies in the third word and is larger
        // than the magnitude: neither sum nor difference leaves the range 0 to 2^bits.
        let offset = 1u64 << (bits - 1 - 128);
        let (value, third) = if half.is_negative {
            let (value, borrow) = 0u128.overflowing_sub(half.magnitude);
            (value, offset - u64::from(borrow))
        } else {
            (half.magnitude, offset)
        };
        let (low, high) = glv::halves(value);
        Windows {
            words: [low, high, third],
            width,
        }
    }

    /// The digit of the window that starts at `bit`.
    #[inline]
    pub(super) fn digit(&self, bit: u32) -> Digit {
        let (word, shift) = ((bit / 64) as usize, bit % 64);
        let mut window = self.words[word] >> shift;
        if shift + self.width > 64 && word < 2 {
            window |= self.words[word + 1] << (64 - shift);
        }
        let half = 1usize << (self.width - 1);
        #[expect(clippy::cast_possible_truncation, reason = "at most 16 bits remain")]
        let window = (window & ((1 << self.width) - 1)) as usize;
        if window >= half {
            Digit {
                index: window - half,
                is_negative: false,
            }
        } else {
            Digit {
                index: half - 1 - window,
                is_negative: true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar;
    use sha2::{Digest as _, Sha256};

    fn value(windows: &Windows) -> Scalar {
        let radix = Scalar::from(1u64 << windows.width);
        (0..count(windows.width))
            .rev()
            .fold(Scalar::ZERO, |sum, number| {
                let digit = windows.digit(number * windows.width);
                let magnitude = Scalar::from(2 * digit.index as u64 + 1);
                sum * radix
                    + if digit.is_negative {
                        -magnitude
                    } else {
                        magnitude
                    }
            })
    }

    #[test]
    fn digits_make_the_scalar_again() {
        let mut scalars: Vec<Scalar> = (0..500u32)
            .map(|seed| scalar::reduce(&Sha256::digest(seed.to_le_bytes()).into()))
            .collect();
        scalars.extend((0..20u32).flat_map(|k| [Scalar::from(k), -Scalar::from(k)]));
        scalars.extend((0..20u32).map(|k| glv::lambda() * Scalar::from(k)));
        for k in scalars {
            for width in [4, 5, 11, 13] {
                let [point, image] = split(&k, width);
                assert_eq!(value(&point) + value(&image) * glv::lambda(), k);
            }
        }
    }

    #[test]
    fn digits_at_the_ends_of_the_range_are_in_the_table() {
        let magnitude = (0xa4 << 120) - 1;
        for is_negative in [false, true] {
            let windows = Windows::new(
                Half {
                    magnitude,
                    is_negative,
                },
                5,
            );
            for number in 0..count(5) {
                assert!(windows.digit(number * 5).index < 16);
            }
        }
    }
}
