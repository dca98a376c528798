//! Storage in memory, for tests and simulations.

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_ledger::Coin;
use synod_primitives::{BlockHash, Height, OutPoint};

use crate::storage::{Batch, HeaderRecord, Storage, StorageError, Stored};

/// Storage over maps. A clone is a snapshot, as a copy of a database's files would be.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    headers: BTreeMap<BlockHash, HeaderRecord>,
    blocks: BTreeMap<BlockHash, Bytes>,
    undo: BTreeMap<BlockHash, Bytes>,
    active: Vec<BlockHash>,
    coins: BTreeMap<OutPoint, Coin>,
    coins_tip: Option<BlockHash>,
    engine: Option<Bytes>,
    engine_state: Option<Bytes>,
    commits: u64,
    pruned_below: Height,
}

impl MemoryStorage {
    /// Starts empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of commits so far.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Borrows the coins table.
    #[must_use]
    pub fn coins(&self) -> &BTreeMap<OutPoint, Coin> {
        &self.coins
    }
}

impl Storage for MemoryStorage {
    fn load(&mut self) -> Result<Stored, StorageError> {
        let mut headers: Vec<HeaderRecord> = self.headers.values().cloned().collect();
        headers.sort_by_key(|record| (record.height, record.arrival));
        Ok(Stored {
            headers,
            active: self.active.clone(),
            coins_tip: self.coins_tip,
            engine: self.engine.clone(),
            engine_state: self.engine_state.clone(),
            pruned_below: self.pruned_below,
        })
    }

    fn load_block(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        Ok(self.blocks.get(&hash).cloned())
    }

    fn load_undo(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        Ok(self.undo.get(&hash).cloned())
    }

    fn load_coins(
        &mut self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<(OutPoint, Coin)>, StorageError> {
        let found = outpoints.iter().filter_map(|outpoint| {
            self.coins
                .get(outpoint)
                .map(|coin| (*outpoint, coin.clone()))
        });
        Ok(found.collect())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StorageError> {
        self.commits += 1;
        self.headers.extend(
            batch
                .headers
                .into_iter()
                .map(|record| (record.hash, record)),
        );
        self.blocks.extend(batch.blocks);
        self.undo.extend(batch.undo);
        if let Some(change) = batch.chain {
            self.active.truncate(change.fork.0.0 as usize + 1);
            if self.active.is_empty() {
                self.active.push(change.fork.1);
            }
            self.active.extend(change.connected);
        }
        if let Some(flush) = batch.coins {
            for outpoint in flush.deletes {
                self.coins.remove(&outpoint);
            }
            self.coins.extend(flush.inserts);
            self.coins_tip = Some(flush.tip);
        }
        if batch.engine.is_some() {
            self.engine = batch.engine;
        }
        if batch.engine_state.is_some() {
            self.engine_state = batch.engine_state;
        }
        Ok(())
    }

    fn prune(&mut self, below: Height) -> Result<Height, StorageError> {
        let (headers, kept) = (&self.headers, below);
        let is_kept = |hash: &BlockHash| {
            let record = headers.get(hash);
            record.is_none_or(|it| it.height >= kept || it.height == Height::GENESIS)
        };
        self.blocks.retain(|hash, _| is_kept(hash));
        self.undo.retain(|hash, _| is_kept(hash));
        self.pruned_below = below;
        Ok(below)
    }
}
