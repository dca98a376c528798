//! Who a request between nodes is from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::SESSION_HEADER;
use synod_gossip::PeerId;
use synod_service::ApiError;
use synod_service::extract::read_body;

use crate::state::AppState;

/// The peer that a request names itself as, by the secret from its greeting.
///
/// Security: the number of a node is known to all its peers; the secret is known to one. So
/// nobody can speak, or misbehave, in the name of another (P21, P23).
#[derive(Clone, Copy)]
pub(crate) struct Seat(pub(crate) PeerId);

impl FromRequestParts<AppState> for Seat {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let session = session_of(parts);
        let found = session.and_then(|it| state.peers.find_session(it));
        let detail = "Shake hands first, and send the session of the answer.";
        found
            .map(Self)
            .ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, "unknown-session", detail))
    }
}

/// Reads the secret that a request carries.
pub(crate) fn session_of(parts: &Parts) -> Option<NodeIdHex> {
    let value = parts.headers.get(SESSION_HEADER)?;
    value.to_str().ok()?.parse().ok()
}

/// The secret of a request, if it carries one.
pub(crate) struct Session(pub(crate) Option<NodeIdHex>);

impl FromRequestParts<AppState> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        Ok(Self(session_of(parts)))
    }
}

/// The address that a request came from; loopback where the server does not tell.
pub(crate) struct From(pub(crate) IpAddr);

impl FromRequestParts<AppState> for From {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(
            address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |it| it.0.ip()),
        ))
    }
}

/// A binary body.
pub(crate) struct Octets(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Octets {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/octet-stream") {
            let detail = "The body must be of the type application/octet-stream.";
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                detail,
            ));
        }
        read_body(request).await.map(Self)
    }
}

/// Says that the peer did what no honest peer does; it was noted.
pub(crate) fn misbehaved(detail: &str) -> ApiError {
    ApiError::unprocessable("peer-misbehaved", detail)
}
