//! `GET /mempool`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// The mempool as a whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Mempool)]
pub(crate) struct MempoolBody {
    /// Transactions.
    count: usize,
    /// Their virtual bytes.
    vsize: u64,
    /// Their fees in satoshis.
    total_fee: i64,
    /// Fee rates in sat/vB, descending, each with the virtual bytes from it on.
    fee_histogram: Vec<(f64, u64)>,
}

/// The mempool as a whole
#[utoipa::path(
    get,
    path = "/mempool",
    operation_id = "getMempool",
    tag = "esplora",
    responses(
        (status = 200, description = "Its sums and the histogram of fee rates.", body = MempoolBody),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn mempool(State(explorer): State<Explorer>) -> Answer {
    let pool = explorer.snapshot().await?.pool;
    let body = MempoolBody {
        count: pool.len(),
        vsize: pool.vsize(),
        total_fee: pool.fees_sat(),
        fee_histogram: pool.projection().histogram.clone(),
    };
    Reply::json(&body, Keep::Moment)
}
