//! `GET /p2p/v1/member`.

use axum::extract::State;
use serde::Deserialize;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::MemberHello;
use synod_api::{HashHex, Problem};
use synod_service::{ApiError, Json, Query};
use utoipa::IntoParams;

use super::guard::refusal;
use crate::state::AppState;

/// Who asks, and what makes the answer fresh.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct HelloQuery {
    /// The asking member's X-only key.
    from: HashHex,
    /// A number that the answer's signature covers.
    nonce: NodeIdHex,
}

/// Says which member this node is.
#[utoipa::path(
    get, path = "/p2p/v1/member", tag = "p2p", operation_id = "sayHello",
    summary = "Ask which member a node is",
    description = "In a permissioned network every other request between nodes is signed by its sender in the \
                   header `x-synod-member`, for the receiver's key and run, with a number that grows. \
                   This answer says which; it is signed too.",
    params(HelloQuery),
    responses(
        (status = 200, description = "Which member this node is", body = MemberHello),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The asking key is no member's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The network is open to all", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn say_hello(
    State(state): State<AppState>,
    Query(query): Query<HelloQuery>,
) -> Result<Json<MemberHello>, ApiError> {
    let members = state.peers.members();
    let members = members.ok_or_else(|| ApiError::not_found("This network has no members."))?;
    members
        .hello(query.from, query.nonce)
        .map(Json)
        .map_err(refusal)
}
