//! What to mine: the entries that pay most for their place, parents before children.
//!
//! Entries are kept in the order of their rate with ancestors, so choosing a block costs what
//! the block holds, not what the mempool holds. The next block itself is kept as well: with each
//! change it costs what comes after that change.

mod builder;
mod next;
mod packages;
mod projected;

pub(crate) use next::NextBlock;
pub(crate) use packages::PackageKey;

pub use projected::{FeeEstimates, HistogramBin, MAX_PROJECTED_BLOCKS, ProjectedBlock};

use std::sync::Arc;

use synod_ledger::MAX_BLOCK_SIGOP_COST;
use synod_primitives::{Amount, Height, Transaction, Weight};

use crate::fee_rate::FeeRate;
use crate::pool::Mempool;
use builder::Builder;

/// What a template may hold, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TemplateLimits {
    /// The greatest weight of the block.
    pub max_weight: u64,
    /// What is kept free of it for the header, the count and the coinbase.
    pub reserved_weight: u64,
    /// The greatest cost of the block's signature operations.
    pub max_sigop_cost: u64,
    /// What is kept free of it for the coinbase.
    pub reserved_sigop_cost: u64,
    /// The least fee rate of a transaction with its ancestors.
    pub min_fee_rate: FeeRate,
    /// The block's height.
    pub height: Height,
    /// The median time of the block before and the ten before that.
    pub median_time: u32,
}

impl TemplateLimits {
    /// Returns Bitcoin Core 28's limits, with all of a block's weight.
    #[must_use]
    pub const fn new(height: Height, median_time: u32) -> Self {
        Self {
            max_weight: Weight::MAX_BLOCK.0,
            reserved_weight: 4_000,
            max_sigop_cost: MAX_BLOCK_SIGOP_COST,
            reserved_sigop_cost: 400,
            min_fee_rate: FeeRate::from_sat_per_kvb(1_000),
            height,
            median_time,
        }
    }
}

/// The transactions of a block after its coinbase.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template {
    /// The transactions, parents before children.
    pub transactions: Vec<TemplateTransaction>,
    /// Their fees.
    pub fees: Amount,
    /// Their weight, without what is reserved.
    pub weight: u64,
    /// The cost of their signature operations, without what is reserved.
    pub sigop_cost: u64,
}

/// A transaction of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateTransaction {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// Its fee.
    pub fee: Amount,
    /// Its weight.
    pub weight: u64,
    /// The cost of its signature operations.
    pub sigop_cost: u64,
}

impl Mempool {
    /// Chooses the transactions of the next block as [`Mempool::build_template`] does, and keeps
    /// what it found for the next time.
    #[must_use]
    pub fn next_block(&mut self, limits: &TemplateLimits) -> Template {
        let touched = self.graph.take_touched();
        let kept = self.next_block.update(&self.graph, &touched, limits);
        kept.unwrap_or_else(|| self.build_template(limits))
    }

    /// Chooses the transactions of the next block: again and again the entry that pays the
    /// highest rate with those of its ancestors that are not chosen yet.
    #[must_use]
    pub fn build_template(&self, limits: &TemplateLimits) -> Template {
        let filled = Builder::new(&self.graph).fill(limits);
        let mut fees_sat: i64 = 0;
        let transactions = filled.placed.iter().map(|placed| {
            let entry = self.graph.entry(placed.slot);
            let cost = entry.cost();
            // Correctness: an entry's fee comes out of coins that exist, and no two entries
            // spend the same, so all fees together stay in the money range.
            fees_sat = fees_sat.saturating_add(cost.fee.sat());
            TemplateTransaction {
                transaction: Arc::clone(entry.transaction()),
                fee: cost.fee,
                weight: cost.weight,
                sigop_cost: cost.sigop_cost,
            }
        });
        Template {
            transactions: transactions.collect(),
            fees: Amount::from_sat(fees_sat),
            weight: filled.weight,
            sigop_cost: filled.sigop_cost,
        }
    }
}
