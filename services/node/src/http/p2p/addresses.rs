//! `POST /p2p/v1/addresses`.

use axum::extract::State;
use synod_api::Problem;
use synod_api::p2p::{Addresses, MAX_ADDRESSES};
use synod_service::{ApiError, Json};

use super::seat::{From, Seat};
use crate::state::AppState;

/// Swaps addresses of nodes.
#[utoipa::path(
    post, path = "/p2p/v1/addresses", tag = "p2p", operation_id = "swapAddresses",
    summary = "Swap addresses of nodes",
    description = "Tells this node addresses and answers with those that it has spoken to. Addresses past \
                   the sender's rate, of private networks, and names are dropped.",
    request_body = Addresses,
    responses(
        (status = 200, description = "Addresses", body = Addresses),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The sender has not shaken hands", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn swap_addresses(
    State(state): State<AppState>,
    Seat(_): Seat,
    From(address): From,
    Json(theirs): Json<Addresses>,
) -> Result<Json<Addresses>, ApiError> {
    if theirs.urls.len() > MAX_ADDRESSES {
        return Err(ApiError::bad_request("Too many addresses at once."));
    }
    state.peers.hear_addresses(address, &theirs.urls);
    let urls = state.peers.addresses_to_answer();
    Ok(Json(Addresses { urls }))
}
