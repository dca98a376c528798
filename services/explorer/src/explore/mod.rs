//! Questions about the chain and the mempool, answered from one snapshot.
//!
//! What is here knows neither HTTP nor HTML: the Esplora API and the pages show the same answers.

mod blocks;
mod fate;
mod proof;
mod scripts;
mod transactions;

pub(crate) use fate::Fate;
pub(crate) use proof::merkle_block;
pub(crate) use scripts::{ScriptUse, Unspent};
pub(crate) use transactions::{Outspend, Place, TxView};

use crate::snapshot::SnapshotError;
use crate::store::StoreError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExploreError {
    /// There is no snapshot to answer from.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More rows than one answer may have.
    #[error("more than {limit} unspent outputs; ask for the history instead")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}
