//! What the next blocks would hold, if nothing else came, and the fees that follow from it.

use synod_primitives::Amount;

use super::TemplateLimits;
use super::builder::{Builder, Placed};
use crate::fee_rate::FeeRate;
use crate::pool::Mempool;

/// The most blocks that are projected.
pub const MAX_PROJECTED_BLOCKS: usize = 32;
/// The percentiles of a projected block's fee rates.
const PERCENTILES: [usize; 7] = [0, 10, 25, 50, 75, 90, 100];
/// A projected block that is filled to this part of its limit has no room to spare: percent.
const FULL_PERCENT: u64 = 95;

/// What a coming block would hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectedBlock {
    /// Transactions.
    pub count: usize,
    /// Their sizes in bytes, witnesses included.
    pub size: u64,
    /// Their virtual sizes in vbytes.
    pub vsize: u64,
    /// Their weights.
    pub weight: u64,
    /// Their fees.
    pub total_fees: Amount,
    /// The rate that half of the block's size pays at least, each transaction at the rate that
    /// it was chosen for.
    pub median_fee_rate: FeeRate,
    /// The rates at the percentiles 0, 10, 25, 50, 75, 90 and 100 of the transactions.
    pub fee_range: [FeeRate; PERCENTILES.len()],
    /// Whether there is no room to spare.
    pub is_full: bool,
}

/// The fee rates that let a transaction be confirmed soon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeeEstimates {
    /// For each of the next blocks the rate that should bring a transaction into it or one
    /// before, falling.
    pub by_block: Vec<FeeRate>,
    /// The least rate that is admitted at all.
    pub minimum: FeeRate,
}

impl FeeEstimates {
    /// Returns the rate for confirmation within `blocks` blocks.
    #[must_use]
    pub fn within(&self, blocks: usize) -> FeeRate {
        let rate = self.by_block.get(blocks.saturating_sub(1));
        rate.copied().unwrap_or(self.minimum)
    }
}

/// Entries of similar fee rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistogramBin {
    /// The lowest rate among them.
    pub fee_rate: FeeRate,
    /// Their virtual sizes in vbytes.
    pub vsize: u64,
}

impl Mempool {
    /// Projects the next blocks, at most `count` and [`MAX_PROJECTED_BLOCKS`]; fewer when the
    /// entries do not fill them.
    #[must_use]
    pub fn projected_blocks(&self, limits: &TemplateLimits, count: usize) -> Vec<ProjectedBlock> {
        let mut builder = Builder::new(&self.graph);
        let mut blocks = Vec::new();
        while blocks.len() < count.min(MAX_PROJECTED_BLOCKS) {
            let filled = builder.fill(limits);
            if filled.placed.is_empty() {
                break;
            }
            let is_full = is_nearly(filled.weight, limits.max_weight, limits.reserved_weight)
                || is_nearly(
                    filled.sigop_cost,
                    limits.max_sigop_cost,
                    limits.reserved_sigop_cost,
                );
            blocks.push(self.project(&filled.placed, is_full));
        }
        blocks
    }

    fn project(&self, placed: &[Placed], is_full: bool) -> ProjectedBlock {
        let mut block = ProjectedBlock {
            count: placed.len(),
            size: 0,
            vsize: 0,
            weight: 0,
            total_fees: Amount::ZERO,
            median_fee_rate: FeeRate::ZERO,
            fee_range: [FeeRate::ZERO; PERCENTILES.len()],
            is_full,
        };
        let mut fees_sat: i64 = 0;
        let mut rates = Vec::with_capacity(placed.len());
        for placed in placed {
            let entry = self.graph.entry(placed.slot);
            block.size += entry.transaction().size() as u64;
            block.vsize += entry.cost().vsize;
            block.weight += entry.cost().weight;
            fees_sat = fees_sat.saturating_add(entry.cost().fee.sat());
            rates.push((placed.rate.rate(), entry.cost().vsize));
        }
        block.total_fees = Amount::from_sat(fees_sat);
        rates.sort_unstable();
        block.median_fee_rate = median(&rates, block.vsize);
        let last = rates.len().saturating_sub(1);
        block.fee_range = PERCENTILES.map(|percent| {
            rates
                .get(last * percent / 100)
                .map_or(FeeRate::ZERO, |r| r.0)
        });
        block
    }

    /// Estimates fee rates from the projected blocks; `now` in seconds since 1970.
    ///
    /// Where a block has no room to spare, a transaction has to pay more than the least that
    /// is in it; elsewhere the least that is admitted is enough.
    #[must_use]
    pub fn fee_estimates(&self, projected: &[ProjectedBlock], now: u64) -> FeeEstimates {
        let minimum = self.min_fee_rate(now);
        let step = self.policy.incremental_relay_fee;
        let mut by_block: Vec<FeeRate> = projected
            .iter()
            .map(|block| match block.is_full {
                true => block.fee_range[0].saturating_add(step).max(minimum),
                false => minimum,
            })
            .collect();
        // A package chosen late may pay more than one before it: estimates only fall.
        for index in 1..by_block.len() {
            by_block[index] = by_block[index].min(by_block[index - 1]);
        }
        FeeEstimates { by_block, minimum }
    }

    /// Sorts the entries by their fee rate into bins of at least `bin_vsize` vbytes, the
    /// highest rate first.
    #[must_use]
    pub fn fee_histogram(&self, bin_vsize: u64) -> Vec<HistogramBin> {
        let entries = self.entries(None);
        let mut rates: Vec<(FeeRate, u64)> = entries
            .map(|entry| (entry.fee_rate(), entry.cost().vsize))
            .collect();
        rates.sort_unstable();
        let mut bins = Vec::new();
        let mut open = HistogramBin {
            fee_rate: FeeRate::ZERO,
            vsize: 0,
        };
        for (fee_rate, vsize) in rates.into_iter().rev() {
            open = HistogramBin {
                fee_rate,
                vsize: open.vsize + vsize,
            };
            if open.vsize > bin_vsize {
                bins.push(open);
                open.vsize = 0;
            }
        }
        if open.vsize > 0 {
            bins.push(open);
        }
        bins
    }
}

/// Says whether what is used leaves no room to spare below a limit.
fn is_nearly(used: u64, limit: u64, reserved: u64) -> bool {
    used.saturating_mul(100) >= limit.saturating_sub(reserved).saturating_mul(FULL_PERCENT)
}

/// The rate at the middle of the size; `rates` are sorted, each with its size.
fn median(rates: &[(FeeRate, u64)], vsize: u64) -> FeeRate {
    let mut before = 0;
    for (rate, size) in rates {
        before += size;
        if before * 2 >= vsize {
            return *rate;
        }
    }
    FeeRate::ZERO
}
