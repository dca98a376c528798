//! The least fee of a transaction or package.

use crate::pool::Mempool;
use crate::rejected::Rejected;

/// Checks a fee, with deltas, against the mempool's minimum and that for relay (Core:
/// `CheckFeeRate`).
pub(crate) fn check_fee(
    mempool: &Mempool,
    now: u64,
    fee_sat: i64,
    vsize: u64,
) -> Result<(), Rejected> {
    let required_sat = mempool.mempool_min_fee(now).fee_for(vsize);
    if required_sat > 0 && fee_sat < required_sat {
        return Err(Rejected::MempoolMinFee {
            fee_sat,
            required_sat,
        });
    }
    let required_sat = mempool.policy.min_relay_fee.fee_for(vsize);
    if fee_sat < required_sat {
        return Err(Rejected::MinRelayFee {
            fee_sat,
            required_sat,
            by_package: true,
        });
    }
    Ok(())
}
