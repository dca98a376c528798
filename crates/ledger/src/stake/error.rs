//! The rules of stake as errors with stable codes.

use synod_seal::{EvidenceError, SealError};

/// Why a transaction or a coinbase is refused under the rules of stake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StakeError {
    /// A witness does not have three items, or one is longer than 20,000 bytes.
    #[error("a stake output's witness has three items of 20,000 bytes at most")]
    Witness,
    /// The tag is unknown, or the output cannot be spent this way.
    #[error("the stake output cannot be spent this way")]
    Tag,
    /// Stake outputs are spent in different ways by one transaction.
    #[error("one transaction spends stake in one way only")]
    Mixed,
    /// The key is not the owner's.
    #[error("the key is not the owner's")]
    Owner,
    /// The signature is not in strict form with the hash type ALL, or not the key's.
    #[error("the owner's signature is not valid")]
    Signature,
    /// More than the fee cap is lost on the way.
    #[error("more than the fee cap of the stake is not paid back to it")]
    Value,
    /// The unbonding time is not over.
    #[error("the stake is unbonding for {left} more blocks")]
    Locked {
        /// Blocks that are missing.
        left: u32,
    },
    /// The statements prove nothing.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The statements prove somebody else guilty.
    #[error("the evidence is against another key")]
    EvidenceKey,
    /// Too little of the penalty is burned.
    #[error("less than the penalty without the reward is burned")]
    Burn,
    /// Too little is kept for the owner.
    #[error("what is left of the stake is not kept for its owner")]
    Rest,
    /// A registration has no anchor of its delegate before it, or too little coins.
    #[error("a registration needs its delegate's anchor before it, and the least bond")]
    Registration,
    /// An output bonds to nobody.
    #[error("a bonded output stands for nobody")]
    Delegate,
    /// The sum of amounts leaves the money range.
    #[error("the amounts of the stake leave the money range")]
    Range,
}

impl StakeError {
    /// Returns the stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Witness => "bad-stake-witness",
            Self::Tag => "bad-stake-tag",
            Self::Mixed => "bad-stake-mixed",
            Self::Owner => "bad-stake-owner",
            Self::Signature => "bad-stake-signature",
            Self::Value => "bad-stake-value",
            Self::Locked { .. } => "bad-stake-locked",
            Self::Evidence(error) => error.code(),
            Self::EvidenceKey => "bad-evidence-delegate",
            Self::Burn => "bad-slash-burn",
            Self::Rest => "bad-slash-rest",
            Self::Registration => "bad-stake-registration",
            Self::Delegate => "bad-stake-delegate",
            Self::Range => "bad-stake-range",
        }
    }
}

/// Why a coinbase is refused where blocks are sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealRuleError {
    /// The seal is missing, malformed, or the nonce is not canonical.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The seal is of another engine than the chain spec's.
    #[error("the seal is of another engine")]
    Mode,
    /// The block's time is not that of its seal's slot.
    #[error("the block's time is not that of its slot")]
    Slot,
    /// The coinbase bonds coins past the bootstrap.
    #[error("a coinbase cannot bond coins")]
    CoinbaseStake,
    /// A bootstrap coinbase lacks the bond that the chain spec fixes.
    #[error("the bootstrap coinbase does not make its bond")]
    CoinbaseBond,
}

impl SealRuleError {
    /// Returns the stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Seal(error) => error.code(),
            Self::Mode => "bad-seal-mode",
            Self::Slot => "bad-seal-slot",
            Self::CoinbaseStake => "bad-cb-stake",
            Self::CoinbaseBond => "bad-cb-bond",
        }
    }
}
