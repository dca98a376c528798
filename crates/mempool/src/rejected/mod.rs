//! The rules of admission as errors: one variant per rule, each with Core's reject code.

mod not_standard;
mod relations;

pub use not_standard::NotStandard;
pub use relations::{ChainLimit, InsufficientFee, TrucViolation};

use synod_ledger::{StakeError, TransactionError};
use synod_primitives::{Height, Txid};
use synod_script::ScriptError;

/// Why a transaction is not admitted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejected {
    /// It breaks a rule of the ledger, apart from scripts.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// It is a coinbase, which only a block may hold.
    #[error("a coinbase is valid in a block only")]
    Coinbase,
    /// It is not standard.
    #[error(transparent)]
    NotStandard(#[from] NotStandard),
    /// Its lock time is not reached in the next block.
    #[error("the lock time is not reached at height {next_height}")]
    NonFinal {
        /// The next block's height.
        next_height: Height,
    },
    /// It is in the mempool.
    #[error("the transaction is in the mempool")]
    AlreadyInMempool,
    /// It is in the mempool with another witness.
    #[error("the transaction is in the mempool with another witness")]
    SameNonWitnessData,
    /// It spends what an entry spends, where replacement is not allowed.
    #[error("it spends what {with} spends, and nothing is replaced here")]
    ReplacementDisallowed {
        /// The entry.
        with: Txid,
    },
    /// It spends what an entry spends that does not signal that it can be replaced.
    #[error("it spends what {with} spends, which cannot be replaced")]
    MempoolConflict {
        /// The entry.
        with: Txid,
    },
    /// Outputs that it spends are not known: spent, or of transactions that are not here yet.
    #[error("{} transactions that it spends from are missing, or their outputs are spent", parents.len())]
    MissingInputs {
        /// The transactions, sorted, each once.
        parents: Vec<Txid>,
    },
    /// Its outputs are unspent coins: a block holds it.
    #[error("the transaction is confirmed")]
    AlreadyKnown,
    /// A relative lock time is not reached in the next block (BIP68).
    #[error("a relative lock time is not reached")]
    NonBip68Final,
    /// It spends an output in a way that is not standard.
    #[error("input {input} spends in a way that is not standard")]
    NonStandardInputs {
        /// The input.
        input: u32,
    },
    /// A witness is not standard.
    #[error("the witness of input {input} is not standard")]
    NonStandardWitness {
        /// The input.
        input: u32,
    },
    /// It has too many signature operations.
    #[error("its signature operations cost {cost}, {limit} are allowed")]
    TooManySigops {
        /// Their cost.
        cost: u64,
        /// The greatest cost.
        limit: u64,
    },
    /// Its fee is below the least for relay.
    #[error("the fee of {fee_sat} sat is below {required_sat} sat, the least for relay")]
    MinRelayFee {
        /// The fee, an operator's delta included.
        fee_sat: i64,
        /// The least fee.
        required_sat: i64,
        /// Whether another transaction of a package may pay for it.
        by_package: bool,
    },
    /// Its fee is below the mempool's minimum, which rises when it is full.
    #[error("the fee of {fee_sat} sat is below {required_sat} sat, the mempool's minimum")]
    MempoolMinFee {
        /// The fee, an operator's delta included.
        fee_sat: i64,
        /// The least fee.
        required_sat: i64,
    },
    /// It was evicted at once, as the mempool is full.
    #[error("the mempool is full of transactions that pay more")]
    MempoolFull,
    /// Its fee is above what its sender allows.
    #[error("the fee of {fee_sat} sat is above {limit_sat} sat, which the sender allows")]
    MaxFeeExceeded {
        /// The fee.
        fee_sat: i64,
        /// The greatest fee.
        limit_sat: i64,
    },
    /// Too many unconfirmed transactions would hang together.
    #[error(transparent)]
    TooLongChain(#[from] ChainLimit),
    /// It breaks a rule of topologically restricted relay (BIP431).
    #[error(transparent)]
    Truc(#[from] TrucViolation),
    /// It spends what it would replace.
    #[error("it spends from {conflict}, which it conflicts with")]
    SpendsConflictingTx {
        /// The entry.
        conflict: Txid,
    },
    /// It pays too little to replace what it conflicts with.
    #[error(transparent)]
    InsufficientFee(#[from] InsufficientFee),
    /// It would replace too many entries.
    #[error("it would replace {count} entries, {limit} are allowed")]
    TooManyReplacements {
        /// The entries, some perhaps counted twice.
        count: u64,
        /// The most.
        limit: u64,
        /// Whether it was to replace its parent's other child (BIP431).
        sibling_eviction: bool,
    },
    /// As a replacement it spends an unconfirmed output that none of the replaced spends.
    #[error("as a replacement it adds the unconfirmed input {input}")]
    ReplacementAddsUnconfirmed {
        /// The input.
        input: u32,
        /// Whether it was to replace its parent's other child (BIP431).
        sibling_eviction: bool,
    },
    /// A script fails.
    #[error("the script of input {input} fails: {error}")]
    Script {
        /// The input.
        input: u32,
        /// Why.
        error: ScriptError,
        /// Whether the rules of blocks refuse it too, not only policy.
        is_mandatory: bool,
        /// Whether only the witness is missing.
        is_witness_stripped: bool,
    },
}

/// What a rejection says of the transaction (Core: `TxValidationResult`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// No block may hold it: no honest peer sends it.
    Consensus,
    /// This node does not want it; others may.
    Policy,
    /// What it spends is not known: it may be an orphan.
    MissingInputs,
    /// It may be valid later.
    Premature,
    /// It is known, or in the way of something known.
    Conflict,
    /// The fault lies in the witness, which whoever relays it can change: the txid must not be
    /// remembered.
    Witness,
    /// A child of it may pay for it in a package.
    Reconsiderable,
}

impl Rejected {
    /// Returns Core's reject code, without its bracket.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Transaction(error) => error.code(),
            Self::Coinbase => "coinbase",
            Self::NotStandard(error) => error.code(),
            Self::NonFinal { .. } => "non-final",
            Self::AlreadyInMempool => "txn-already-in-mempool",
            Self::SameNonWitnessData => "txn-same-nonwitness-data-in-mempool",
            Self::ReplacementDisallowed { .. } => "bip125-replacement-disallowed",
            Self::MempoolConflict { .. } => "txn-mempool-conflict",
            Self::MissingInputs { .. } => "bad-txns-inputs-missingorspent",
            Self::AlreadyKnown => "txn-already-known",
            Self::NonBip68Final => "non-BIP68-final",
            Self::NonStandardInputs { .. } => "bad-txns-nonstandard-inputs",
            Self::NonStandardWitness { .. } => "bad-witness-nonstandard",
            Self::TooManySigops { .. } => "bad-txns-too-many-sigops",
            Self::MinRelayFee { .. } => "min relay fee not met",
            Self::MempoolMinFee { .. } => "mempool min fee not met",
            Self::MempoolFull => "mempool full",
            Self::MaxFeeExceeded { .. } => "max-fee-exceeded",
            Self::TooLongChain(_) => "too-long-mempool-chain",
            Self::Truc(_) => "TRUC-violation",
            Self::SpendsConflictingTx { .. } => "bad-txns-spends-conflicting-tx",
            Self::Script {
                is_mandatory: true, ..
            } => "mandatory-script-verify-flag-failed",
            Self::Script { .. } => "non-mandatory-script-verify-flag",
            _ => self.replacement_code(),
        }
    }

    /// Core adds to the code of a failed replacement when the conflict is its parent's other
    /// child.
    const fn replacement_code(&self) -> &'static str {
        match self {
            Self::InsufficientFee(error) if error.is_sibling_eviction() => {
                "insufficient fee (including sibling eviction)"
            }
            Self::InsufficientFee(_) => "insufficient fee",
            Self::TooManyReplacements {
                sibling_eviction: true,
                ..
            } => "too many potential replacements (including sibling eviction)",
            Self::TooManyReplacements { .. } => "too many potential replacements",
            Self::ReplacementAddsUnconfirmed {
                sibling_eviction: true,
                ..
            } => "replacement-adds-unconfirmed (including sibling eviction)",
            _ => "replacement-adds-unconfirmed",
        }
    }

    /// Returns why a script failed, where it is a script that did.
    #[must_use]
    pub const fn script_error(&self) -> Option<ScriptError> {
        match self {
            Self::Script { error, .. } => Some(*error),
            _ => None,
        }
    }

    /// Says whether exactly this transaction is in the mempool, so that sending it again is no
    /// error.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::AlreadyInMempool)
    }

    /// Returns the transactions that it waits for, if it may be an orphan.
    #[must_use]
    pub fn missing_parents(&self) -> Option<&[Txid]> {
        match self {
            Self::MissingInputs { parents } => Some(parents),
            _ => None,
        }
    }

    /// Returns what the rejection says of the transaction.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Transaction(
                TransactionError::PrematureSpendOfCoinbase { .. }
                | TransactionError::Stake(StakeError::Locked { .. }),
            )
            | Self::NonFinal { .. }
            | Self::NonBip68Final => Class::Premature,
            Self::Transaction(_) | Self::Coinbase | Self::SpendsConflictingTx { .. } => {
                Class::Consensus
            }
            Self::Script {
                is_witness_stripped: true,
                ..
            }
            | Self::NonStandardWitness { .. } => Class::Witness,
            Self::Script {
                is_mandatory: true, ..
            } => Class::Consensus,
            Self::MissingInputs { .. } => Class::MissingInputs,
            Self::AlreadyInMempool | Self::SameNonWitnessData | Self::AlreadyKnown => {
                Class::Conflict
            }
            Self::MinRelayFee {
                by_package: true, ..
            }
            | Self::MempoolMinFee { .. }
            | Self::MempoolFull
            | Self::InsufficientFee(_) => Class::Reconsiderable,
            _ => Class::Policy,
        }
    }
}
