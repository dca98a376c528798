//! `GET /stake`: not Esplora's own, for wallets that find everything else here.

use axum::extract::State;
use synod_api::stake::StakeStatus;

use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// Engine and terms of stake
///
/// What a wallet needs to lock coins as stake and to take them out.
#[utoipa::path(
    get,
    path = "/stake",
    operation_id = "getStake",
    tag = "synod",
    responses(
        (status = 200, description = "The engine and its terms.", body = StakeStatus),
        (status = 503, description = "The explorer waits for its node.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn stake(State(explorer): State<Explorer>) -> Answer {
    let network = explorer.follower.network().ok_or_else(|| Refusal {
        status: axum::http::StatusCode::SERVICE_UNAVAILABLE,
        text: "the explorer waits for its node".to_owned(),
    })?;
    let status = StakeStatus {
        engine: network.engine.clone(),
        final_height: explorer.follower.final_height(),
        terms: network.stake,
    };
    Reply::json(&status, Keep::Moment)
}
