//! Extractors whose refusals are problem documents.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use synod_api::problem::code;

use crate::ApiError;
use crate::stack::{BodyLimit, BodyTimeout};

/// The limit on a body where no layer has set one.
const DEFAULT_LIMIT: usize = 1024 * 1024;
/// The time for a body where no layer has set one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and dropped, so that its sender sees the answer.
const DRAIN_BYTES: usize = 64 * 1024 * 1024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A JSON body: `application/json`, one document, the type's fields and no others (where the
/// type says so), nesting to 127.
///
/// As an answer it writes JSON.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = media_type(request.headers());
        let is_json = kind.as_deref().is_some_and(|it| {
            it == "application/json" || (it.starts_with("application/") && it.ends_with("+json"))
        });
        if !is_json {
            return Err(unsupported(
                "The body must be of the type application/json.",
            ));
        }
        let body = read_body(request).await?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| json_error(&error))
    }
}

impl<T: Serialize> axum::response::IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

fn json_error(error: &serde_json::Error) -> ApiError {
    if error.is_data() {
        let detail = format!("The body is not what the route takes: {error}.");
        ApiError::unprocessable(code::BAD_BODY, detail)
    } else {
        let detail = format!("The body is not JSON: {error}.");
        ApiError::new(StatusCode::BAD_REQUEST, code::BAD_JSON, detail)
    }
}

/// Parts of the path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status().is_server_error() => {
                Err(ApiError::internal(rejection))
            }
            Err(rejection) => Err(ApiError::bad_request(rejection.body_text())),
        }
    }
}

/// The query.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::bad_request(rejection.body_text())),
        }
    }
}

/// A block or transaction as it travels in requests: raw bytes, or hex as text.
///
/// `application/octet-stream` is raw, `text/plain` is hex; without a type (or with the one that
/// command-line tools send by default) it is hex if all of it is hex. White space around hex is
/// ignored, and so is its case.
#[derive(Debug, Clone)]
pub struct RawOrHex(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawOrHex {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = media_type(request.headers());
        let body = match kind.as_deref() {
            Some("application/octet-stream") => read_body(request).await?,
            Some("text/plain") => decode_hex(&read_body(request).await?)
                .ok_or_else(|| ApiError::bad_request("The body is not hex."))?,
            None | Some("application/x-www-form-urlencoded") => {
                let body = read_body(request).await?;
                decode_hex(&body).unwrap_or(body)
            }
            Some(_) => {
                let detail = "The body must be application/octet-stream, or hex as text/plain.";
                return Err(unsupported(detail));
            }
        };
        if body.is_empty() {
            return Err(ApiError::bad_request("The body is empty."));
        }
        Ok(Self(body))
    }
}

fn decode_hex(body: &[u8]) -> Option<Bytes> {
    let text = body.trim_ascii();
    if !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    const_hex::decode(text).ok().map(Bytes::from)
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("?");
    Some(
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

fn unsupported(detail: &str) -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code::UNSUPPORTED_MEDIA_TYPE,
        detail,
    )
}

/// Reads a request's body within the route's limits on size and time.
///
/// Security: compressed bodies are refused, so no body grows after it was measured.
///
/// # Errors
/// 413 past the limit, 415 for a compressed body, 408 when it does not arrive in time, 400 when
/// the connection breaks.
pub async fn read_body(request: Request) -> Result<Bytes, ApiError> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|it| it != "identity") {
        return Err(unsupported("The body must not be compressed."));
    }
    let limit = request
        .extensions()
        .get::<BodyLimit>()
        .map_or(DEFAULT_LIMIT, |it| it.0);
    let timeout = request
        .extensions()
        .get::<BodyTimeout>()
        .map_or(DEFAULT_TIMEOUT, |it| it.0);
    let claimed = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let waits_for_consent = request.headers().contains_key(header::EXPECT);
    let body = request.into_body();
    if claimed.is_some_and(|it| it > limit as u64) {
        if !waits_for_consent {
            drain(body).await;
        }
        return Err(too_large(limit));
    }
    let late = ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        code::REQUEST_TIMEOUT,
        "The body did not arrive in time.",
    );
    tokio::time::timeout(timeout, collect(body, limit))
        .await
        .map_err(|_| late)?
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut first = Bytes::new();
    let mut all: Vec<u8> = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("The body ended early."))?;
        if all.len() + first.len() + chunk.len() > limit {
            drain(Body::from_stream(stream)).await;
            return Err(too_large(limit));
        }
        // A body of one piece is not copied.
        if first.is_empty() && all.is_empty() {
            first = chunk;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&chunk);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

fn too_large(limit: usize) -> ApiError {
    let detail = format!("The body is larger than {limit} bytes.");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE, detail).with("limit", limit)
}

/// Reads on and forgets: a connection that is closed with unread bytes loses its answer.
async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut left = DRAIN_BYTES;
    let all = async {
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    // Whether it ended or not, the answer is the same.
    let _ = tokio::time::timeout(DRAIN_TIME, all).await;
}
