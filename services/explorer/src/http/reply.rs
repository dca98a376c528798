//! Answers of the Esplora API: exact text, JSON or bytes, and refusals as text.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::explore::ExploreError;
use crate::snapshot::SnapshotError;
use crate::store::StoreError;

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// How long an answer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// For ever: it is named by its hash.
    Forever,
    /// Until the next block or transaction; asked for again each time.
    Moment,
    /// Not at all.
    Never,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    content_type: &'static str,
    body: Vec<u8>,
    keep: Keep,
}

impl Reply {
    /// Text without a line break at its end.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand in what they made for it"
    )]
    pub(crate) fn text(text: impl ToString, keep: Keep) -> Self {
        Self {
            content_type: TEXT,
            body: text.to_string().into_bytes(),
            keep,
        }
    }

    /// A JSON document.
    pub(crate) fn json<T: Serialize>(body: &T, keep: Keep) -> Result<Self, Refusal> {
        let body = serde_json::to_vec(body).map_err(Refusal::internal)?;
        Ok(Self {
            content_type: JSON,
            body,
            keep,
        })
    }

    /// Raw bytes.
    pub(crate) fn bytes(body: Vec<u8>, keep: Keep) -> Self {
        Self {
            content_type: BYTES,
            body,
            keep,
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut hasher = DefaultHasher::new();
        self.body.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        let control = match self.keep {
            Keep::Forever => "public, max-age=31536000, immutable",
            Keep::Moment => "no-cache",
            Keep::Never => "no-store",
        };
        let mut response = self.body.into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
        if self.keep != Keep::Never
            && let Ok(etag) = HeaderValue::from_str(&etag)
        {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

/// A refusal as Esplora gives it: a status and a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Refusal {
    /// 400.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            text: text.into(),
        }
    }

    /// 404.
    pub(crate) fn missing(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            text: text.into(),
        }
    }

    /// 503: trying again may help.
    pub(crate) fn unavailable(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: text.into(),
        }
    }

    /// 500; the cause is logged and not shown.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        let text = "Internal server error".to_owned();
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            text,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(TEXT)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (self.status, headers, self.text).into_response()
    }
}

impl From<SnapshotError> for Refusal {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Store(error) => error.into(),
            SnapshotError::Empty | SnapshotError::Busy => Self::unavailable(error.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Sql(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {
                Self::unavailable("too many requests at once")
            }
            error => Self::internal(error),
        }
    }
}

impl From<ExploreError> for Refusal {
    fn from(error: ExploreError) -> Self {
        match error {
            ExploreError::Snapshot(error) => error.into(),
            ExploreError::Store(error) => error.into(),
            ExploreError::TooMany { .. } => Self::bad(error.to_string()),
        }
    }
}

/// What a handler of the Esplora API gives back.
pub(crate) type Answer = Result<Reply, Refusal>;

/// Answers 304 where the client has the answer already.
pub(crate) async fn not_modified(request: Request, next: Next) -> Response {
    let known: Vec<String> = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/").to_owned())
        .collect();
    let mut response = next.run(request).await;
    let etag = response
        .headers()
        .get(header::ETAG)
        .and_then(|value| value.to_str().ok());
    let is_known = etag.is_some_and(|etag| known.iter().any(|tag| tag == etag || tag == "*"));
    if response.status() == StatusCode::OK && is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}
