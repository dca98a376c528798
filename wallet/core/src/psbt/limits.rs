//! The limits that a payment is held against.

/// Highest fee in satoshis (0.10 BTC, as Bitcoin Core's wallet).
pub const MAX_FEE_SAT: u64 = 10_000_000;
/// Highest fee rate in satoshis per 1000 virtual bytes (0.10 BTC, as Bitcoin Core's wallet).
pub const MAX_FEE_RATE_SAT_PER_KVB: u64 = 10_000_000;
/// Highest share of the amount sent that a fee may be, in percent.
pub const MAX_FEE_SHARE_PERCENT: u64 = 10;
/// Share of the amount sent from which a fee is warned about, in percent.
pub const WARN_FEE_SHARE_PERCENT: u64 = 5;
/// Fees up to this many satoshis are never held against their share, so that tiny payments work.
pub const FEE_SHARE_FLOOR_SAT: u64 = 10_000;
/// How far past the last known index an own output may lie; coins beyond it would not be found again.
pub const MAX_INDEX_AHEAD: u32 = 10_000;

/// Tells whether a fee is more than `percent` of the sum and above the floor.
pub(super) fn exceeds_share(fee_sat: u64, sum_sat: u64, percent: u64) -> bool {
    fee_sat > FEE_SHARE_FLOOR_SAT
        && u128::from(fee_sat) * 100 > u128::from(sum_sat) * u128::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_share_is_accepted_at_the_limit_and_refused_one_past_it() {
        assert!(!exceeds_share(20_000, 200_000, 10));
        assert!(exceeds_share(20_001, 200_000, 10));
        assert!(!exceeds_share(FEE_SHARE_FLOOR_SAT, 1, 10));
        assert!(exceeds_share(FEE_SHARE_FLOOR_SAT + 1, 1, 10));
        assert!(!exceeds_share(u64::MAX, u64::MAX, 100));
    }
}
