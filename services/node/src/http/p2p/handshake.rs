//! `POST /p2p/v1/handshake`.

use axum::Extension;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use std::net::SocketAddr;
use synod_api::p2p::{Handshake, MAX_AGENT, PROTOCOL_VERSION};
use synod_api::{HashHex, NumberHex, Problem};
use synod_gossip::{PeerUrl, UrlPolicy};
use synod_service::{ApiError, Json};

use crate::state::{AppState, clock};

/// Greets a peer: refuses one of another chain, and speaks back to one that listens.
#[utoipa::path(
    post, path = "/p2p/v1/handshake", tag = "p2p", operation_id = "shakeHands",
    summary = "Shake hands",
    description = "Says who the peer is and learns who this node is. A peer that listens is added \
                   to this node's peers.",
    request_body = Handshake,
    responses(
        (status = 200, description = "Who this node is", body = Handshake),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The peer is on another chain", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn shake_hands(
    State(state): State<AppState>,
    address: Option<Extension<ConnectInfo<SocketAddr>>>,
    Json(theirs): Json<Handshake>,
) -> Result<Json<Handshake>, ApiError> {
    let identity = state.peers.identity();
    if theirs.chain_id != identity.chain_id {
        let detail = format!(
            "This node is on {} ({}).",
            identity.network, identity.chain_id
        );
        return Err(ApiError::new(StatusCode::CONFLICT, "other-chain", detail));
    }
    if theirs.agent.len() > MAX_AGENT {
        return Err(ApiError::bad_request("The agent is too long."));
    }
    if theirs.node_id != identity.node_id {
        add_listener(&state, &theirs, address.map(|it| it.0.0));
    }
    let view = state.chain.view();
    Ok(Json(Handshake {
        protocol_version: PROTOCOL_VERSION,
        chain_id: identity.chain_id,
        network: identity.network.clone(),
        agent: identity.agent.clone(),
        node_id: identity.node_id,
        listen_url: identity.listen_url.clone(),
        height: view.height.0,
        best_block_hash: HashHex::from_internal(view.hash.to_bytes()),
        chainwork: NumberHex::from_bytes(view.chainwork.to_be_bytes()),
        time: clock(),
    }))
}

/// Security: only a URL that the policy for announced ones allows is ever asked; a peer on
/// loopback may announce loopback.
fn add_listener(state: &AppState, theirs: &Handshake, address: Option<SocketAddr>) {
    let is_local = address.is_none_or(|it| it.ip().to_canonical().is_loopback());
    let policy = if is_local {
        UrlPolicy::AnnouncedFromLoopback
    } else {
        UrlPolicy::Announced
    };
    let Some(Ok(url)) = theirs
        .listen_url
        .as_deref()
        .map(|it| PeerUrl::parse(it, policy))
    else {
        return;
    };
    if let Err(error) = state.peers.add(url, false) {
        tracing::debug!(%error, "a peer that announced itself was not added");
    }
}
