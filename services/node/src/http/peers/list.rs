//! `GET /v1/peers`.

use axum::extract::State;
use serde::Serialize;
use synod_api::node::{PeerBody, PeerDirection};
use synod_api::{HashHex, Problem};
use synod_gossip::PeerState;
use synod_service::Json;
use utoipa::ToSchema;

use crate::state::AppState;

/// The peers of a node.
#[derive(Serialize, ToSchema)]
pub(crate) struct PeerList {
    /// All peers, oldest first.
    peers: Vec<PeerBody>,
}

/// Lists the peers.
#[utoipa::path(
    get, path = "/v1/peers", tag = "peers", operation_id = "listPeers",
    summary = "List peers",
    description = "All peers, oldest first: those that this node speaks to by their URL, and those that came by \
                   themselves.",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The peers", body = PeerList),
        (status = 401, description = "The token is missing or wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_peers(State(state): State<AppState>) -> Json<PeerList> {
    Json(PeerList {
        peers: state.peers.list().into_iter().map(body).collect(),
    })
}

pub(super) fn body(peer: PeerState) -> PeerBody {
    let theirs = peer.handshake.as_ref();
    PeerBody {
        id: peer.id,
        url: peer
            .url
            .clone()
            .or_else(|| peer.announced())
            .map(|it| it.to_string()),
        direction: if peer.is_inbound() {
            PeerDirection::Inbound
        } else {
            PeerDirection::Outbound
        },
        is_connected: peer.is_connected,
        is_configured: peer.is_configured(),
        clock_offset_s: peer.clock_offset_s,
        member: peer.member.map(|it| HashHex::from_bytes(it.0)),
        agent: theirs.map(|it| it.agent.clone()),
        height: theirs.map(|it| it.height),
        best_block_hash: theirs.map(|it| it.best_block_hash),
        prune_height: theirs.and_then(|it| it.prune_height),
        latency_ms: peer.latency_ms,
        last_seen: peer.last_seen,
        bytes_received: peer.traffic.received(),
        bytes_sent: peer.traffic.sent(),
        misbehavior: peer.misbehavior,
        last_error: peer.last_error,
    }
}
