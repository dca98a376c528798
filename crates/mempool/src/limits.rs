//! What keeps the mempool small: expiry, eviction, and the minimum fee that rises with it.

use crate::event::Removal;
use crate::fee_rate::FeeRate;
use crate::graph::{Slot, Slots};
use crate::pool::Mempool;

/// Seconds in which the minimum fee falls by half, when the mempool is at least half full.
pub const ROLLING_FEE_HALF_LIFE_S: u64 = 12 * 60 * 60;
/// Seconds before the fall of the minimum fee is computed again.
const ROLLING_FEE_STEP_S: u64 = 10;

/// One in the fixed-point numbers of this module.
const ONE: u128 = 1 << 32;
/// Bits of a half-life's fraction that are considered.
const FRACTION_BITS: usize = 32;

/// The minimum fee rate that eviction raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RollingFee {
    /// Satoshis per 1,000 vbytes, times 2^32.
    rate: u128,
    updated_at: u64,
    /// Whether a block has been connected since the rate rose last: only then it falls.
    has_block_since: bool,
}

impl RollingFee {
    /// The rate as it has fallen by `now` (Core: `GetMinFee`).
    fn fallen(mut self, now: u64, half_life_s: u64, incremental: FeeRate) -> Self {
        if !self.has_block_since || self.rate == 0 || now <= self.updated_at + ROLLING_FEE_STEP_S {
            return self;
        }
        let elapsed = now - self.updated_at;
        self.rate = halve(self.rate, elapsed, half_life_s);
        self.updated_at = now;
        let half_step = u128::from(incremental.sat_per_kvb().unsigned_abs()) * ONE / 2;
        if self.rate < half_step {
            self.rate = 0;
        }
        self
    }

    fn minimum(&self, incremental: FeeRate) -> FeeRate {
        let rounded = (self.rate + ONE / 2) / ONE;
        let rate = FeeRate::from_sat_per_kvb(i64::try_from(rounded).unwrap_or(i64::MAX));
        match self.rate {
            0 => FeeRate::ZERO,
            _ if self.has_block_since => rate.max(incremental),
            _ => rate,
        }
    }

    fn raise_to(&mut self, rate: FeeRate) {
        let raised = u128::try_from(rate.sat_per_kvb()).unwrap_or(0) * ONE;
        if raised > self.rate {
            self.rate = raised;
            self.has_block_since = false;
        }
    }

    pub(crate) fn note_block(&mut self, now: u64) {
        self.updated_at = now;
        self.has_block_since = true;
    }
}

/// Computes `value / 2^(elapsed / half_life)`.
///
/// The whole half-lives are shifts; of the rest, each binary digit stands for a factor of
/// which the next one is the square root.
fn halve(value: u128, elapsed: u64, half_life: u64) -> u128 {
    let half_life = half_life.max(1);
    let Ok(shift) = u32::try_from(elapsed / half_life) else {
        return 0;
    };
    let mut value = value.checked_shr(shift).unwrap_or(0);
    let fraction = u128::from(elapsed % half_life) * ONE / u128::from(half_life);
    let mut factor = ONE / 2;
    for bit in (0..FRACTION_BITS).rev() {
        factor = (factor * ONE).isqrt();
        if (fraction >> bit) & 1 == 1 {
            // Correctness: rates are 64-bit numbers times 2^32, so the high half times the
            // factor cannot overflow.
            value = (value >> 32) * factor + (((value & (ONE - 1)) * factor) >> 32);
        }
    }
    value
}

impl Mempool {
    /// Returns the least fee rate that the mempool admits beside that for relay: zero unless
    /// it was full lately. `now` in seconds since 1970.
    #[must_use]
    pub fn mempool_min_fee(&self, now: u64) -> FeeRate {
        self.fallen_fee(now)
            .minimum(self.policy.incremental_relay_fee)
    }

    /// Returns the least fee rate that is admitted now; `now` in seconds since 1970. This is
    /// what peers are told not to announce anything below of.
    #[must_use]
    pub fn min_fee_rate(&self, now: u64) -> FeeRate {
        self.mempool_min_fee(now).max(self.policy.min_relay_fee)
    }

    fn fallen_fee(&self, now: u64) -> RollingFee {
        let (bytes, limit) = (self.graph.totals().bytes, self.policy.max_bytes);
        let half_life_s = match bytes {
            bytes if bytes < limit / 4 => ROLLING_FEE_HALF_LIFE_S / 4,
            bytes if bytes < limit / 2 => ROLLING_FEE_HALF_LIFE_S / 2,
            _ => ROLLING_FEE_HALF_LIFE_S,
        };
        self.rolling_fee
            .fallen(now, half_life_s, self.policy.incremental_relay_fee)
    }

    /// Drops what waited too long, then what pays least until the rest fits the limit; `now`
    /// in seconds since 1970. Happens by itself whenever a transaction is admitted.
    pub fn enforce_limits(&mut self, now: u64) {
        self.rolling_fee = self.fallen_fee(now);
        self.expire(now);
        self.trim();
    }

    fn expire(&mut self, now: u64) {
        let Some(oldest_kept) = now.checked_sub(self.policy.expiry_s) else {
            return;
        };
        let arrivals = self.graph.orders().by_arrival(None);
        let is_old = |slot: &Slot| self.graph.entry(*slot).arrival.time < oldest_kept;
        let expired: Slots = arrivals.take_while(is_old).collect();
        self.remove_with_descendants(expired, Removal::Expired);
    }

    fn trim(&mut self) {
        while self.graph.totals().bytes > self.policy.max_bytes
            && let Some(slot) = self.graph.orders().first_to_evict()
        {
            // Security: the minimum rises above what was evicted, so that filling the mempool
            // again with the same rate is not free.
            let removed = self.graph.entry(slot).descendants.ratio().rate();
            let minimum = removed.saturating_add(self.policy.incremental_relay_fee);
            self.rolling_fee.raise_to(minimum);
            self.remove_with_descendants(Slots::from([slot]), Removal::Evicted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INCREMENTAL: FeeRate = FeeRate::from_sat_per_kvb(1_000);

    fn raised(rate: i64) -> RollingFee {
        let mut fee = RollingFee::default();
        fee.raise_to(FeeRate::from_sat_per_kvb(rate));
        fee
    }

    fn rate_after(fee: RollingFee, now: u64) -> i64 {
        let fallen = fee.fallen(now, ROLLING_FEE_HALF_LIFE_S, INCREMENTAL);
        fallen.minimum(INCREMENTAL).sat_per_kvb()
    }

    #[test]
    fn the_minimum_stays_until_a_block_comes() {
        assert_eq!(rate_after(raised(8_000), 1_000_000), 8_000);
    }

    #[test]
    fn m09_the_minimum_halves_in_twelve_hours_and_ends_at_zero() {
        let mut fee = raised(8_000);
        fee.note_block(1_000);
        let after = |hours: u64| rate_after(fee, 1_000 + hours * 3_600);
        assert_eq!(after(0), 8_000);
        assert_eq!(after(6), 5_657);
        assert_eq!(after(12), 4_000);
        assert_eq!(after(24), 2_000);
        assert_eq!(after(36), 1_000);
        assert_eq!(
            after(40),
            1_000,
            "not below the increment until it is below half of it"
        );
        assert_eq!(after(49), 0);
    }

    #[test]
    fn many_small_steps_fall_as_one_large_one() {
        let mut fee = raised(1_000_000);
        fee.note_block(0);
        let mut stepped = fee;
        for now in (0..=43_200).step_by(11) {
            stepped = stepped.fallen(now, ROLLING_FEE_HALF_LIFE_S, INCREMENTAL);
        }
        let rate = stepped.minimum(INCREMENTAL).sat_per_kvb();
        assert!((500_000..500_100).contains(&rate), "{rate}");
    }

    #[test]
    fn the_greatest_rate_and_the_longest_time_do_not_overflow() {
        let mut fee = raised(i64::MAX);
        fee.note_block(0);
        assert_eq!(rate_after(fee, 10), i64::MAX);
        assert_eq!(rate_after(fee, u64::MAX), 0);
        assert!(rate_after(fee, 43_199) > i64::MAX / 2);
        assert_eq!(halve(1, 5, 0), 0);
    }
}
