//! The rules as errors: one variant per rule, each with Core's reject code.

use synod_primitives::{OutPoint, Txid};
use synod_script::ScriptError;

use crate::stake::{SealRuleError, StakeError};

/// Why a transaction is refused, apart from its scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransactionError {
    /// There is no input.
    #[error("the transaction has no input")]
    NoInputs,
    /// There is no output.
    #[error("the transaction has no output")]
    NoOutputs,
    /// Without witnesses it is larger than a block may be.
    #[error("the transaction is larger than a block may be")]
    Oversize,
    /// An output is negative.
    #[error("an output is negative")]
    OutputNegative,
    /// An output exceeds 21 million coins.
    #[error("an output exceeds the money range")]
    OutputTooLarge,
    /// The outputs together exceed 21 million coins.
    #[error("the outputs together exceed the money range")]
    OutputTotalTooLarge,
    /// Two inputs spend the same output.
    #[error("two inputs spend the same output")]
    DuplicateInputs,
    /// A coinbase's script has fewer than 2 or more than 100 bytes.
    #[error("the coinbase's script is not 2 to 100 bytes")]
    CoinbaseScriptLength,
    /// An input names no output although the transaction is no coinbase.
    #[error("an input names no output")]
    PrevoutNull,
    /// The lock time, or a relative lock time, is not reached.
    #[error("a lock time is not reached")]
    NonFinal,
    /// An input's output does not exist or is spent.
    #[error("an input is missing or spent")]
    InputsMissingOrSpent,
    /// A coinbase output is spent before it is mature.
    #[error("a coinbase output is spent {depth} blocks after it was made")]
    PrematureSpendOfCoinbase {
        /// Blocks between the output's and this one.
        depth: u32,
    },
    /// The inputs together exceed 21 million coins.
    #[error("the inputs together exceed the money range")]
    InputValuesOutOfRange,
    /// The outputs exceed the inputs.
    #[error("the outputs exceed the inputs")]
    InputsBelowOutputs,
    /// The fee exceeds 21 million coins.
    #[error("the fee exceeds the money range")]
    FeeOutOfRange,
    /// A rule of stake is broken.
    #[error(transparent)]
    Stake(#[from] StakeError),
}

impl TransactionError {
    /// Returns Core's reject code; rules of stake have codes of their own.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoInputs => "bad-txns-vin-empty",
            Self::NoOutputs => "bad-txns-vout-empty",
            Self::Oversize => "bad-txns-oversize",
            Self::OutputNegative => "bad-txns-vout-negative",
            Self::OutputTooLarge => "bad-txns-vout-toolarge",
            Self::OutputTotalTooLarge => "bad-txns-txouttotal-toolarge",
            Self::DuplicateInputs => "bad-txns-inputs-duplicate",
            Self::CoinbaseScriptLength => "bad-cb-length",
            Self::PrevoutNull => "bad-txns-prevout-null",
            Self::NonFinal => "bad-txns-nonfinal",
            Self::InputsMissingOrSpent => "bad-txns-inputs-missingorspent",
            Self::PrematureSpendOfCoinbase { .. } => "bad-txns-premature-spend-of-coinbase",
            Self::InputValuesOutOfRange => "bad-txns-inputvalues-outofrange",
            Self::InputsBelowOutputs => "bad-txns-in-belowout",
            Self::FeeOutOfRange => "bad-txns-fee-outofrange",
            Self::Stake(error) => error.code(),
        }
    }
}

/// Why a header is refused at its place in the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// The time is not after the median of the 11 blocks before.
    #[error("the block's time is not after the median of the blocks before it")]
    TimeTooOld,
    /// The first block of a period lies more than 600 s before its parent (BIP94).
    #[error("the period's first block is more than 600 s older than its parent")]
    TimewarpAttack,
    /// The time is more than two hours ahead of the clock.
    #[error("the block's time is more than two hours ahead")]
    TimeTooNew,
    /// The version is too low at this height.
    #[error("block version {0} is outdated")]
    BadVersion(i32),
}

impl HeaderError {
    /// Returns Core's reject code, without its bracket.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TimeTooOld => "time-too-old",
            Self::TimewarpAttack => "time-timewarp-attack",
            Self::TimeTooNew => "time-too-new",
            Self::BadVersion(_) => "bad-version",
        }
    }

    /// Says whether the same header may be valid later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::TimeTooNew)
    }
}

/// What a broken rule says of the peer that sent the block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Misbehavior {
    /// Nothing: an honest peer may send this.
    Innocent,
    /// The block's hash is someone else's work, its body was altered on the way. Security: a
    /// peer that relays in compact form is not to blame (attack catalogue P21).
    Mutation,
    /// No honest peer sends this.
    Invalid,
}

/// Why a block is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlockError {
    /// The header breaks a rule at its place.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The header's root is not that of the transactions.
    #[error("the Merkle root is not that of the transactions")]
    MerkleRoot,
    /// The Merkle tree has equal siblings (CVE-2012-2459).
    #[error("transactions are repeated so that the Merkle root stays the same")]
    DuplicateTransactions,
    /// There is no transaction, or more than fit a block.
    #[error("the block is empty or larger than a block may be")]
    BadLength,
    /// The first transaction is no coinbase.
    #[error("the first transaction is no coinbase")]
    CoinbaseMissing {
        /// A transaction has 64 bytes, so it may be two hashes of the honest block's Merkle
        /// tree (CVE-2017-12842).
        may_be_mutation: bool,
    },
    /// Another transaction than the first is a coinbase.
    #[error("transaction {index} is a second coinbase")]
    CoinbaseMultiple {
        /// Its position in the block.
        index: u32,
    },
    /// A transaction breaks a rule.
    #[error("transaction {index} ({txid}): {error}")]
    Transaction {
        /// Its position in the block.
        index: u32,
        /// Its id.
        txid: Txid,
        /// The rule.
        error: TransactionError,
    },
    /// There are more than 80,000 units of signature operations.
    #[error("the block has too many signature operations")]
    TooManySigops,
    /// The coinbase does not start with the height (BIP34).
    #[error("the coinbase does not start with the block's height")]
    CoinbaseHeight,
    /// Block 1's coinbase does not carry the chain id in exactly one output.
    #[error("the first coinbase does not carry the chain id in exactly one output")]
    CoinbaseChainId,
    /// The coinbase's witness is not exactly one item of 32 bytes (BIP141).
    #[error("the coinbase's witness is not one item of 32 bytes")]
    WitnessNonceSize,
    /// The witness commitment is not that of the witnesses (BIP141).
    #[error("the witness commitment is not that of the witnesses")]
    WitnessCommitment,
    /// There is a witness without a commitment (BIP141).
    #[error("a witness is there without a commitment")]
    UnexpectedWitness,
    /// The coinbase does not show what one of a sealed block must.
    #[error(transparent)]
    Seal(#[from] SealRuleError),
    /// The block is heavier than 4,000,000 units.
    #[error("the block is too heavy")]
    TooHeavy,
    /// A transaction would overwrite an unspent one of the same id (BIP30).
    #[error("transaction {index} ({txid}) would overwrite an unspent one")]
    Bip30 {
        /// Its position in the block.
        index: u32,
        /// Its id.
        txid: Txid,
    },
    /// The fees together exceed 21 million coins.
    #[error("the fees together exceed the money range")]
    AccumulatedFeeOutOfRange,
    /// The coinbase pays out more than subsidy and fees.
    #[error("the coinbase pays out more than subsidy and fees")]
    CoinbaseAmount,
    /// A script fails.
    #[error("input {input} of transaction {index} ({txid}): {error}")]
    Script {
        /// The transaction's position in the block.
        index: u32,
        /// Its id.
        txid: Txid,
        /// The input.
        input: u32,
        /// Why it fails.
        error: ScriptError,
    },
}

impl BlockError {
    /// Returns Core's reject code, without its bracket.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Header(error) => error.code(),
            Self::MerkleRoot => "bad-txnmrklroot",
            Self::DuplicateTransactions => "bad-txns-duplicate",
            Self::BadLength => "bad-blk-length",
            Self::CoinbaseMissing { .. } => "bad-cb-missing",
            Self::CoinbaseMultiple { .. } => "bad-cb-multiple",
            Self::Transaction { error, .. } => error.code(),
            Self::TooManySigops => "bad-blk-sigops",
            Self::CoinbaseHeight => "bad-cb-height",
            Self::CoinbaseChainId => "bad-cb-chainid",
            Self::WitnessNonceSize => "bad-witness-nonce-size",
            Self::WitnessCommitment => "bad-witness-merkle-match",
            Self::UnexpectedWitness => "unexpected-witness",
            Self::Seal(error) => error.code(),
            Self::TooHeavy => "bad-blk-weight",
            Self::Bip30 { .. } => "bad-txns-BIP30",
            Self::AccumulatedFeeOutOfRange => "bad-txns-accumulated-fee-outofrange",
            Self::CoinbaseAmount => "bad-cb-amount",
            Self::Script { .. } => "mandatory-script-verify-flag-failed",
        }
    }

    /// Returns why the script failed, where it is a script that did.
    #[must_use]
    pub const fn script_error(&self) -> Option<ScriptError> {
        match self {
            Self::Script { error, .. } => Some(*error),
            _ => None,
        }
    }

    /// Says whether another body with the same hash may be valid, so that the hash must not
    /// be remembered as invalid (Core: `BLOCK_MUTATED`, `IsBlockMutated`).
    #[must_use]
    pub const fn is_mutation(&self) -> bool {
        match self {
            Self::MerkleRoot
            | Self::DuplicateTransactions
            | Self::WitnessNonceSize
            | Self::WitnessCommitment
            | Self::UnexpectedWitness => true,
            Self::CoinbaseMissing { may_be_mutation } => *may_be_mutation,
            _ => false,
        }
    }

    /// Says whether the same block may be valid later, so that it must not be remembered as
    /// invalid.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Header(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Returns what the error says of the peer that sent the block (Core:
    /// `MaybePunishNodeForBlock`).
    #[must_use]
    pub const fn misbehavior(&self) -> Misbehavior {
        if self.is_transient() {
            Misbehavior::Innocent
        } else if self.is_mutation() {
            Misbehavior::Mutation
        } else {
            Misbehavior::Invalid
        }
    }
}

/// Why a block was not connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The block breaks a rule.
    #[error(transparent)]
    Invalid(#[from] BlockError),
    /// The cache does not know whether this coin exists: the caller has not fetched what
    /// [`CoinsCache::missing_outpoints`](crate::CoinsCache::missing_outpoints) asked for.
    /// This is a bug of the caller and says nothing of the block.
    #[error("the coin {0} was not fetched before the block was connected")]
    NotFetched(OutPoint),
}

/// Bytes that are no coin, undo data or accumulator of this format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes end before the object does.
    #[error("unexpected end of data")]
    Truncated,
    /// Bytes follow the object.
    #[error("bytes after the end of the object")]
    TrailingBytes,
    /// The format has another version.
    #[error("unknown format version {0}")]
    Version(u8),
    /// A number or script is not in its shortest form.
    #[error("not in its shortest form")]
    NotCanonical,
    /// A number is outside its range.
    #[error("a number is out of range")]
    OutOfRange,
    /// The checksum is not that of the bytes.
    #[error("the checksum does not match")]
    Checksum,
}
