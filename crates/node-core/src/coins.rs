//! The coins of a chain: fetched for a whole block at once, then connected or disconnected.

use std::sync::Arc;

use synod_ledger::{
    BlockUndo, ConnectError, Connected, ContextualBlock, MedianTimes, PendingScripts, Scripts,
    SignatureCache, Workers, connect_block, connect_block_ahead, disconnect_block,
};
use synod_primitives::{Block, Height, OutPoint};

use crate::chain::Chain;
use crate::storage::StorageError;
use crate::tree::{BlockTree, EntryId};
use crate::verdict::{NodeError, Refusal};

/// No coin that is expected takes more of the memory for coins than this; the rest is left for
/// their scripts and for the table to grow.
const MAX_BYTES_PER_EXPECTED_COIN: usize = 512;

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
        connected.map(undo_of).map_err(refused)
    }

    /// Connects a block as [`Chain::connect_coins`] does, its scripts apart, which are verified
    /// meanwhile.
    pub(crate) fn connect_coins_ahead(
        &mut self,
        block: &ContextualBlock<Arc<Block>>,
        cache: &dyn SignatureCache,
    ) -> Result<(BlockUndo, PendingScripts), NodeError> {
        // As long as blocks find all their coins in memory, the next one is tried without asking
        // what it lacks: an attempt that fails for want of a coin changes nothing.
        if self.coins_are_here {
            match self.try_connect_ahead(block, cache) {
                Err(ConnectError::NotFetched(_)) => {}
                connected => return connected.map_err(refused),
            }
        }
        let missing = self.coins.missing_outpoints(block.block(), &self.rules);
        self.coins_are_here = missing.is_empty();
        self.fetch_coins(missing)?;
        self.try_connect_ahead(block, cache).map_err(refused)
    }

    fn try_connect_ahead(
        &mut self,
        block: &ContextualBlock<Arc<Block>>,
        cache: &dyn SignatureCache,
    ) -> Result<(BlockUndo, PendingScripts), ConnectError> {
        let times = BranchTimes {
            tree: &self.tree,
            end: self.tree.tip(),
        };
        let (coins, rules) = (&mut self.coins, &self.rules);
        let (connected, pending) =
            connect_block_ahead(block, &times, coins, rules, &self.pool, cache)?;
        Ok((undo_of(connected), pending))
    }

    /// Makes room for about so many coins more, as far as memory may be used for them.
    pub fn expect_coins(&mut self, count: usize) {
        let most = self.settings.coins_cache_bytes / MAX_BYTES_PER_EXPECTED_COIN;
        self.coins.reserve(count.min(most));
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

fn undo_of(connected: Connected) -> BlockUndo {
    connected.undo
}

fn refused(error: ConnectError) -> NodeError {
    match error {
        ConnectError::Invalid(error) => Refusal::from(&error).into(),
        ConnectError::NotFetched(_) => StorageError::Corrupt(error.to_string()).into(),
    }
}
