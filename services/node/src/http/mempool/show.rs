//! `GET /v1/mempool`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::MempoolStatus;
use synod_mempool::FeeRate;
use synod_service::ApiError;

use super::read;
use crate::http::render::{answer, satoshis};
use crate::state::{AppState, clock};

/// Returns the mempool in numbers.
#[utoipa::path(
    get, path = "/v1/mempool", tag = "mempool", operation_id = "getMempool",
    summary = "Get the mempool in numbers",
    description = "How many transactions wait, what they pay and occupy, and what a new one has \
                   to pay.",
    responses(
        (status = 200, description = "The mempool", headers(("ETag" = String, description = "Names this answer")), body = MempoolStatus, example = json!({
            "transactions": 1,
            "vsize": 141,
            "total_fee_sat": 1410,
            "memory_bytes": 1216,
            "memory_limit_bytes": 300_000_000,
            "minimum_fee_sat_kvb": 1000,
            "incremental_fee_sat_kvb": 1000,
            "sequence": 145,
        })),
        (status = 304, description = "The answer is the one that the client has"),
    )
)]
pub(crate) async fn get_mempool(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer::json(&headers, &status(&state))
}

fn status(state: &AppState) -> MempoolStatus {
    let mempool = read(state);
    let summary = mempool.summary(clock());
    MempoolStatus {
        transactions: summary.count as u64,
        vsize: summary.vsize,
        total_fee_sat: satoshis(summary.fees_sat),
        memory_bytes: summary.bytes as u64,
        memory_limit_bytes: summary.max_bytes as u64,
        minimum_fee_sat_kvb: sat_per_kvb(summary.min_fee_rate),
        incremental_fee_sat_kvb: sat_per_kvb(summary.incremental_relay_fee),
        sequence: mempool.generation(),
    }
}

/// A rate that is asked for is never negative.
fn sat_per_kvb(rate: FeeRate) -> u64 {
    u64::try_from(rate.sat_per_kvb()).unwrap_or(0)
}
