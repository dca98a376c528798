//! The node core's storage port over the store.

use bytes::Bytes;
use synod_ledger::Coin;
use synod_node_core::{Batch, Durability, HeaderRecord, Status, Storage, StorageError, Stored};
use synod_primitives::{BlockHash, Height, OutPoint};
use synod_store::{self as store, BlockStatus, Reader, StoreError, Writer};
use tokio::runtime::Handle;

use super::index::TransactionIndex;

/// The store as the chain thread uses it: each call blocks that thread until it is done.
pub struct StoreAdapter {
    writer: Writer,
    reader: Reader,
    runtime: Handle,
    index: TransactionIndex,
    /// The batch that there was no room for. The node core is past it, so reads look into it
    /// first.
    unwritten: Option<Batch>,
}

impl StoreAdapter {
    /// Wraps a store's writer and reader; `runtime` drives them.
    #[must_use]
    pub fn new(writer: Writer, reader: Reader, runtime: Handle) -> Self {
        Self {
            index: TransactionIndex::new(reader.clone()),
            writer,
            reader,
            runtime,
            unwritten: None,
        }
    }

    async fn load_all(&self) -> Result<Stored, StoreError> {
        let standing = self.reader.standing().await?;
        let headers = self
            .reader
            .headers()
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
        })
    }

    /// Reads coins; what is not found at first is looked for with proof, since an absence
    /// decides a block's verdict.
    async fn find_coins(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<(OutPoint, Bytes)>, StoreError> {
        let mut found = self.reader.coins(outpoints).await?;
        if found.len() == outpoints.len() {
            return Ok(found);
        }
        let is_missing = |outpoint: &&OutPoint| {
            found
                .binary_search_by_key(*outpoint, |(at, _)| *at)
                .is_err()
        };
        let missing: Vec<OutPoint> = outpoints.iter().filter(is_missing).copied().collect();
        found.extend(self.reader.coins_proven(&missing).await?);
        found.sort_unstable_by_key(|(at, _)| *at);
        Ok(found)
    }

    /// Splits coins that are asked for into those that the unwritten batch makes, and those
    /// that it says nothing of. What it deletes is in neither.
    fn overlaid(&self, outpoints: &[OutPoint]) -> (Vec<(OutPoint, Coin)>, Vec<OutPoint>) {
        let flush = self.unwritten.as_ref().and_then(|it| it.coins.as_ref());
        let Some(flush) = flush else {
            return (Vec::new(), outpoints.to_vec());
        };
        let (mut made, mut rest) = (Vec::new(), Vec::new());
        for outpoint in outpoints {
            let inserted = flush.inserts.binary_search_by_key(outpoint, |(at, _)| *at);
            if let Ok(index) = inserted {
                made.push(flush.inserts[index].clone());
            } else if flush.deletes.binary_search(outpoint).is_err() {
                rest.push(*outpoint);
            }
        }
        (made, rest)
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StorageError> {
        let moves_tip = batch.chain.is_some();
        self.runtime
            .block_on(self.writer.commit(&into_store(batch)))
            .map_err(failed)?;
        // In bulk the index is left behind and brought up with the next synced commit.
        if moves_tip && batch.durability == Durability::Synced {
            self.runtime
                .block_on(self.index.catch_up(&mut self.writer))
                .map_err(failed)?;
        }
        Ok(())
    }
}

impl Storage for StoreAdapter {
    fn load(&mut self) -> Result<Stored, StorageError> {
        // Bulk work may have left the index behind.
        self.runtime
            .block_on(self.index.catch_up(&mut self.writer))
            .map_err(failed)?;
        self.runtime
            .clone()
            .block_on(self.load_all())
            .map_err(failed)
    }

    fn load_block(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        let unwritten = self.unwritten.as_ref();
        if let Some(raw) = unwritten.and_then(|it| find(&it.blocks, hash)) {
            return Ok(Some(raw));
        }
        self.runtime
            .block_on(self.reader.block(hash))
            .map_err(failed)
    }

    fn load_undo(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        let unwritten = self.unwritten.as_ref();
        if let Some(raw) = unwritten.and_then(|it| find(&it.undo, hash)) {
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
        let (mut found, rest) = self.overlaid(outpoints);
        let stored = self
            .runtime
            .block_on(self.find_coins(&rest))
            .map_err(failed)?;
        for (outpoint, bytes) in stored {
            let coin = Coin::decode(&bytes)
                .map_err(|error| StorageError::Corrupt(format!("coin {outpoint}: {error}")))?;
            found.push((outpoint, coin));
        }
        found.sort_unstable_by_key(|(outpoint, _)| *outpoint);
        Ok(found)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StorageError> {
        self.retry()?;
        let written = self.write(&batch);
        if let Err(StorageError::Full(_)) = written {
            self.unwritten = Some(batch);
        }
        written
    }

    /// Correctness: a batch whose index found no room is written twice; the second time
    /// changes nothing.
    fn retry(&mut self) -> Result<(), StorageError> {
        let Some(batch) = self.unwritten.take() else {
            return Ok(());
        };
        let written = self.write(&batch);
        if written.is_err() {
            self.unwritten = Some(batch);
        }
        written
    }
}

fn find(blocks: &[(BlockHash, Bytes)], hash: BlockHash) -> Option<Bytes> {
    let found = blocks.iter().find(|(at, _)| *at == hash);
    found.map(|(_, raw)| raw.clone())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failed(error: StoreError) -> StorageError {
    match error {
        StoreError::DiskFull => StorageError::Full(error.to_string()),
        StoreError::Corrupt { .. } => StorageError::Corrupt(error.to_string()),
        _ => StorageError::Failed(error.to_string()),
    }
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

fn into_record(record: &HeaderRecord) -> store::HeaderRecord {
    store::HeaderRecord {
        hash: record.hash,
        header: record.header,
        proof: Bytes::new(),
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

fn into_store(batch: &Batch) -> store::Batch {
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
    store::Batch {
        headers: batch.headers.iter().map(into_record).collect(),
        blocks: batch.blocks.clone(),
        undo: batch.undo.clone(),
        chain,
        coins,
        durability: match batch.durability {
            Durability::Synced => store::Durability::Synced,
            Durability::Deferred => store::Durability::Deferred,
        },
        ..store::Batch::default()
    }
}
