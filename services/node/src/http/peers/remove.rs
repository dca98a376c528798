//! `DELETE /v1/peers/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::Problem;
use synod_service::{ApiError, Path};

use crate::state::AppState;

/// Drops a peer.
#[utoipa::path(
    delete, path = "/v1/peers/{id}", tag = "peers", operation_id = "removePeer",
    summary = "Drop a peer",
    description = "Ends the session with a peer; where it listens is not asked again until it is added. It may still come by itself.",
    security(("bearer" = [])),
    params(("id" = u64, Path, description = "The peer's number")),
    responses(
        (status = 204, description = "Dropped"),
        (status = 401, description = "The token is missing or wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such peer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove_peer(
    State(state): State<AppState>,
    Path(id): Path<u64>,
) -> Result<StatusCode, ApiError> {
    if state.peers.remove(id) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found("There is no such peer."))
    }
}
