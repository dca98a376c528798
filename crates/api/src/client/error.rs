//! What can go wrong with a request.

use crate::problem::Problem;

/// Why a request has no answer of the expected type.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service refused and said why.
    #[error("{} ({})", .0.detail, .0.code)]
    Problem(Box<Problem>),
    /// The service answered a status without a problem document.
    #[error("the service answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// The service's root is not an `http://host:port` URL.
    #[error("{url} is not the root of a service")]
    Url {
        /// The text that was given.
        url: String,
    },
    /// Nobody answers at the address.
    #[error("no connection: {0}")]
    Connect(String),
    /// The answer did not come in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke, or what came over it is not HTTP.
    #[error("the connection broke: {0}")]
    Transport(String),
    /// The answer is larger than its limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not of the expected type.
    #[error("the answer is not what the route promises: {0}")]
    Body(String),
    /// A token or other text cannot be sent in a header.
    #[error("the token has characters that a header cannot carry")]
    Token,
}

impl ClientError {
    /// Returns the problem's stable code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// Returns the HTTP status, where there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Status { status } => Some(*status),
            _ => None,
        }
    }

    /// Says whether the same request may succeed later: overload, timeouts, no connection.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Timeout | Self::Transport(_) => true,
            Self::Problem(_) | Self::Status { .. } => {
                matches!(self.status(), Some(408 | 429 | 500 | 502 | 503 | 504))
            }
            Self::Url { .. } | Self::TooLarge { .. } | Self::Body(_) | Self::Token => false,
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        let is_connect = error.is_connect();
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text = inner.to_string();
            cause = inner.source();
        }
        if is_connect {
            Self::Connect(text)
        } else {
            Self::Transport(text)
        }
    }
}
