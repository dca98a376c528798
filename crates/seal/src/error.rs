//! The rules of this crate as errors with stable codes.

/// Why a block is not sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// The coinbase is missing, no coinbase, or its script does not start with its height.
    #[error("the coinbase is not one of a sealed block")]
    Coinbase,
    /// The coinbase has no witness commitment, or more than one.
    #[error("a sealed block has exactly one witness commitment")]
    Commitment,
    /// Behind the witness commitment is not exactly one push.
    #[error("the witness commitment's output does not end with exactly one push")]
    Push,
    /// The push is no seal of this version.
    #[error("the push behind the witness commitment is no seal")]
    Format,
    /// A section of the seal is malformed, unknown, out of order or past its limit.
    #[error("a section of the seal is malformed")]
    Section,
    /// The coinbase or the Merkle branch is larger than the limit.
    #[error("the coinbase of a sealed block is too large")]
    Size,
    /// The coinbase does not lead to the header's Merkle root.
    #[error("the coinbase does not lead to the header's Merkle root")]
    Branch,
    /// `bits` is not the limit.
    #[error("a sealed block's bits are the limit")]
    Bits,
    /// The nonce is not the smallest that meets `bits`.
    #[error("the nonce is not the smallest that meets the bits")]
    Nonce,
    /// The signature is not the key's over the block.
    #[error("the seal's signature is not valid")]
    Signature,
}

impl SealError {
    /// Returns the stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Coinbase => "bad-seal-coinbase",
            Self::Commitment => "bad-seal-commitment",
            Self::Push => "bad-seal-push",
            Self::Format => "bad-seal-format",
            Self::Section => "bad-seal-section",
            Self::Size => "bad-seal-size",
            Self::Branch => "bad-seal-branch",
            Self::Bits => "bad-diffbits",
            Self::Nonce => "bad-seal-nonce",
            Self::Signature => "bad-seal-signature",
        }
    }
}

/// Why evidence proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The bytes are no statement, or longer than the limit.
    #[error("the evidence is malformed")]
    Format,
    /// A statement is not what its key has signed.
    #[error("a statement does not hold: {0}")]
    Statement(SealError),
    /// The statements are of two keys.
    #[error("the statements are of two keys")]
    Keys,
    /// The statements can both be those of an honest validator.
    #[error("the statements do not contradict each other")]
    NoContradiction,
}

impl EvidenceError {
    /// Returns the stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format => "bad-evidence-format",
            Self::Statement(_) => "bad-evidence-statement",
            Self::Keys => "bad-evidence-keys",
            Self::NoContradiction => "bad-evidence-no-contradiction",
        }
    }
}
