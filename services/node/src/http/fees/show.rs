//! `GET /v1/fees`.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::FeeEstimates;
use synod_service::ApiError;

use super::estimator::Estimator;
use crate::http::render::answer;
use crate::state::AppState;

/// Returns the fee rates that bring a transaction into a block soon.
#[utoipa::path(
    get, path = "/v1/fees", tag = "mempool", operation_id = "getFees",
    summary = "Get fee estimates",
    description = "Fee rates in sat/vB by the number of blocks within which a transaction should \
                   confirm, out of what waits in the mempool now. Where the coming blocks have \
                   room, that is the least rate that the mempool takes.",
    responses(
        (status = 200, description = "The estimates", headers(("ETag" = String, description = "Names this answer")), body = FeeEstimates, example = json!({
            "minimum_sat_vb": 1.0,
            "estimates": {"1": 12.5, "2": 4.0, "3": 1.0, "144": 1.0},
        })),
        (status = 304, description = "The answer is the one that the client has"),
    )
)]
pub(crate) async fn get_fees(
    State(state): State<AppState>,
    Extension(estimator): Extension<Estimator>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer::json(&headers, &estimator.estimates(&state).await?)
}
