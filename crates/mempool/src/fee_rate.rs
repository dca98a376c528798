//! Fee rates: what miners compare, as whole numbers and as exact fractions.

use std::cmp::Ordering;
use std::fmt;

use synod_primitives::Amount;

/// Vbytes that a rate refers to.
const KVB: i128 = 1_000;

/// A fee rate in satoshis per 1,000 vbytes, rounded down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FeeRate(i64);

impl FeeRate {
    /// No fee.
    pub const ZERO: Self = Self(0);

    /// Makes a rate from satoshis per 1,000 vbytes.
    #[must_use]
    pub const fn from_sat_per_kvb(sat: i64) -> Self {
        Self(sat)
    }

    /// Makes the rate of a fee in satoshis over a size in vbytes, rounded towards zero; zero
    /// for no size.
    #[must_use]
    pub fn of(fee_sat: i128, vsize: u64) -> Self {
        let rate = fee_sat.saturating_mul(KVB).checked_div(i128::from(vsize));
        Self(clamp(rate.unwrap_or(0)))
    }

    /// Returns the satoshis per 1,000 vbytes.
    #[must_use]
    pub const fn sat_per_kvb(self) -> i64 {
        self.0
    }

    /// Returns the fee in satoshis for a size in vbytes, rounded up (Core: `GetFee`).
    #[must_use]
    pub fn fee_for(self, vsize: u64) -> i64 {
        let product = i128::from(self.0) * i128::from(vsize);
        let rounded = product.div_euclid(KVB) + i128::from(product.rem_euclid(KVB) != 0);
        clamp(rounded)
    }

    /// Adds another rate; stays at the greatest when the sum would be above it.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sat/kvB", self.0)
    }
}

const fn clamp(sat: i128) -> i64 {
    if sat > i64::MAX as i128 {
        i64::MAX
    } else if sat < i64::MIN as i128 {
        i64::MIN
    } else {
        sat as i64
    }
}

/// A fee over a size, compared exactly.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Satoshis; negative where an operator took some off.
    pub fee_sat: i64,
    /// Vbytes, at least 1.
    pub vsize: u64,
}

impl Ratio {
    /// Makes the ratio of a fee over a size of at least 1 vbyte. A fee past 64 bits, which only
    /// operators' deltas can add up to, counts as the greatest or the least.
    #[must_use]
    pub const fn new(fee_sat: i128, vsize: u64) -> Self {
        Self {
            fee_sat: clamp(fee_sat),
            vsize,
        }
    }

    /// Rounds to a rate.
    #[must_use]
    pub fn rate(self) -> FeeRate {
        FeeRate::of(i128::from(self.fee_sat), self.vsize)
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        // Correctness: the product of two 64-bit numbers, of which one is signed, has 128 bits.
        let left = i128::from(self.fee_sat).wrapping_mul(i128::from(other.vsize));
        let right = i128::from(other.fee_sat).wrapping_mul(i128::from(self.vsize));
        left.cmp(&right)
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

/// Adds an operator's delta to a fee; stays in the range of 64 bits (attack catalogue M14).
#[must_use]
pub(crate) const fn modified_fee(fee: Amount, delta_sat: i64) -> i64 {
    fee.sat().saturating_add(delta_sat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_rounded_up_and_rates_down() {
        let rate = FeeRate::from_sat_per_kvb(1_001);
        assert_eq!(rate.fee_for(0), 0);
        assert_eq!(rate.fee_for(1), 2);
        assert_eq!(rate.fee_for(1_000), 1_001);
        assert_eq!(FeeRate::from_sat_per_kvb(1).fee_for(1), 1);
        assert_eq!(FeeRate::of(1_999, 2_000).sat_per_kvb(), 999);
        assert_eq!(FeeRate::of(5, 0), FeeRate::ZERO);
        assert_eq!(FeeRate::of(-1_999, 2_000).sat_per_kvb(), -999);
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let most = FeeRate::from_sat_per_kvb(i64::MAX);
        assert_eq!(most.fee_for(u64::MAX), i64::MAX);
        assert_eq!(FeeRate::of(i128::MAX, 1).sat_per_kvb(), i64::MAX);
        assert_eq!(FeeRate::of(i128::MIN, 1).sat_per_kvb(), i64::MIN);
        assert_eq!(most.saturating_add(most), most);
    }

    #[test]
    fn ratios_compare_exactly_where_rates_round() {
        let (less, more) = (Ratio::new(333, 1_000), Ratio::new(334, 1_001));
        assert_eq!(less.rate(), more.rate());
        assert!(less < more);
        assert_eq!(Ratio::new(2, 4), Ratio::new(1, 2));
    }
}
