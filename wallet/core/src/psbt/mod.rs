//! PSBTs (BIP174, version 0): the only thing that crosses the air gap.
//!
//! The way to a signature is one of types, so that no step can be left out: [`review`] computes
//! what a PSBT really pays and everything that speaks against it, [`Review::permit`] refuses or
//! lets it pass, and only a [`Permitted`] can be signed.

mod amounts;
mod codec;
mod compare;
mod fees;
mod finalize;
mod finding;
mod limits;
mod ownership;
mod review;
mod sign;
mod stake;
#[cfg(test)]
mod stake_tests;
#[cfg(test)]
pub(crate) mod tests;

pub use self::{
    codec::{MAX_PSBT_BYTES, decode, encode_base64, encode_binary},
    compare::{Comparison, combine, compare},
    finalize::finalize,
    finding::{Finding, Severity},
    limits::{
        FEE_SHARE_FLOOR_SAT, MAX_FEE_RATE_SAT_PER_KVB, MAX_FEE_SAT, MAX_FEE_SHARE_PERCENT,
        MAX_INDEX_AHEAD, WARN_FEE_SHARE_PERCENT,
    },
    review::{Context, InputView, OutputView, Overrides, Permitted, Place, Review, Role, review},
    sign::Signed,
    stake::{RegistrationView, StakeView},
};

/// Why a PSBT was not read, combined, signed or finalized.
#[derive(Debug, thiserror::Error)]
pub enum PsbtError {
    /// Longer than [`MAX_PSBT_BYTES`].
    #[error("a PSBT of more than {MAX_PSBT_BYTES} bytes is not read")]
    TooLarge,
    /// Neither binary, base64 nor hex of a PSBT.
    #[error("not a PSBT: it must begin with the bytes 'psbt' 0xff, in binary, base64 or hex")]
    NoMagic,
    /// The text encoding is broken.
    #[error("the {0} encoding is broken")]
    Encoding(&'static str),
    /// The content breaks BIP174.
    #[error("not a valid PSBT: {0}")]
    Malformed(String),
    /// The PSBTs are of different transactions.
    #[error("the PSBTs are of different transactions")]
    DifferentTransactions,
    /// Findings that were not allowed by name.
    #[error("refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Finding>),
    /// Some inputs have no complete signatures; counted from 0.
    #[error("inputs without complete signatures: {0:?}")]
    Incomplete(Vec<usize>),
    /// Making or checking a signature failed.
    #[error("input {input}: {reason}")]
    Signing {
        /// The input, counted from 0.
        input: usize,
        /// What failed.
        reason: String,
    },
}

impl PsbtError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "psbt-too-large",
            Self::NoMagic => "psbt-no-magic",
            Self::Encoding(_) => "psbt-encoding",
            Self::Malformed(_) => "psbt-malformed",
            Self::DifferentTransactions => "psbt-different-transactions",
            Self::Refused(findings) => findings.first().map_or("psbt-refused", Finding::code),
            Self::Incomplete(_) => "psbt-incomplete",
            Self::Signing { .. } => "psbt-signing",
        }
    }
}
