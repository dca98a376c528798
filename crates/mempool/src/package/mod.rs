//! Packages: a child with its unconfirmed parents, for which it may pay.

mod replace;
mod submit;
mod test;

use std::collections::BTreeSet;

use synod_primitives::{Amount, OutPoint, Transaction, Txid, Wtxid};

use crate::admission::Accepted;
use crate::fee_rate::FeeRate;
use crate::policy::{MAX_PACKAGE_COUNT, MAX_PACKAGE_WEIGHT};
use crate::rejected::{ChainLimit, InsufficientFee, TrucViolation};

/// What became of a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackageResult {
    /// What is wrong with the package as a whole; `None` when all members are in the mempool.
    pub error: Option<PackageError>,
    /// What became of each member, in their order; some may be in the mempool although others
    /// are not.
    pub members: Vec<MemberResult>,
}

/// What became of a member of a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemberResult {
    /// It was admitted, or would be.
    Accepted {
        /// The transaction.
        accepted: Accepted,
        /// The fee rate that it was judged by.
        effective_fee_rate: FeeRate,
        /// The transactions that this rate is taken over.
        effective_includes: Vec<Wtxid>,
    },
    /// It was here before.
    AlreadyHere {
        /// Its fee.
        fee: Amount,
        /// Its virtual size in vbytes.
        vsize: u64,
    },
    /// It was here before with another witness, and stays so.
    OtherWitness {
        /// The entry's id with witness.
        wtxid: Wtxid,
    },
    /// It is refused.
    Rejected(crate::rejected::Rejected),
    /// Nothing is known of it, as the package was refused before.
    Unfinished,
}

/// What is wrong with a package as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PackageError {
    /// It has too many members.
    #[error("{count} transactions are above {MAX_PACKAGE_COUNT}")]
    TooManyTransactions {
        /// Its members.
        count: usize,
    },
    /// It is too heavy.
    #[error("a weight of {weight} is above {MAX_PACKAGE_WEIGHT}")]
    TooLarge {
        /// Its weight.
        weight: u64,
    },
    /// A transaction is in it twice.
    #[error("a transaction is in the package twice")]
    Duplicates,
    /// A child stands before its parent.
    #[error("a child stands before its parent")]
    NotSorted,
    /// Two members spend the same output, or one spends nothing.
    #[error("two transactions of the package spend the same output")]
    Conflict,
    /// It is not a child with its parents.
    #[error("it is not a child with its parents")]
    NotChildWithParents,
    /// A parent of the child is neither in it nor confirmed.
    #[error("a parent of the child is neither in the package nor confirmed")]
    NotChildWithUnconfirmedParents,
    /// It would make chains of unconfirmed transactions too long.
    #[error("chains of unconfirmed transactions would be too long: {0}")]
    MempoolLimits(ChainLimit),
    /// It breaks a rule of topologically restricted relay (BIP431).
    #[error(transparent)]
    Truc(#[from] TrucViolation),
    /// It may not replace what it conflicts with.
    #[error(transparent)]
    Replacement(#[from] PackageReplacementError),
    /// A member is refused.
    #[error("a transaction of the package is refused")]
    TransactionFailed,
}

/// Why a package may not replace what it conflicts with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PackageReplacementError {
    /// It is not one parent with one child.
    #[error("only one parent with one child can replace")]
    NotOneParentOneChild,
    /// It has ancestors in the mempool.
    #[error("a package with ancestors in the mempool cannot replace")]
    HasAncestors,
    /// It would replace too many entries.
    #[error("it would replace {0} entries, too many")]
    TooMany(u64),
    /// It does not pay for what it replaces and for its own relay.
    #[error(transparent)]
    InsufficientFee(InsufficientFee),
    /// The child pays for nothing but itself.
    #[error("the package's fee rate is not above the parent's")]
    ChildDoesNotPay,
    /// What it conflicts with hangs together with more than one other entry.
    #[error("what it conflicts with hangs together with more than one other entry")]
    UnsupportedTopology,
    /// Blocks would not earn more, whatever their size.
    #[error("the mempool would not be better for blocks of every size")]
    NoBetterDiagram,
}

impl PackageError {
    /// Returns Core's reject code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyTransactions { .. } => "package-too-many-transactions",
            Self::TooLarge { .. } => "package-too-large",
            Self::Duplicates => "package-contains-duplicates",
            Self::NotSorted => "package-not-sorted",
            Self::Conflict => "conflict-in-package",
            Self::NotChildWithParents => "package-not-child-with-parents",
            Self::NotChildWithUnconfirmedParents => "package-not-child-with-unconfirmed-parents",
            Self::MempoolLimits(_) => "package-mempool-limits",
            Self::Truc(_) => "TRUC-violation",
            Self::Replacement(error) => error.code(),
            Self::TransactionFailed => "transaction failed",
        }
    }
}

impl PackageReplacementError {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotOneParentOneChild => "package RBF failed: package must be 1-parent-1-child",
            Self::HasAncestors => {
                "package RBF failed: new transaction cannot have mempool ancestors"
            }
            Self::TooMany(_) => "package RBF failed: too many potential replacements",
            Self::InsufficientFee(_) => "package RBF failed: insufficient anti-DoS fees",
            Self::ChildDoesNotPay => {
                "package RBF failed: package feerate is less than or equal to parent feerate"
            }
            Self::UnsupportedTopology => "package RBF failed: unsupported conflict topology",
            Self::NoBetterDiagram => {
                "package RBF failed: insufficient feerate: does not improve feerate diagram"
            }
        }
    }
}

/// Checks what needs no context (Core: `IsWellFormedPackage`).
fn check_well_formed(package: &[Transaction]) -> Result<(), PackageError> {
    let count = package.len();
    if count > MAX_PACKAGE_COUNT {
        return Err(PackageError::TooManyTransactions { count });
    }
    let weight = package
        .iter()
        .map(|transaction| transaction.weight().0)
        .sum();
    if count > 1 && weight > MAX_PACKAGE_WEIGHT {
        return Err(PackageError::TooLarge { weight });
    }
    let mut later: BTreeSet<Txid> = package.iter().map(Transaction::txid).collect();
    if later.len() != count {
        return Err(PackageError::Duplicates);
    }
    for transaction in package {
        if transaction
            .inputs()
            .iter()
            .any(|input| later.contains(&input.prevout.txid))
        {
            return Err(PackageError::NotSorted);
        }
        later.remove(&transaction.txid());
    }
    let mut spent: BTreeSet<OutPoint> = BTreeSet::new();
    for transaction in package {
        let inputs = transaction.inputs();
        if inputs.is_empty() || inputs.iter().any(|input| spent.contains(&input.prevout)) {
            return Err(PackageError::Conflict);
        }
        // All at once: an output that one transaction spends twice breaks another rule.
        spent.extend(inputs.iter().map(|input| input.prevout));
    }
    Ok(())
}

/// Checks that all but the last are parents of the last (Core: `IsChildWithParents`).
fn check_child_with_parents(package: &[Transaction]) -> Result<&Transaction, PackageError> {
    let [parents @ .., child] = package else {
        return Err(PackageError::NotChildWithParents);
    };
    let spends = |parent: &Transaction| {
        child
            .inputs()
            .iter()
            .any(|input| input.prevout.txid == parent.txid())
    };
    match parents.is_empty() || !parents.iter().all(spends) {
        true => Err(PackageError::NotChildWithParents),
        false => Ok(child),
    }
}
