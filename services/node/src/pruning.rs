//! Forgetting old blocks when the database is larger than the operator wants.

use synod_primitives::Height;
use synod_store::{Maintenance, StoreError};

use crate::chain::Unavailable;
use crate::state::AppState;

/// Blocks after which the size is looked at again.
const EVERY_BLOCKS: u32 = 50;
/// Heights that are forgotten in one turn of the chain thread, so that others get theirs.
const BLOCKS_PER_TURN: u32 = 200;
const BYTES_PER_MEGABYTE: u64 = 1_000_000;

/// Keeps a database near a size.
#[derive(Debug)]
pub(crate) struct Pruning {
    limit_bytes: u64,
    looked_at: Height,
}

/// Why nothing was forgotten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PruneError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] Unavailable),
}

impl Pruning {
    /// Makes it of the setting in megabytes; none without the setting.
    pub(crate) fn of(megabytes: Option<u64>) -> Option<Self> {
        Some(Self {
            limit_bytes: megabytes?.saturating_mul(BYTES_PER_MEGABYTE),
            looked_at: Height::GENESIS,
        })
    }

    /// Says whether enough blocks came since the last time.
    pub(crate) fn is_due(&self, tip: Height) -> bool {
        tip.0 >= self.looked_at.0.saturating_add(EVERY_BLOCKS)
    }

    /// Forgets blocks until what is in use is below the limit, or no more can be forgotten.
    ///
    /// The file does not get smaller: its free pages take the next blocks, so it stops growing.
    pub(crate) async fn run(
        &mut self,
        state: &AppState,
        maintenance: &mut Maintenance,
    ) -> Result<(), PruneError> {
        self.looked_at = state.chain.view().height;
        loop {
            let size = maintenance.size().await?;
            if size.database_bytes.saturating_sub(size.free_bytes) <= self.limit_bytes {
                return Ok(());
            }
            let pruned = state.chain.run(|node, _| node.prune(BLOCKS_PER_TURN));
            if !pruned.await? {
                return Ok(());
            }
            maintenance.checkpoint().await?;
        }
    }
}
