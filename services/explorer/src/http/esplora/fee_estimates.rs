//! `GET /fee-estimates`.

use std::collections::BTreeMap;

use axum::extract::State;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Confirmation targets in blocks, as Esplora lists them.
pub(crate) fn targets() -> impl Iterator<Item = u16> {
    (1..=25).chain([144, 504, 1008])
}

/// Fee rates by confirmation target
///
/// In sat/vB, from what the mempool would put into the next blocks; at least 1.
#[utoipa::path(
    get,
    path = "/fee-estimates",
    operation_id = "getFeeEstimates",
    tag = "esplora",
    responses(
        (status = 200, description = "Fee rates in sat/vB by blocks.", body = BTreeMap<u16, f64>),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn fee_estimates(State(explorer): State<Explorer>) -> Answer {
    let pool = explorer.snapshot().await?.pool;
    let projection = pool.projection();
    let estimates: BTreeMap<u16, f64> = targets()
        .map(|target| (target, projection.estimate(usize::from(target))))
        .collect();
    Reply::json(&estimates, Keep::Moment)
}
