//! The coins of a chain: fetched for a whole block at once, then connected or disconnected.

use std::sync::Arc;

use synod_ledger::{
    BlockUndo, ConnectError, ContextualBlock, MedianTimes, Scripts, SignatureCache, Workers,
    connect_block, disconnect_block,
};
use synod_primitives::{Block, Height, OutPoint};

use crate::chain::Chain;
use crate::storage::StorageError;
use crate::tree::{BlockTree, EntryId};
use crate::verdict::{NodeError, Refusal};

/// The median times of a branch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BranchTimes<'a> {
    pub(crate) tree: &'a BlockTree,
    pub(crate) end: EntryId,
}

impl MedianTimes for BranchTimes<'_> {
    fn median_time_past(&self, height: Height) -> u32 {
        self.tree
            .median_time_past(self.tree.ancestor(self.end, height))
    }
}

impl Chain {
    /// Reads coins that the cache does not know; sorted as storage wants them.
    pub(crate) fn fetch_coins(&mut self, mut missing: Vec<OutPoint>) -> Result<(), StorageError> {
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_unstable();
        missing.dedup();
        let mut found = self.storage.load_coins(&missing)?.into_iter().peekable();
        for outpoint in missing {
            let coin = found
                .next_if(|(at, _)| *at == outpoint)
                .map(|(_, coin)| coin);
            self.coins.insert_fetched(outpoint, coin);
        }
        Ok(())
    }

    /// Connects a block to the coins at the tip, which is its parent; returns its undo data.
    ///
    /// Without a cache scripts are skipped: the block was valid before.
    pub(crate) fn connect_coins(
        &mut self,
        block: &ContextualBlock<Arc<Block>>,
        cache: Option<&dyn SignatureCache>,
    ) -> Result<BlockUndo, NodeError> {
        let missing = self.coins.missing_outpoints(block.block(), &self.rules);
        self.fetch_coins(missing)?;
        let times = BranchTimes {
            tree: &self.tree,
            end: self.tree.tip(),
        };
        let scripts = match cache {
            Some(cache) if self.settings.threads > 1 => Scripts::Verify {
                workers: Workers::Pool(&self.pool),
                cache,
            },
            Some(cache) => Scripts::Verify {
                workers: Workers::CallingThread,
                cache,
            },
            None => Scripts::Skip,
        };
        let connected = connect_block(block, &times, &mut self.coins, &self.rules, &scripts);
        match connected {
            Ok(connected) => Ok(connected.undo),
            Err(ConnectError::Invalid(error)) => Err(Refusal::from(&error).into()),
            Err(error @ ConnectError::NotFetched(_)) => {
                Err(StorageError::Corrupt(error.to_string()).into())
            }
        }
    }

    /// Takes the block at the tip off the coins.
    pub(crate) fn disconnect_coins(&mut self, block: &Block) -> Result<(), StorageError> {
        let hash = block.hash();
        let damaged = |why: String| StorageError::Corrupt(format!("undo data of {hash}: {why}"));
        let undo = self.load_undo(hash)?;
        let height = self.tree.entry(self.tree.tip()).record.height;
        let missing = self.coins.missing_outputs(block, height);
        self.fetch_coins(missing)?;
        disconnect_block(block, height, &undo, &mut self.coins)
            .map_err(|error| damaged(error.to_string()))
    }
}
