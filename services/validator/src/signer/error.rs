//! Why a signer does not sign.

use axum::http::StatusCode;
use synod_api::problem::code;
use synod_api::{ClientError, HashHex};
use synod_seal::SealError;
use synod_service::ApiError;

use crate::protection::ProtectionError;

/// Why something is not signed, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Protection refuses or fails.
    #[error(transparent)]
    Protection(#[from] ProtectionError),
    /// The key is not here.
    #[error("this signer does not hold the key {0}")]
    UnknownKey(HashHex),
    /// The message is of another chain.
    #[error("this signer signs for the chain {wanted} only, not for {found}")]
    OtherChain {
        /// The message's.
        found: HashHex,
        /// The signer's.
        wanted: HashHex,
    },
    /// The template cannot be sealed.
    #[error("the template cannot be sealed: {0}")]
    Seal(#[from] SealError),
    /// The bytes are no template.
    #[error("that is no template of a block")]
    Template,
    /// The hash chain does not lead to what the seal needs.
    #[error("the key's hash chain has no reveal after that one: it is used up, or another's")]
    Reveal,
    /// What came back is not a signature of the message.
    #[error("the signer's answer is not a signature of what it was asked to sign")]
    Signature,
    /// The remote signer refuses or does not answer.
    #[error("the remote signer: {0}")]
    Remote(#[from] ClientError),
}

impl SignError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Protection(error) => error.code(),
            Self::UnknownKey(_) => "key-not-found",
            Self::OtherChain { .. } => "wrong-chain",
            Self::Seal(error) => error.code(),
            Self::Template => "bad-template",
            Self::Reveal => "hash-chain-exhausted",
            Self::Signature => "bad-signature",
            Self::Remote(error) => error.code().unwrap_or("signer-unreachable"),
        }
    }

    /// Says whether protection has refused, here or at the remote signer.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Protection(ProtectionError::Refused(_)) => true,
            Self::Remote(error) => error.status() == Some(StatusCode::CONFLICT.as_u16()),
            _ => false,
        }
    }
}

impl From<SignError> for ApiError {
    fn from(error: SignError) -> Self {
        let text = error.to_string();
        match &error {
            SignError::Protection(ProtectionError::Refused(refusal)) => {
                Self::conflict(refusal.code(), text)
            }
            SignError::Protection(ProtectionError::UnknownKey(_)) => {
                Self::conflict(error.code(), text)
            }
            SignError::OtherChain { .. } => Self::new(StatusCode::FORBIDDEN, error.code(), text),
            SignError::UnknownKey(_) => Self::new(StatusCode::NOT_FOUND, error.code(), text),
            SignError::Seal(_) | SignError::Template | SignError::Reveal => {
                Self::unprocessable(error.code(), text)
            }
            SignError::Protection(_) | SignError::Signature | SignError::Remote(_) => {
                Self::internal(text)
            }
        }
    }
}

/// 422 for parts of a message that are no such thing.
pub(crate) fn bad_part(what: &str) -> ApiError {
    ApiError::unprocessable(
        code::BAD_BODY,
        format!("The message's {what} is malformed."),
    )
}
