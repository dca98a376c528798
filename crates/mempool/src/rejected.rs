//! The rules of admission as errors: one variant per rule, each with Core's reject code.

use synod_ledger::TransactionError;
use synod_primitives::{Height, Txid};
use synod_script::ScriptError;

use crate::fee_rate::FeeRate;

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

/// Which limit on chains of unconfirmed transactions is passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChainLimit {
    /// Too many ancestors.
    #[error("more than {0} unconfirmed ancestors")]
    AncestorCount(u64),
    /// The ancestors are too large.
    #[error("with its unconfirmed ancestors it is larger than {0} vbytes")]
    AncestorVsize(u64),
    /// An ancestor would have too many descendants.
    #[error("{ancestor} would have more than {limit} unconfirmed descendants")]
    DescendantCount {
        /// The ancestor.
        ancestor: Txid,
        /// The most.
        limit: u64,
    },
    /// An ancestor's descendants would be too large.
    #[error("{ancestor} with its descendants would be larger than {limit} vbytes")]
    DescendantVsize {
        /// The ancestor.
        ancestor: Txid,
        /// The most.
        limit: u64,
    },
}

/// Which rule of topologically restricted relay is broken (BIP431).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrucViolation {
    /// Version 3 and other versions do not spend each other's unconfirmed outputs.
    #[error("version 3 and other versions do not mix: it spends from {parent}")]
    MixedVersions {
        /// The parent.
        parent: Txid,
    },
    /// It is too large.
    #[error("{vsize} vbytes are above {limit} for version 3")]
    TooLarge {
        /// Its size.
        vsize: u64,
        /// The greatest.
        limit: u64,
    },
    /// It would have more than one unconfirmed ancestor.
    #[error("version 3 has at most one unconfirmed ancestor")]
    TooManyAncestors,
    /// Its parent would have more than one descendant.
    #[error("{parent} is of version 3 and has a child already")]
    TooManyDescendants {
        /// The parent.
        parent: Txid,
    },
}

/// In what way a replacement pays too little.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InsufficientFee {
    /// Its fee rate is not above that of each entry that it conflicts with.
    #[error("its rate of {rate} is not above the {conflict_rate} of {conflict}")]
    Rate {
        /// Its rate.
        rate: FeeRate,
        /// The entry.
        conflict: Txid,
        /// The entry's rate.
        conflict_rate: FeeRate,
        /// Whether it was to replace its parent's other child (BIP431).
        sibling_eviction: bool,
    },
    /// Its fee is below the sum of those that it would replace.
    #[error("{fee_sat} sat are less than the {replaced_sat} sat that it would replace")]
    Total {
        /// Its fee.
        fee_sat: i128,
        /// The sum.
        replaced_sat: i128,
        /// Whether it was to replace its parent's other child (BIP431).
        sibling_eviction: bool,
    },
    /// What it pays on top does not pay for its own relay.
    #[error("{additional_sat} sat more do not pay for its relay, which takes {required_sat}")]
    Relay {
        /// What it pays on top.
        additional_sat: i128,
        /// The least.
        required_sat: i64,
        /// Whether it was to replace its parent's other child (BIP431).
        sibling_eviction: bool,
    },
}

impl InsufficientFee {
    const fn is_sibling_eviction(&self) -> bool {
        match self {
            Self::Rate {
                sibling_eviction, ..
            }
            | Self::Total {
                sibling_eviction, ..
            }
            | Self::Relay {
                sibling_eviction, ..
            } => *sibling_eviction,
        }
    }
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
            Self::Transaction(TransactionError::PrematureSpendOfCoinbase { .. })
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
