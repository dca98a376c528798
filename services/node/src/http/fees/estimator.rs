//! Estimates out of the mempool, computed once for all who ask.

use std::sync::Arc;
use std::time::Duration;

use synod_api::node::FeeEstimates;
use synod_mempool::{FeeRate, TemplateLimits};
use synod_service::ApiError;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::http::mempool::read;
use crate::state::{AppState, clock};

/// The blocks that are filled to see what pays for a place in them.
const PROJECTED_BLOCKS: usize = 8;
/// The targets in blocks, those of Esplora's `fee-estimates`.
const FAR_TARGETS: [u32; 3] = [144, 504, 1008];
const NEAR_TARGETS: std::ops::RangeInclusive<u32> = 1..=25;
/// How long estimates stand while transactions come and go.
///
/// Security: filling blocks holds a lock that the chain thread waits for, so how often that
/// happens is not for strangers to choose.
const STANDING: Duration = Duration::from_secs(1);

/// Computes estimates; one at a time, and not again before something has changed.
#[derive(Clone, Default)]
pub(super) struct Estimator(Arc<Mutex<Option<Estimated>>>);

struct Estimated {
    generation: u64,
    at: Instant,
    estimates: FeeEstimates,
}

impl Estimator {
    /// Returns estimates that are of now, or of the last second.
    ///
    /// # Errors
    /// The computation panicked.
    pub(super) async fn estimates(&self, state: &AppState) -> Result<FeeEstimates, ApiError> {
        let mut last = self.0.lock().await;
        let generation = read(state).generation();
        let stands = |it: &&Estimated| it.generation == generation || it.at.elapsed() < STANDING;
        if let Some(estimated) = last.as_ref().filter(stands) {
            return Ok(estimated.estimates.clone());
        }
        let state = state.clone();
        let computed = tokio::task::spawn_blocking(move || estimate(&state));
        let (generation, estimates) = computed.await.map_err(ApiError::internal)?;
        *last = Some(Estimated {
            generation,
            at: Instant::now(),
            estimates: estimates.clone(),
        });
        Ok(estimates)
    }
}

fn estimate(state: &AppState) -> (u64, FeeEstimates) {
    let view = state.chain.view();
    let mempool = read(state);
    let limits = TemplateLimits::new(view.height.next(), view.median_time);
    let projected = mempool.projected_blocks(&limits, PROJECTED_BLOCKS);
    let found = mempool.fee_estimates(&projected, clock());
    let within = |blocks: u32| (blocks, sat_per_vb(found.within(blocks as usize)));
    let estimates = FeeEstimates {
        minimum_sat_vb: sat_per_vb(found.minimum),
        estimates: NEAR_TARGETS.chain(FAR_TARGETS).map(within).collect(),
    };
    (mempool.generation(), estimates)
}

fn sat_per_vb(rate: FeeRate) -> f64 {
    rate.sat_per_kvb() as f64 / 1000.0
}
