//! What the mempool would look like in blocks, and the fees that follow from it.
//!
//! Transactions are chosen as a miner's template does, by the fee rate of a transaction together
//! with the ancestors that it needs.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use synod_primitives::Txid;

use super::view::PoolView;

/// Room for transactions in a block, in vbytes: a million less the coinbase's thousand.
const BLOCK_VSIZE: u64 = 999_000;
/// A block counts as full from here on.
const FULL_VSIZE: u64 = 950_000;
/// Projected blocks; the last one holds all the rest.
const MAX_BLOCKS: usize = 8;
/// Width of a bin of the fee histogram, in vbytes.
const BIN_VSIZE: u64 = 50_000;
/// The lowest fee rate that nodes relay, in satoshis a vbyte.
const LEAST_RATE: f64 = 1.0;
/// Below this size of the next block the recommendation is the least rate.
const QUIET_VSIZE: u64 = 500_000;

/// A block that the mempool would make.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ProjectedBlock {
    pub(crate) tx_count: usize,
    pub(crate) size: u64,
    pub(crate) vsize: u64,
    pub(crate) fees_sat: i64,
    /// Fee rates of its packages in satoshis a vbyte, ascending.
    rates: Vec<f64>,
}

impl ProjectedBlock {
    fn empty() -> Self {
        Self {
            tx_count: 0,
            size: 0,
            vsize: 0,
            fees_sat: 0,
            rates: Vec::new(),
        }
    }

    /// The fee rate in the middle.
    pub(crate) fn median_rate(&self) -> f64 {
        self.rate_at(50)
    }

    /// The fee rate that `percent` of the transactions do not exceed.
    fn rate_at(&self, percent: usize) -> f64 {
        let last = self.rates.len().saturating_sub(1);
        self.rates.get(last * percent / 100).copied().unwrap_or(0.0)
    }

    /// Seven fee rates from the lowest to the highest.
    pub(crate) fn rate_range(&self) -> Vec<f64> {
        [0, 10, 25, 50, 75, 90, 100]
            .map(|percent| self.rate_at(percent))
            .to_vec()
    }
}

/// Everything that is derived from one view of the mempool.
#[derive(Clone, Debug)]
pub(crate) struct Projection {
    pub(crate) blocks: Vec<ProjectedBlock>,
    /// Fee rate and virtual size, the highest rate first.
    pub(crate) histogram: Vec<(f64, u64)>,
    /// The projected block that each transaction is in, from 0.
    places: HashMap<Txid, usize>,
}

/// Fee rates to recommend, in satoshis a vbyte.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct RecommendedFees {
    pub(crate) fastest: f64,
    pub(crate) half_hour: f64,
    pub(crate) hour: f64,
    pub(crate) economy: f64,
    pub(crate) minimum: f64,
}

impl Projection {
    /// Projects the blocks of a view.
    pub(super) fn of(view: &PoolView) -> Self {
        let mut blocks: Vec<ProjectedBlock> = Vec::new();
        let mut places = HashMap::with_capacity(view.len());
        for (txid, rate) in order(view) {
            let Some(entry) = view.get(&txid) else {
                continue;
            };
            let is_full = blocks
                .last()
                .is_none_or(|block| block.vsize + entry.vsize() > BLOCK_VSIZE);
            if is_full && blocks.len() < MAX_BLOCKS {
                blocks.push(ProjectedBlock::empty());
            }
            let index = blocks.len() - 1;
            let block = &mut blocks[index];
            block.tx_count += 1;
            block.size += entry.transaction.size() as u64;
            block.vsize += entry.vsize();
            block.fees_sat += entry.fee_sat;
            block.rates.push(rate);
            places.insert(txid, index);
        }
        for block in &mut blocks {
            block.rates.sort_by(f64::total_cmp);
        }
        Self {
            blocks,
            histogram: histogram(view),
            places,
        }
    }

    /// The projected block that a transaction is in, from 0.
    pub(crate) fn place(&self, txid: &Txid) -> Option<usize> {
        self.places.get(txid).copied()
    }

    /// The fee rate for being in one of the next `target` blocks, in satoshis a vbyte.
    pub(crate) fn estimate(&self, target: usize) -> f64 {
        let block = self.blocks.get(target.saturating_sub(1));
        let full = block.filter(|block| block.vsize >= FULL_VSIZE);
        full.map_or(LEAST_RATE, |block| block.rate_at(0).max(LEAST_RATE))
    }

    /// The fee rates to recommend: the medians of the next blocks while they fill up.
    pub(crate) fn recommended(&self) -> RecommendedFees {
        let median = |index: usize| {
            let block = self.blocks.get(index);
            let busy = block.filter(|block| block.vsize > QUIET_VSIZE);
            busy.map_or(LEAST_RATE, |block| block.median_rate().max(LEAST_RATE))
        };
        let hour = median(2);
        let half_hour = median(1).max(hour);
        let fastest = median(0).max(half_hour);
        let economy = hour.min(2.0 * LEAST_RATE);
        RecommendedFees {
            fastest,
            half_hour,
            hour,
            economy,
            minimum: LEAST_RATE,
        }
    }
}

fn histogram(view: &PoolView) -> Vec<(f64, u64)> {
    let mut rates: Vec<(f64, u64)> = view
        .entries()
        .map(|entry| (entry.fee_rate(), entry.vsize()))
        .collect();
    rates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut histogram = Vec::new();
    let (mut bin, mut last) = (0, 0.0);
    for (rate, vsize) in rates {
        if bin > BIN_VSIZE && rate < last {
            histogram.push((last, bin));
            bin = 0;
        }
        bin += vsize;
        last = rate;
    }
    if bin > 0 {
        histogram.push((last, bin));
    }
    histogram
}

/// A transaction waiting for its turn, with the rate of its package when it was put in.
struct Candidate {
    rate: f64,
    arrival: u64,
    txid: Txid,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rate
            .total_cmp(&other.rate)
            .then(other.arrival.cmp(&self.arrival))
    }
}

/// Lists all transactions in the order of a template, each with the rate of its package.
fn order(view: &PoolView) -> Vec<(Txid, f64)> {
    let mut heap: BinaryHeap<Candidate> = view
        .entries()
        .map(|entry| {
            let txid = entry.transaction.txid();
            let rate = package(view, txid, &HashSet::new()).1;
            Candidate {
                rate,
                arrival: entry.arrival,
                txid,
            }
        })
        .collect();
    let mut chosen = HashSet::with_capacity(view.len());
    let mut order = Vec::with_capacity(view.len());
    while let Some(candidate) = heap.pop() {
        if chosen.contains(&candidate.txid) {
            continue;
        }
        let (members, rate) = package(view, candidate.txid, &chosen);
        if rate < candidate.rate {
            // Ancestors that paid for it were chosen meanwhile.
            heap.push(Candidate { rate, ..candidate });
            continue;
        }
        for txid in members {
            chosen.insert(txid);
            order.push((txid, rate));
        }
        push_children(view, &order, &chosen, &mut heap);
    }
    order
}

/// Puts the children of the transaction chosen last in again: without it they may have a better
/// rate.
fn push_children(
    view: &PoolView,
    order: &[(Txid, f64)],
    chosen: &HashSet<Txid>,
    heap: &mut BinaryHeap<Candidate>,
) {
    let Some(entry) = order.last().and_then(|(txid, _)| view.get(txid)) else {
        return;
    };
    for vout in 0..entry.transaction.outputs().len() {
        let outpoint = entry
            .transaction
            .outpoint(u32::try_from(vout).unwrap_or(u32::MAX));
        let Some((txid, _)) = view.spender(&outpoint) else {
            continue;
        };
        if let Some(child) = view.get(&txid) {
            let rate = package(view, txid, chosen).1;
            heap.push(Candidate {
                rate,
                arrival: child.arrival,
                txid,
            });
        }
    }
}

/// Lists a transaction with its ancestors that are not chosen yet, parents first, and their rate.
fn package(view: &PoolView, txid: Txid, chosen: &HashSet<Txid>) -> (Vec<Txid>, f64) {
    let mut members = Vec::new();
    let mut seen = HashSet::new();
    let mut waiting = vec![txid];
    let (mut fees_sat, mut vsize) = (0i64, 0u64);
    while let Some(txid) = waiting.pop() {
        if chosen.contains(&txid) || !seen.insert(txid) {
            continue;
        }
        let Some(entry) = view.get(&txid) else {
            continue;
        };
        fees_sat += entry.fee_sat;
        vsize += entry.vsize();
        waiting.extend(
            entry
                .transaction
                .inputs()
                .iter()
                .map(|input| input.prevout.txid),
        );
        members.push((entry.arrival, txid));
    }
    // A parent always arrived before its children.
    members.sort_unstable();
    let members = members.into_iter().map(|(_, txid)| txid).collect();
    (members, fees_sat as f64 / vsize.max(1) as f64)
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
