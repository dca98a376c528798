//! In a permissioned network: only what a member has signed comes in, and answers go out signed.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use synod_api::p2p::{MEMBER_HEADER, SESSION_HEADER};
use synod_gossip::member::{AnswerSealer, Asked, Signed};
use synod_gossip::{MemberError, MemberId};
use synod_service::ApiError;
use synod_service::extract::read_body;
use utoipa_axum::router::OpenApiRouter;

use super::seat::session_of;
use crate::state::AppState;

/// Holds requests against the members of the network, where it has any.
pub(super) fn protect(
    routes: OpenApiRouter<AppState>,
    state: Option<&AppState>,
) -> OpenApiRouter<AppState> {
    match state.filter(|it| it.peers.members().is_some()) {
        Some(state) => routes.route_layer(middleware::from_fn_with_state(state.clone(), guard)),
        None => routes,
    }
}

/// Tells why a request between members is refused.
pub(super) fn refusal(error: MemberError) -> ApiError {
    let status = match error {
        MemberError::Unknown => StatusCode::FORBIDDEN,
        _ => StatusCode::UNAUTHORIZED,
    };
    ApiError::new(status, error.code(), format!("{error}."))
}

/// The member that signed a request; `None` in an open network.
pub(super) struct Member(pub(super) Option<MemberId>);

impl FromRequestParts<AppState> for Member {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Signed>().map(|it| it.from)))
    }
}

async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(members) = state.peers.members() else {
        return next.run(request).await;
    };
    // The route's limits on the body travel in the extensions.
    let (mut parts, body) = request.into_parts();
    let bytes = match read_body(Request::from_parts(parts.clone(), body)).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let signed = match check(&state, &parts, &bytes) {
        Ok(signed) => signed,
        Err(error) => return refusal(error).into_response(),
    };
    parts.extensions.insert(signed);
    let response = next
        .run(Request::from_parts(parts, Body::from(bytes)))
        .await;
    if response.status().is_success() {
        seal(response, members.seal_answer(&signed))
    } else {
        response
    }
}

fn check(state: &AppState, parts: &Parts, body: &[u8]) -> Result<Signed, MemberError> {
    let Some(members) = state.peers.members() else {
        return Err(MemberError::Missing);
    };
    let text = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok());
    let target = parts.uri.path_and_query().map_or("", |it| it.as_str());
    let asked = Asked {
        method: parts.method.as_str(),
        target,
        session: text(SESSION_HEADER).unwrap_or_default(),
        kind: text(header::CONTENT_TYPE.as_str()).unwrap_or_default(),
        body,
    };
    let signed = members.check(text(MEMBER_HEADER), &asked)?;
    if let Some(session) = session_of(parts) {
        let is_telling = is_telling(&parts.method, parts.uri.path());
        state
            .peers
            .follow_member(session, &signed, is_telling)
            .map_err(|error| members.refuse(error))?;
    }
    Ok(signed)
}

/// Says whether a request changes what this node has; questions may overtake one another.
fn is_telling(method: &Method, path: &str) -> bool {
    let route = path.trim_start_matches("/p2p/v1/");
    let is_question = matches!(route, "headers" | "blocks" | "transactions")
        || route.starts_with("blocks/") && route.ends_with("/transactions");
    *method == Method::POST && !is_question
}

/// Signs an answer piece by piece as it goes out; one that breaks off has no last piece.
fn seal(response: Response, sealer: AnswerSealer) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let start = Some((body.into_data_stream(), sealer));
    let pieces = stream::try_unfold(start, |open| async move {
        let Some((mut body, mut sealer)) = open else {
            return Ok(None);
        };
        match body.next().await {
            Some(chunk) => {
                let bytes = sealer.seal(&chunk?);
                Ok::<_, axum::Error>(Some((bytes, Some((body, sealer)))))
            }
            None => Ok(Some((sealer.end(), None))),
        }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_may_overtake_one_another_and_nothing_else() {
        let tells = |method, path: &str| is_telling(&method, &format!("/p2p/v1/{path}"));
        for question in [
            "headers",
            "blocks",
            "transactions",
            "blocks/00/transactions",
        ] {
            assert!(!tells(Method::POST, question), "{question}");
        }
        assert!(!tells(Method::GET, "stream"));
        for telling in [
            "handshake",
            "announce",
            "addresses",
            "compact",
            "compact/00/fill",
            "compact/00/whole",
            "push/headers",
            "push/blocks",
            "push/transactions",
        ] {
            assert!(tells(Method::POST, telling), "{telling}");
        }
    }
}
