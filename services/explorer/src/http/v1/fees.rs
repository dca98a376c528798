//! `GET /api/v1/fees/recommended`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Fee rates to recommend, in whole sat/vB.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecommendedFees)]
pub(crate) struct FeesBody {
    /// For the next block.
    fastest_fee: u64,
    /// For the next two blocks.
    half_hour_fee: u64,
    /// For the next three blocks.
    hour_fee: u64,
    /// When there is no hurry.
    economy_fee: u64,
    /// The lowest that is relayed.
    minimum_fee: u64,
}

/// Recommended fee rates
///
/// Medians of the projected blocks, the least rate while they are not half full.
#[utoipa::path(
    get,
    path = "/fees/recommended",
    operation_id = "getRecommendedFees",
    tag = "mempool-v1",
    responses(
        (status = 200, description = "Fee rates in sat/vB.", body = FeesBody),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn recommended(State(explorer): State<Explorer>) -> Answer {
    let pool = explorer.snapshot().await?.pool;
    let fees = pool.projection().recommended();
    let whole = |rate: f64| crate::text::whole(rate.ceil());
    let body = FeesBody {
        fastest_fee: whole(fees.fastest),
        half_hour_fee: whole(fees.half_hour),
        hour_fee: whole(fees.hour),
        economy_fee: whole(fees.economy),
        minimum_fee: whole(fees.minimum),
    };
    Reply::json(&body, Keep::Moment)
}
