//! What is not standard about a transaction by itself.

/// What is not standard about a transaction by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotStandard {
    /// The version is neither 1, 2 nor 3.
    #[error("version {0} is not standard")]
    Version(i32),
    /// It is too heavy.
    #[error("its weight of {weight} is above {limit}")]
    Weight {
        /// Its weight.
        weight: u64,
        /// The greatest.
        limit: u64,
    },
    /// An unlocking script is too long.
    #[error("the unlocking script of input {0} is too long")]
    ScriptSigSize(u32),
    /// An unlocking script does more than push.
    #[error("the unlocking script of input {0} does more than push")]
    ScriptSigNotPushOnly(u32),
    /// A locking script follows no standard template.
    #[error("the locking script of output {0} is not standard")]
    ScriptPubkey(u32),
    /// An output is a bare multisig, which this node does not take.
    #[error("output {0} is a bare multisig")]
    BareMultisig(u32),
    /// An output costs more to spend than it is worth.
    #[error("output {0} is dust")]
    Dust(u32),
    /// More than one output carries data.
    #[error("more than one output carries data")]
    MultiOpReturn,
    /// It is so small that it could pass for a node of a Merkle tree (CVE-2017-12842).
    #[error("{0} bytes without witness are too few")]
    TooSmall(usize),
}

impl NotStandard {
    /// Returns Core's reject code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Weight { .. } => "tx-size",
            Self::ScriptSigSize(_) => "scriptsig-size",
            Self::ScriptSigNotPushOnly(_) => "scriptsig-not-pushonly",
            Self::ScriptPubkey(_) => "scriptpubkey",
            Self::BareMultisig(_) => "bare-multisig",
            Self::Dust(_) => "dust",
            Self::MultiOpReturn => "multi-op-return",
            Self::TooSmall(_) => "tx-size-small",
        }
    }
}
