//! Rules on a transaction's relations in the mempool: chains, families of version 3, what it
//! replaces.

use synod_primitives::Txid;

use crate::fee_rate::FeeRate;

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
    pub(super) const fn is_sibling_eviction(&self) -> bool {
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
