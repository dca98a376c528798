//! Lock times: absolute (BIP113) and relative (BIP68), and the median that they are
//! measured by.

use synod_primitives::transaction::SEQUENCE_FINAL;
use synod_primitives::{Height, Transaction};

use crate::coin::Coin;

/// Lock times below this are heights, from here on seconds since 1970.
pub const LOCK_TIME_THRESHOLD: u32 = 500_000_000;

/// The number of blocks whose median time counts as the time of a chain.
pub const MEDIAN_TIME_SPAN: usize = 11;

/// Switches the relative lock time of an input off (BIP68).
const SEQUENCE_DISABLE: u32 = 1 << 31;
/// Makes a relative lock time one of time and not of blocks (BIP68).
const SEQUENCE_IS_TIME: u32 = 1 << 22;
/// The part of a sequence number that holds the lock time (BIP68).
const SEQUENCE_MASK: u32 = 0xffff;
/// Relative lock times count in units of 2^9 = 512 seconds (BIP68).
const SEQUENCE_GRANULARITY: u32 = 9;
/// The transaction version from which relative lock times are in force, read as unsigned
/// (BIP68).
const SEQUENCE_LEAST_VERSION: u32 = 2;

/// The times of a chain, for relative lock times.
pub trait MedianTimes {
    /// Returns the median time past of the block at `height`: the median time of that block
    /// and the ten before it. Asked only for ancestors of the block in question.
    fn median_time_past(&self, height: Height) -> u32;
}

/// Returns the median of the last 11 of these block times, which stand in chain order; of
/// all of them if they are fewer, 0 if there is none.
#[must_use]
pub fn median_time_past(times: &[u32]) -> u32 {
    let last = &times[times.len().saturating_sub(MEDIAN_TIME_SPAN)..];
    let mut sorted = [0; MEDIAN_TIME_SPAN];
    let sorted = &mut sorted[..last.len()];
    sorted.copy_from_slice(last);
    sorted.sort_unstable();
    sorted.get(last.len() / 2).copied().unwrap_or(0)
}

/// Says whether a transaction may be in a block at `height` whose lock times are measured at
/// `time` (Core: `IsFinalTx`).
#[must_use]
pub fn is_final_transaction(transaction: &Transaction, height: Height, time: u32) -> bool {
    let lock_time = transaction.lock_time();
    let reached = if lock_time < LOCK_TIME_THRESHOLD {
        height.0
    } else {
        time
    };
    lock_time == 0
        || lock_time < reached
        || transaction
            .inputs()
            .iter()
            .all(|input| input.sequence == SEQUENCE_FINAL)
}

/// The last height and time at which a transaction is still locked; `None` where nothing
/// locks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SequenceLocks {
    /// The last height.
    pub height: Option<u64>,
    /// The last median time past, in seconds since 1970.
    pub time: Option<u64>,
}

impl SequenceLocks {
    /// Says whether a block at `height` may contain the transaction, if its parent's median
    /// time past is `parent_median_time` (Core: `EvaluateSequenceLocks`).
    #[must_use]
    pub fn are_open(&self, height: Height, parent_median_time: u32) -> bool {
        self.height.is_none_or(|last| last < u64::from(height.0))
            && self
                .time
                .is_none_or(|last| last < u64::from(parent_median_time))
    }
}

/// Computes until when the relative lock times hold a transaction (Core:
/// `CalculateSequenceLocks` with BIP68 in force).
///
/// `spent` are the coins of the inputs, in their order.
#[must_use]
pub fn sequence_locks(
    transaction: &Transaction,
    spent: &[Coin],
    times: &dyn MedianTimes,
) -> SequenceLocks {
    let mut locks = SequenceLocks::default();
    // Consensus: BIP68 reads the version as an unsigned number.
    if transaction.version().cast_unsigned() < SEQUENCE_LEAST_VERSION {
        return locks;
    }
    for (input, coin) in transaction.inputs().iter().zip(spent) {
        if input.sequence & SEQUENCE_DISABLE != 0 {
            continue;
        }
        let units = u64::from(input.sequence & SEQUENCE_MASK);
        if input.sequence & SEQUENCE_IS_TIME != 0 {
            let before = coin.height.previous().unwrap_or(Height::GENESIS);
            let start = u64::from(times.median_time_past(before));
            let end = (start + (units << SEQUENCE_GRANULARITY)).checked_sub(1);
            locks.time = locks.time.max(end);
        } else {
            let end = (u64::from(coin.height.0) + units).checked_sub(1);
            locks.height = locks.height.max(end);
        }
    }
    locks
}
