//! Proof-of-work quantities: compact targets, targets, work and difficulty.

use std::fmt;
use std::str::FromStr;

use crypto_bigint::{NonZero, U256};

use crate::hash::BlockHash;
use crate::hex::{self, HexError};

/// A target in the 4 bytes of the header's `bits` field: an exponent of base 256 and a
/// mantissa of 23 bits with a sign.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CompactTarget(pub u32);

/// A number that no block hash may exceed, above 0 and below 2^256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Target(U256);

/// The expected number of hashes that a block, or a chain of blocks, has cost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Work(U256);

/// Compact bits that stand for no target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TargetError {
    /// The sign bit is set.
    #[error("negative target")]
    Negative,
    /// The mantissa is zero, or was shifted away.
    #[error("target of zero")]
    Zero,
    /// The number has more than 256 bits.
    #[error("target overflows 256 bits")]
    Overflow,
}

impl fmt::Display for CompactTarget {
    /// Writes eight hex digits, as explorers show `bits`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for CompactTarget {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode_array::<4>(text).map(|bytes| Self(u32::from_be_bytes(bytes)))
    }
}

impl CompactTarget {
    /// Expands to the full target (Core: `arith_uint256::SetCompact` with its checks).
    ///
    /// # Errors
    /// A negative number, zero, or more than 256 bits.
    pub fn to_target(self) -> Result<Target, TargetError> {
        let size = self.0 >> 24;
        let mantissa = self.0 & 0x007f_ffff;
        if mantissa != 0 && self.0 & 0x0080_0000 != 0 {
            return Err(TargetError::Negative);
        }
        let overflows =
            size > 34 || (mantissa > 0xff && size > 33) || (mantissa > 0xffff && size > 32);
        if mantissa != 0 && overflows {
            return Err(TargetError::Overflow);
        }
        let value = if size <= 3 {
            U256::from_u32(mantissa >> (8 * (3 - size)))
        } else {
            U256::from_u32(mantissa)
                .overflowing_shl_vartime(8 * (size - 3))
                .unwrap_or(U256::ZERO)
        };
        if value == U256::ZERO {
            Err(TargetError::Zero)
        } else {
            Ok(Target(value))
        }
    }

    /// Returns the difficulty relative to Bitcoin's easiest target of mainnet
    /// (`0x1d00ffff`), for display only. Zero for bits that stand for no target.
    #[must_use]
    pub fn difficulty(self) -> f64 {
        let mantissa = f64::from(self.0 & 0x00ff_ffff);
        if self.to_target().is_err() {
            return 0.0;
        }
        let exponent = 29 - (self.0 >> 24).cast_signed();
        f64::from(0x0000_ffff) / mantissa * 256f64.powi(exponent)
    }
}

impl Target {
    /// The greatest target, 2^256 - 1.
    pub const MAX: Self = Self(U256::MAX);

    /// Writes the target in its compact form, rounded down to 23 bits of mantissa (Core:
    /// `GetCompact`).
    #[must_use]
    pub fn to_compact(self) -> CompactTarget {
        let mut size = self.0.bits_vartime().div_ceil(8);
        let low = |value: U256| u32::try_from(value.as_words()[0] & 0xffff_ffff).expect("masked");
        let mut mantissa = if size <= 3 {
            low(self.0) << (8 * (3 - size))
        } else {
            low(self.0.shr_vartime(8 * (size - 3)))
        };
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            size += 1;
        }
        CompactTarget(mantissa | size << 24)
    }

    /// Says whether a block hash, as a little-endian number, is at most the target.
    #[must_use]
    pub fn is_met_by(self, hash: BlockHash) -> bool {
        U256::from_le_slice(hash.as_bytes()) <= self.0
    }

    /// Returns the expected number of hashes to meet the target: `2^256 / (target + 1)`.
    #[must_use]
    pub fn work(self) -> Work {
        let Some(divisor) = NonZero::new(self.0.wrapping_add(&U256::ONE)).into_option() else {
            return Work(U256::ONE);
        };
        // 2^256 does not fit; (2^256 - target - 1) / (target + 1) + 1 is the same number.
        let (quotient, _) = self.0.not().div_rem_vartime(&divisor);
        Work(quotient.wrapping_add(&U256::ONE))
    }

    /// Multiplies by `numerator / denominator`, rounded down; at most [`Target::MAX`] and
    /// at least 1.
    ///
    /// Bitcoin's retarget does this with the seconds that a period took and should take.
    ///
    /// # Panics
    /// When `denominator` is zero.
    #[must_use]
    pub fn scale(self, numerator: u32, denominator: u32) -> Self {
        let mut limbs = [0u32; 9];
        let mut carry = 0u64;
        for (limb, bytes) in limbs.iter_mut().zip(self.to_le_bytes().chunks_exact(4)) {
            let word = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
            let product = u64::from(word) * u64::from(numerator) + carry;
            *limb = (product & 0xffff_ffff) as u32;
            carry = product >> 32;
        }
        limbs[8] = u32::try_from(carry).expect("a carry is below 2^32");
        let mut remainder = 0u64;
        for limb in limbs.iter_mut().rev() {
            let dividend = remainder << 32 | u64::from(*limb);
            *limb = (dividend / u64::from(denominator)) as u32;
            remainder = dividend % u64::from(denominator);
        }
        if limbs[8] != 0 {
            return Self::MAX;
        }
        let mut bytes = [0u8; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(4).zip(limbs) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        let value = U256::from_le_slice(&bytes);
        Self(if value == U256::ZERO {
            U256::ONE
        } else {
            value
        })
    }

    /// Gives the number's 32 bytes, least significant first: the order of block hashes.
    #[must_use]
    pub fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = self.to_be_bytes();
        bytes.reverse();
        bytes
    }

    /// Gives the number's 32 bytes, most significant first: the order of display.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 32] {
        words_to_be_bytes(self.0)
    }

    /// Takes 32 bytes, most significant first; `None` for zero.
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 32]) -> Option<Self> {
        let value = U256::from_be_slice(&bytes);
        (value != U256::ZERO).then_some(Self(value))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_be_bytes()))
    }
}

impl Work {
    /// No work.
    pub const ZERO: Self = Self(U256::ZERO);

    /// Adds; the sum stays at its greatest value instead of wrapping.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(&other.0))
    }

    /// Subtracts; zero where `other` is greater.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(&other.0))
    }

    /// Gives the number's 32 bytes, most significant first.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 32] {
        words_to_be_bytes(self.0)
    }

    /// Takes 32 bytes, most significant first.
    #[must_use]
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_slice(&bytes))
    }

    /// Gives an approximation, for rates and display only.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.to_be_bytes()
            .iter()
            .fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte))
    }
}

impl Default for Work {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Display for Work {
    /// Writes 64 hex digits, most significant first, as Core's `chainwork`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_be_bytes()))
    }
}

impl FromStr for Work {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode_array::<32>(text).map(Self::from_be_bytes)
    }
}

fn words_to_be_bytes(value: U256) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, word) in bytes.rchunks_exact_mut(8).zip(value.as_words()) {
        chunk.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_targets_expand_and_shrink_as_in_core() {
        // From Core's arith_uint256 tests: value, and what GetCompact gives back.
        for (compact, back) in [
            (0x0112_0000, Some(0x0112_0000)),
            (0x0200_8000, Some(0x0200_8000)),
            (0x0500_9234, Some(0x0500_9234)),
            (0x2012_3456, Some(0x2012_3456)),
            (0x0400_1234, Some(0x0300_1234 - 0x0100_0000 + 0x0012_2200)),
        ] {
            let target = CompactTarget(compact).to_target();
            if compact == 0x0400_1234 {
                assert_eq!(target.map(|t| t.to_compact().0), Ok(0x0312_3400));
            } else {
                assert_eq!(target.map(|t| Some(t.to_compact().0)), Ok(back));
            }
        }
        assert_eq!(
            CompactTarget(0x0492_3456).to_target(),
            Err(TargetError::Negative)
        );
        assert_eq!(
            CompactTarget(0xff12_3456).to_target(),
            Err(TargetError::Overflow)
        );
        assert_eq!(CompactTarget(0).to_target(), Err(TargetError::Zero));
        assert_eq!(
            CompactTarget(0x0080_0000).to_target(),
            Err(TargetError::Zero)
        );
        assert_eq!(
            CompactTarget(0xff00_0000).to_target(),
            Err(TargetError::Zero)
        );
    }

    #[test]
    fn the_regtest_limit_is_half_the_range_and_two_hashes_of_work() {
        let target = CompactTarget(0x207f_ffff).to_target().expect("a target");
        assert!(target.to_string().starts_with("7fffff0000"));
        assert_eq!(target.work().to_be_bytes()[31], 2);
        assert!(target.is_met_by(BlockHash::ZERO));
        assert!(!target.is_met_by(BlockHash::from_bytes([0x80; 32])));
    }

    #[test]
    fn mainnet_work_and_difficulty_at_genesis() {
        let bits = CompactTarget(0x1d00_ffff);
        assert!((bits.difficulty() - 1.0).abs() < 1e-12);
        let work = bits.to_target().expect("a target").work();
        assert_eq!(&work.to_be_bytes()[27..], &[1, 0, 1, 0, 1]);
    }

    #[test]
    fn scaling_rounds_down_and_stays_in_range() {
        let target = CompactTarget(0x1d00_ffff).to_target().expect("a target");
        assert_eq!(target.scale(4, 1).scale(1, 4), target);
        assert_eq!(target.scale(1, 2).to_compact(), CompactTarget(0x1c7f_ff80));
        assert_eq!(Target::MAX.scale(4, 1), Target::MAX);
        let one = Target::from_be_bytes(std::array::from_fn(|i| u8::from(i == 31)));
        assert_eq!(one.map(|t| t.scale(1, 4)), one);
    }
}
