//! `POST /v1/peers`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::Problem;
use synod_api::node::{AddPeer, PeerBody};
use synod_gossip::{PeerUrl, UrlPolicy};
use synod_service::{ApiError, Json};

use super::list::body;
use crate::state::AppState;

/// Adds a peer and starts to speak to it.
#[utoipa::path(
    post, path = "/v1/peers", tag = "peers", operation_id = "addPeer",
    summary = "Add a peer",
    description = "Adds a peer by its base URL and starts to speak to it. One that is there is kept.",
    security(("bearer" = [])),
    request_body = AddPeer,
    responses(
        (status = 201, description = "The peer", body = PeerBody),
        (status = 400, description = "The URL is not of the form http://HOST:PORT", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are too many peers", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add_peer(
    State(state): State<AppState>,
    Json(request): Json<AddPeer>,
) -> Result<(StatusCode, Json<PeerBody>), ApiError> {
    let url = PeerUrl::parse(&request.url, UrlPolicy::Operator)
        .map_err(|error| ApiError::bad_request(format!("{error}.")))?;
    let id = state
        .peers
        .add(url)
        .map_err(|error| ApiError::conflict("too-many-peers", format!("{error}.")))?;
    let peer = state.peers.list().into_iter().find(|peer| peer.id == id);
    let peer =
        peer.ok_or_else(|| ApiError::conflict("peer-gone", "The peer was dropped again."))?;
    Ok((StatusCode::CREATED, Json(body(peer))))
}
