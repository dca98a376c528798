//! `PUT /v1/payout`.

use axum::extract::State as Extract;
use synod_api::Problem;
use synod_api::miner::{MinerStatus, SetPayout};
use synod_api::node::TemplateQuery;
use synod_service::{ApiError, Json};

use crate::state::State;

/// Set who is paid
///
/// The node checks the address; from then on all templates pay it.
#[utoipa::path(
    put,
    path = "/v1/payout",
    operation_id = "setPayout",
    tag = "miner",
    security(("bearer" = [])),
    request_body = SetPayout,
    responses(
        (status = 200, description = "The state afterwards.", body = MinerStatus),
        (status = 400, description = "The node does not know the address.", body = Problem,
            content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The body is not what the route takes.", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The node does not answer.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_payout(
    Extract(state): Extract<State>,
    Json(wanted): Json<SetPayout>,
) -> Result<Json<MinerStatus>, ApiError> {
    let query = TemplateQuery {
        payout: wanted.address.clone(),
        ..TemplateQuery::default()
    };
    state.node.template(&query).await?;
    state
        .controls
        .send_modify(|controls| controls.payout = wanted.address);
    Ok(Json(state.status()))
}
