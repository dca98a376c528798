//! Amounts of money in satoshis.

use std::fmt;
use std::iter::Sum;

/// An amount in satoshis, signed as on the wire.
///
/// The encoding can hold any 64-bit value, so an `Amount` may lie outside the money
/// range; rules ask [`Amount::is_in_range`] and do arithmetic with the checked
/// methods only (CVE-2010-5139 was an unchecked sum).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Amount(i64);

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// One bitcoin, 100,000,000 satoshis.
    pub const COIN: Self = Self(100_000_000);
    /// The upper end of the money range, 21 million bitcoin.
    pub const MAX_MONEY: Self = Self(21_000_000 * 100_000_000);

    /// Makes an amount from satoshis, whatever their range.
    #[must_use]
    pub const fn from_sat(sat: i64) -> Self {
        Self(sat)
    }

    /// Returns the amount in satoshis.
    #[must_use]
    pub const fn sat(self) -> i64 {
        self.0
    }

    /// Returns the amount in satoshis as an unsigned number, zero when negative.
    #[must_use]
    pub fn to_sat_unsigned(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// Says whether the amount lies in `0..=MAX_MONEY` (Core: `MoneyRange`).
    #[must_use]
    pub const fn is_in_range(self) -> bool {
        self.0 >= 0 && self.0 <= Self::MAX_MONEY.0
    }

    /// Adds; `None` on overflow of 64 bits.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Subtracts; `None` on overflow of 64 bits.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }
}

impl fmt::Display for Amount {
    /// Writes whole satoshis with their unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sat", self.0)
    }
}

impl Sum<Amount> for Option<Amount> {
    fn sum<I: Iterator<Item = Amount>>(mut iter: I) -> Self {
        iter.try_fold(Amount::ZERO, Amount::checked_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_money_range_ends_at_21_million() {
        assert!(Amount::MAX_MONEY.is_in_range());
        assert!(!Amount::from_sat(Amount::MAX_MONEY.sat() + 1).is_in_range());
        assert!(!Amount::from_sat(-1).is_in_range());
        assert!(Amount::ZERO.is_in_range());
    }

    #[test]
    fn a_sum_past_64_bits_is_none() {
        let huge = Amount::from_sat(i64::MAX);
        let sum: Option<Amount> = [huge, Amount::from_sat(1)].into_iter().sum();
        assert_eq!(sum, None);
    }
}
