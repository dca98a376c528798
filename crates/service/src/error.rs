//! Errors of handlers, and their problem documents.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use synod_api::problem::{self, Problem, code};
use synod_api::{ClientError, HashHex};

/// What a handler answers instead of a result: a problem document and its status.
///
/// Security: `detail` and `hint` are for strangers. They never name paths, statements or causes
/// inside the service; [`ApiError::internal`] logs those and hides them.
#[derive(Debug, Clone)]
pub struct ApiError {
    problem: Box<Problem>,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// Describes an error by its status, stable code and one sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let title = title(status);
        Self {
            problem: Box::new(Problem::new(status.as_u16(), title, code, detail)),
            retry_after: None,
        }
    }

    /// 400: the request's syntax is wrong.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, detail)
    }

    /// 404: there is no such thing.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, detail)
    }

    /// 409: the request contradicts the present state.
    #[must_use]
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 422: the content breaks a rule; `code` is the rule's.
    #[must_use]
    pub fn unprocessable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 503: the service is at a limit.
    #[must_use]
    pub fn overloaded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::OVERLOADED, detail)
            .with_retry_after(Duration::from_secs(1))
    }

    /// 503: the service is starting, stopping, or waits for another one.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, detail)
            .with_retry_after(Duration::from_secs(1))
    }

    /// 500: the service broke. The cause is logged and not shown.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        let detail = "The service failed; its log has the cause under this request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, detail)
    }

    /// Names the script interpreter's error.
    #[must_use]
    pub fn with_script_error(mut self, name: impl Into<String>) -> Self {
        self.problem.script_error = Some(name.into());
        self
    }

    /// Names the block where a branch fails.
    #[must_use]
    pub fn at(mut self, hash: HashHex) -> Self {
        self.problem.at = Some(hash);
        self
    }

    /// Says that the verdict was remembered.
    #[must_use]
    pub fn known(mut self) -> Self {
        self.problem.known = Some(true);
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.hint = Some(hint.into());
        self
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.problem.more.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to try again, in whole seconds.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Returns the problem document as it stands.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns the HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.problem.detail, self.problem.code)
    }
}

impl std::error::Error for ApiError {}

impl From<ClientError> for ApiError {
    /// Passes on what another service refused; everything else is that service's absence.
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(mut problem) if matches!(problem.status, 400..=499) => {
                problem.request_id = String::new();
                problem.instance = None;
                Self {
                    problem,
                    retry_after: None,
                }
            }
            other => {
                tracing::warn!(error = %other, "another service failed");
                Self::unavailable("A service that this one needs does not answer.")
            }
        }
    }
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

/// Marks a response as a problem, so that the request's id can be written into it.
#[derive(Debug, Clone)]
pub(crate) struct ProblemMark(pub(crate) Box<Problem>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = Response::new(problem_body(&self.problem));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(problem::MEDIA_TYPE),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(ProblemMark(self.problem));
        response
    }
}

pub(crate) fn problem_body(problem: &Problem) -> Body {
    match serde_json::to_vec(problem) {
        Ok(bytes) => Body::from(bytes),
        Err(error) => {
            tracing::error!(%error, "a problem document could not be written");
            Body::empty()
        }
    }
}
