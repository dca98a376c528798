//! What goes wrong with a request to a peer.

use reqwest::StatusCode;

use crate::member::{AnswerError, MemberError};
use crate::wire::WireError;

/// A request that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The peer cannot be reached, or is too slow.
    #[error("the peer does not answer: {0}")]
    Unreachable(String),
    /// The peer refuses.
    #[error("the peer answered {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said, shortened.
        detail: String,
    },
    /// The answer is longer than its limit.
    #[error("the peer's answer is past its limit")]
    TooLong,
    /// The answer is not what was asked for.
    #[error("the peer's answer makes no sense: {0}")]
    Malformed(String),
    /// The peer is no member of the network, or did not sign what it said.
    #[error("the peer does not speak as a member: {0}")]
    NoMember(String),
}

impl From<MemberError> for ClientError {
    fn from(error: MemberError) -> Self {
        Self::NoMember(error.to_string())
    }
}

impl From<AnswerError> for ClientError {
    fn from(error: AnswerError) -> Self {
        match error {
            // A connection that breaks cuts an answer off as well.
            AnswerError::CutOff => Self::Unreachable(error.to_string()),
            AnswerError::Forged | AnswerError::Malformed => Self::NoMember(error.to_string()),
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url().to_string())
    }
}

impl From<WireError> for ClientError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The most characters kept of what a peer says when it refuses.
const MAX_DETAIL: usize = 200;

pub(crate) fn refused(status: StatusCode, body: &[u8]) -> ClientError {
    let problem: Option<synod_api::Problem> = serde_json::from_slice(body).ok();
    let text = problem.map_or_else(String::new, |it| format!("{}: {}", it.code, it.detail));
    let detail = text
        .chars()
        .filter(|it| !it.is_control())
        .take(MAX_DETAIL)
        .collect();
    ClientError::Refused {
        status: status.as_u16(),
        detail,
    }
}
