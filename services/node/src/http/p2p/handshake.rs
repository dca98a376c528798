//! `POST /p2p/v1/handshake`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::{Handshake, PROTOCOL_VERSION};
use synod_api::{HashHex, NumberHex, Problem};
use synod_gossip::GreetError;
use synod_service::{ApiError, Json};

use super::guard::Member;
use super::seat::{From, Session};
use crate::state::{AppState, clock};

/// Greets a peer: refuses one of another chain, and speaks back to one that listens.
#[utoipa::path(
    post, path = "/p2p/v1/handshake", tag = "p2p", operation_id = "shakeHands",
    summary = "Shake hands",
    description = "Says who the peer is and learns who this node is. The answer's `session` is \
                   the secret by which the peer names itself from now on, in the header \
                   `x-synod-session`; who shakes hands again with it keeps its place.",
    request_body = Handshake,
    responses(
        (status = 200, description = "Who this node is", body = Handshake),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The network has members, and none signed this", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The peer is on another chain, of another version, or this node itself", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "There is no room for further peers", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn shake_hands(
    State(state): State<AppState>,
    From(address): From,
    Session(known): Session,
    Member(member): Member,
    Json(theirs): Json<Handshake>,
) -> Result<Json<Handshake>, ApiError> {
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh).map_err(ApiError::internal)?;
    let fresh = NodeIdHex::from_bytes(fresh);
    let identity = state.peers.identity();
    let greeted =
        state
            .peers
            .greet(address, theirs, known, fresh)
            .map_err(|error| match error {
                GreetError::OtherChain => {
                    let chain = format!("{} ({})", identity.network, identity.chain_id);
                    conflict("other-chain", &format!("This node is on {chain}."))
                }
                GreetError::OtherVersion => conflict(
                    "other-version",
                    &format!("This node speaks version {PROTOCOL_VERSION}."),
                ),
                GreetError::Itself => conflict("self-connection", "This is the node itself."),
                GreetError::TooLong => {
                    ApiError::bad_request("The agent or the list of marks is too long.")
                }
                GreetError::NoRoom => ApiError::overloaded("There is no room for further peers."),
            })?;
    if let Some(member) = member {
        state.peers.note_member(greeted.id, member);
    }
    let view = state.chain.view();
    Ok(Json(Handshake {
        protocol_version: PROTOCOL_VERSION,
        chain_id: identity.chain_id,
        network: identity.network.clone(),
        agent: identity.agent.clone(),
        node_id: identity.node_id,
        listen_url: identity.listen_url.clone(),
        session: Some(greeted.session),
        marks: Vec::new(),
        height: view.height.0,
        prune_height: state.chain.prune_height(),
        best_block_hash: HashHex::from_internal(view.hash.to_bytes()),
        chainwork: NumberHex::from_bytes(view.chainwork.to_be_bytes()),
        time: clock(),
    }))
}

fn conflict(code: &str, detail: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, detail)
}
