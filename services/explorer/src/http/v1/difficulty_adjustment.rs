//! `GET /api/v1/difficulty-adjustment`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Where the chain stands between two adjustments of the difficulty.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DifficultyAdjustment)]
pub(crate) struct AdjustmentBody {
    /// Blocks of the period that are there, in percent.
    progress_percent: f64,
    /// The change that the blocks so far would lead to, in percent.
    difficulty_change: f64,
    /// When the next adjustment is to be expected, in Unix milliseconds.
    estimated_retarget_date: i64,
    /// Blocks until then.
    remaining_blocks: u32,
    /// Milliseconds until then.
    remaining_time: i64,
    /// The last change in percent.
    previous_retarget: f64,
    /// When it was, in Unix seconds.
    previous_time: u32,
    /// The height of the next adjustment.
    next_retarget_height: u32,
    /// Milliseconds between two blocks of the period so far.
    time_avg: i64,
    /// The same.
    adjusted_time_avg: i64,
    /// Always 0.
    time_offset: i64,
    /// Blocks that there should be by now.
    expected_blocks: f64,
}

/// The next adjustment of the difficulty
///
/// All zeros on a chain whose difficulty never changes.
#[utoipa::path(
    get,
    path = "/difficulty-adjustment",
    operation_id = "getDifficultyAdjustment",
    tag = "mempool-v1",
    responses(
        (status = 200, description = "Where the chain stands.", body = AdjustmentBody),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn difficulty_adjustment(State(explorer): State<Explorer>) -> Answer {
    let Some(retarget) = explorer.retarget else {
        return Reply::json(&AdjustmentBody::default(), Keep::Moment);
    };
    let mut snapshot = explorer.snapshot().await?;
    let (interval, height) = (retarget.interval.max(1), snapshot.tip.height);
    let first = height / interval * interval;
    let done = height - first;
    let heights = [first, height, first.saturating_sub(1)];
    let records = [
        snapshot.reader.block_at(heights[0]).await?,
        snapshot.reader.block_at(heights[1]).await?,
        snapshot.reader.block_at(heights[2]).await?,
    ];
    let [Some(start), Some(tip), Some(before)] = records else {
        return Reply::json(&AdjustmentBody::default(), Keep::Moment);
    };
    let spacing_ms = i64::from(retarget.spacing_s) * 1000;
    let passed_ms = (i64::from(tip.header.time) - i64::from(start.header.time)) * 1000;
    let time_avg = if done == 0 {
        spacing_ms
    } else {
        (passed_ms / i64::from(done)).max(1)
    };
    let remaining_blocks = interval - done;
    let remaining_time = time_avg * i64::from(remaining_blocks);
    // Bitcoin's rule changes the target by a factor of four at most.
    let factor = (spacing_ms as f64 / time_avg as f64).clamp(0.25, 4.0);
    let (old, new) = (
        before.header.bits.difficulty(),
        start.header.bits.difficulty(),
    );
    let body = AdjustmentBody {
        progress_percent: f64::from(done) * 100.0 / f64::from(interval),
        difficulty_change: if done == 0 {
            0.0
        } else {
            (factor - 1.0) * 100.0
        },
        estimated_retarget_date: explorer.clock.now() * 1000 + remaining_time,
        remaining_blocks,
        remaining_time,
        previous_retarget: if old > 0.0 {
            (new / old - 1.0) * 100.0
        } else {
            0.0
        },
        previous_time: start.header.time,
        next_retarget_height: first + interval,
        time_avg,
        adjusted_time_avg: time_avg,
        time_offset: 0,
        expected_blocks: passed_ms as f64 / spacing_ms.max(1) as f64,
    };
    Reply::json(&body, Keep::Moment)
}
