//! The miner's metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use synod_service::Metrics;

/// Counters of hashes and blocks.
#[derive(Clone, Default)]
pub(crate) struct MinerMetrics {
    hashes: Counter,
    rate: Gauge<f64, AtomicU64>,
    blocks: Family<BlockLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BlockLabels {
    result: &'static str,
}

impl MinerMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register("miner_hashes", "Hashes since the start", own.hashes.clone());
            registry.register("miner_hash_rate", "Hashes a second", own.rate.clone());
            registry.register("miner_blocks", "Blocks by result", own.blocks.clone());
        });
        own
    }

    pub(crate) fn observe_hashes(&self, total: u64, rate: f64) {
        self.hashes.inc_by(total.saturating_sub(self.hashes.get()));
        self.rate.set(rate);
    }

    pub(crate) fn count(&self, result: &'static str) {
        self.blocks.get_or_create(&BlockLabels { result }).inc();
    }
}
