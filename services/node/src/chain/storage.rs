//! The node core's storage port over the store.

use std::collections::VecDeque;

use bytes::Bytes;
use synod_ledger::Coin;
use synod_node_core::{
    Batch, CoinsFlush, Durability, HeaderRecord, Status, Storage, StorageError, Stored,
};
use synod_primitives::{BlockHash, Height, OutPoint};
use synod_store::{self as store, BlockStatus, CoinReader, Reader, StoreError, Writer};
use tokio::runtime::Handle;

use super::index::TransactionIndex;
use super::write_behind::{WriteBehind, failed};

/// The name of the record that holds what the engine must not forget.
const ENGINE_RECORD: &str = "engine";
/// The name of the record that holds the engine's state at a final block.
const ENGINE_STATE_RECORD: &str = "engine-state";

/// The store as the chain thread uses it: reads and synced commits block that thread until they are
/// done; a deferred commit is written behind it, one at a time.
pub struct StoreAdapter {
    writing: WriteBehind,
    reader: Reader,
    /// Opened when the first coin is asked for.
    coin_reader: Option<CoinReader>,
    runtime: Handle,
    /// Batches that are not written yet, oldest first; those that there was no room for stay. The
    /// node core is past them, so reads look into them first.
    unwritten: VecDeque<Box<Batch>>,
}

impl StoreAdapter {
    /// Wraps a store's writer and reader; `runtime` drives them.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn new(writer: Writer, reader: Reader, runtime: Handle) -> std::io::Result<Self> {
        let index = TransactionIndex::new(reader.clone());
        Ok(Self {
            writing: WriteBehind::start(writer, index, runtime.clone())?,
            reader,
            coin_reader: None,
            runtime,
            unwritten: VecDeque::new(),
        })
    }

    async fn load_all(&self) -> Result<Stored, StoreError> {
        let standing = self.reader.standing().await?;
        let headers = self
            .reader
            .headers_without_proofs()
            .await?
            .into_iter()
            .map(from_record)
            .collect();
        let active = match standing.tip {
            Some((height, _)) => {
                self.reader
                    .active_chain(Height::GENESIS, height.0 as usize + 1)
                    .await?
            }
            None => Vec::new(),
        };
        Ok(Stored {
            headers,
            active,
            coins_tip: standing.coins_tip,
            engine: self.reader.meta(ENGINE_RECORD).await?,
            engine_state: self.reader.meta(ENGINE_STATE_RECORD).await?,
            pruned_below: standing.pruned_below,
        })
    }

    /// Reads coins on this thread; what is not found at first is looked for with proof, since an
    /// absence decides a block's verdict.
    fn find_coins(&mut self, outpoints: &[OutPoint]) -> Result<Vec<(OutPoint, Bytes)>, StoreError> {
        if outpoints.is_empty() {
            return Ok(Vec::new());
        }
        let coin_reader = match &mut self.coin_reader {
            Some(open) => open,
            none => none.insert(self.reader.coin_reader()?),
        };
        let mut found = coin_reader.coins(outpoints)?;
        if found.len() == outpoints.len() {
            return Ok(found);
        }
        let is_missing = |outpoint: &&OutPoint| {
            found
                .binary_search_by_key(*outpoint, |(at, _)| *at)
                .is_err()
        };
        let missing: Vec<OutPoint> = outpoints.iter().filter(is_missing).copied().collect();
        let proven = self.reader.coins_proven(&missing);
        found.extend(self.runtime.block_on(proven)?);
        found.sort_unstable_by_key(|(at, _)| *at);
        Ok(found)
    }

    /// Splits coins that are asked for into those that unwritten batches make, and those that they
    /// say nothing of. What they delete is in neither.
    fn overlaid(&self, outpoints: &[OutPoint]) -> (Vec<(OutPoint, Coin)>, Vec<OutPoint>) {
        let flushes = || {
            let newest_first = self.unwritten.iter().rev();
            newest_first.filter_map(|batch| batch.coins.as_ref())
        };
        let (mut made, mut rest) = (Vec::new(), Vec::new());
        for outpoint in outpoints {
            match flushes().find_map(|flush| change_of(flush, outpoint)) {
                Some(Some(coin)) => made.push((*outpoint, coin)),
                Some(None) => {}
                None => rest.push(*outpoint),
            }
        }
        (made, rest)
    }

    /// Waits for the batch that is being written. One that failed goes back to its place.
    fn settle(&mut self) -> Result<(), StorageError> {
        match self.writing.finish()? {
            Some((batch, Err(error))) => {
                self.unwritten.push_front(batch);
                Err(error)
            }
            Some((_, Ok(()))) | None => Ok(()),
        }
    }

    /// Waits until readers and [`Self::unwritten`] together show all batches.
    ///
    /// Correctness: a batch that there was no room for is in the second; the next commit meets it
    /// again and reports it.
    fn settle_for_reading(&mut self) -> Result<(), StorageError> {
        match self.settle() {
            Err(StorageError::Full(_)) => Ok(()),
            settled => settled,
        }
    }

    /// Writes all batches in their order; the last is left to be written behind where it may.
    fn write(&mut self) -> Result<(), StorageError> {
        self.settle()?;
        while let Some(batch) = self.unwritten.pop_front() {
            let may_follow = self.unwritten.is_empty() && batch.durability == Durability::Deferred;
            self.writing.begin(batch)?;
            if !may_follow {
                self.settle()?;
            }
        }
        Ok(())
    }
}

/// What a flush says of a coin: that it is there, that it is not, or nothing.
fn change_of(flush: &CoinsFlush, outpoint: &OutPoint) -> Option<Option<Coin>> {
    let inserted = flush.inserts.binary_search_by_key(outpoint, |(at, _)| *at);
    if let Ok(index) = inserted {
        return Some(Some(flush.inserts[index].1.clone()));
    }
    flush
        .deletes
        .binary_search(outpoint)
        .is_ok()
        .then_some(None)
}

impl Storage for StoreAdapter {
    fn load(&mut self) -> Result<Stored, StorageError> {
        // Bulk work may have left the index behind.
        self.settle()?;
        self.writing.catch_up()?;
        self.runtime.block_on(self.load_all()).map_err(failed)
    }

    fn load_block(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        self.settle_for_reading()?;
        let unwritten = self.unwritten.iter();
        if let Some(raw) = unwritten.rev().find_map(|it| find(&it.blocks, hash)) {
            return Ok(Some(raw));
        }
        self.runtime
            .block_on(self.reader.block(hash))
            .map_err(failed)
    }

    fn load_undo(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        self.settle_for_reading()?;
        let unwritten = self.unwritten.iter();
        if let Some(raw) = unwritten.rev().find_map(|it| find(&it.undo, hash)) {
            return Ok(Some(raw));
        }
        self.runtime
            .block_on(self.reader.undo(hash))
            .map_err(failed)
    }

    fn load_coins(
        &mut self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<(OutPoint, Coin)>, StorageError> {
        if self.writing.changes_coins() {
            self.settle_for_reading()?;
        }
        let (mut found, rest) = self.overlaid(outpoints);
        let stored = self.find_coins(&rest).map_err(failed)?;
        for (outpoint, bytes) in stored {
            let coin = Coin::decode(&bytes)
                .map_err(|error| StorageError::Corrupt(format!("coin {outpoint}: {error}")))?;
            found.push((outpoint, coin));
        }
        found.sort_unstable_by_key(|(outpoint, _)| *outpoint);
        Ok(found)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StorageError> {
        self.unwritten.push_back(Box::new(batch));
        self.write()
    }

    fn prune(&mut self, below: Height) -> Result<Height, StorageError> {
        self.retry()?;
        self.writing.prune(below)?;
        Ok(below)
    }

    fn set_record(&mut self, name: &'static str, value: Bytes) -> Result<(), StorageError> {
        self.retry()?;
        self.writing.set_record(name, value)
    }

    fn tidy(&mut self) -> Result<bool, StorageError> {
        self.retry()?;
        self.writing.index()
    }

    fn retry(&mut self) -> Result<(), StorageError> {
        self.write()?;
        self.settle()
    }
}

fn find(blocks: &[(BlockHash, Bytes)], hash: BlockHash) -> Option<Bytes> {
    let found = blocks.iter().find(|(at, _)| *at == hash);
    found.map(|(_, raw)| raw.clone())
}

fn from_record(record: store::HeaderRecord) -> HeaderRecord {
    HeaderRecord {
        hash: record.hash,
        header: record.header,
        height: record.height,
        chainwork: record.chainwork,
        status: match record.status {
            BlockStatus::HeaderOnly => Status::HeaderOnly,
            BlockStatus::Stored => Status::Stored,
            BlockStatus::Valid => Status::Valid,
            BlockStatus::Failed { code, at } => Status::Failed { code, at },
        },
        arrival: record.arrival,
        transaction_count: record.transaction_count,
    }
}

fn into_record(record: &HeaderRecord, proof: Bytes) -> store::HeaderRecord {
    store::HeaderRecord {
        hash: record.hash,
        header: record.header,
        proof,
        height: record.height,
        chainwork: record.chainwork,
        status: match &record.status {
            Status::HeaderOnly => BlockStatus::HeaderOnly,
            Status::Stored => BlockStatus::Stored,
            Status::Valid => BlockStatus::Valid,
            Status::Failed { code, at } => BlockStatus::Failed {
                code: code.clone(),
                at: *at,
            },
        },
        arrival: record.arrival,
        transaction_count: record.transaction_count,
    }
}

/// Translates a batch for the store.
pub(super) fn into_store(batch: &Batch) -> store::Batch {
    let chain = batch.chain.as_ref().map(|change| match change.fork {
        // The genesis block is written like any other; the store has none below it.
        (Height::GENESIS, genesis) if change.connected.is_empty() => store::ChainChange {
            fork: None,
            connected: vec![genesis],
        },
        fork => store::ChainChange {
            fork: Some(fork),
            connected: change.connected.clone(),
        },
    });
    let coins = batch.coins.as_ref().map(|flush| store::CoinsFlush {
        tip: flush.tip,
        inserts: flush
            .inserts
            .iter()
            .map(|(outpoint, coin)| (*outpoint, Bytes::from(coin.encode())))
            .collect(),
        deletes: flush.deletes.clone(),
    });
    // Proofs come in the order of the headers that have one.
    let mut proofs = batch.proofs.iter().peekable();
    let mut proof_of = |hash: BlockHash| {
        let next = proofs.next_if(|(at, _)| *at == hash);
        next.map_or_else(Bytes::new, |(_, proof)| proof.clone())
    };
    let headers = batch.headers.iter();
    let headers = headers.map(|it| into_record(it, proof_of(it.hash)));
    store::Batch {
        headers: headers.collect(),
        blocks: batch.blocks.clone(),
        undo: batch.undo.clone(),
        chain,
        coins,
        meta: [
            (ENGINE_RECORD, &batch.engine),
            (ENGINE_STATE_RECORD, &batch.engine_state),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, Some(value.clone()?))))
        .collect(),
        durability: match batch.durability {
            Durability::Synced => store::Durability::Synced,
            Durability::Deferred => store::Durability::Deferred,
        },
        ..store::Batch::default()
    }
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
