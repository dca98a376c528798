//! The one writer of the index: connects blocks, leaves branches, keeps the mempool's view.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use synod_primitives::{Block, BlockHash, OutPoint, Target, Transaction, TxOut, Txid, Work};

use super::batch::{Batch, BlockStamp};
use crate::pool::{PoolEntry, PoolView};
use crate::snapshot::Snapshots;
use crate::store::{BlockRecord, DroppedTransaction, Fork, StoreError, Tip, WriteTx, Writer};

/// Blocks whose median time a block's own is made of.
const MEDIAN_SPAN: usize = 11;

/// Why the index could not follow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block does not follow on the one before it: the node has moved on meanwhile.
    #[error("block {0} does not follow on the index: the node moved to another branch meanwhile")]
    Detached(BlockHash),
}

/// The last block of the index with what the next one needs to know.
#[derive(Clone, Debug)]
struct End {
    tip: Tip,
    work: Work,
    /// Times of the last eleven blocks, the newest last.
    times: VecDeque<u32>,
}

impl End {
    fn from_records(records: &[BlockRecord]) -> Option<Self> {
        let last = records.first()?;
        let tip = Tip {
            height: last.height,
            hash: last.hash,
        };
        let times = records
            .iter()
            .take(MEDIAN_SPAN)
            .rev()
            .map(|record| record.header.time);
        Some(Self {
            tip,
            work: last.chainwork,
            times: times.collect(),
        })
    }

    /// Works out what is known of the block that follows `end`, and the end after it.
    fn after(end: Option<&Self>, block: &Block) -> Result<(Self, u32), IndexError> {
        let parent = end.map_or(BlockHash::ZERO, |end| end.tip.hash);
        if block.header().previous_block_hash != parent {
            return Err(IndexError::Detached(block.hash()));
        }
        let work = block
            .header()
            .bits
            .to_target()
            .map_or(Work::ZERO, Target::work);
        let mut times = end.map(|end| end.times.clone()).unwrap_or_default();
        times.push_back(block.header().time);
        if times.len() > MEDIAN_SPAN {
            times.pop_front();
        }
        let mut sorted: Vec<u32> = times.iter().copied().collect();
        sorted.sort_unstable();
        let median_time = sorted[sorted.len() / 2];
        let next = Self {
            tip: Tip {
                height: end.map_or(0, |end| end.tip.height + 1),
                hash: block.hash(),
            },
            work: end.map_or(Work::ZERO, |end| end.work).saturating_add(work),
            times,
        };
        Ok((next, median_time))
    }
}

/// The writer with the state that it keeps beside the database.
#[derive(Debug)]
pub(crate) struct Indexer {
    writer: Writer,
    snapshots: Snapshots,
    end: Option<End>,
}

/// A branch that the active chain leaves for another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// The height of the last block that stays.
    pub(crate) fork_height: u32,
    /// Where the other branch ends, as far as is known.
    pub(crate) new_tip: Tip,
    pub(crate) new_work: Work,
}

impl Indexer {
    /// Reads where the index stands.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn new(mut writer: Writer, snapshots: Snapshots) -> Result<Self, IndexError> {
        let records = writer.last_blocks(MEDIAN_SPAN as u32).await?;
        let end = End::from_records(&records);
        snapshots.start_at(end.as_ref().map(|end| end.tip));
        Ok(Self {
            writer,
            snapshots,
            end,
        })
    }

    /// The last block of the index.
    pub(crate) fn tip(&self) -> Option<Tip> {
        self.end.as_ref().map(|end| end.tip)
    }

    /// The work of the index's chain.
    pub(crate) fn work(&self) -> Work {
        self.end.as_ref().map_or(Work::ZERO, |end| end.work)
    }

    /// The hashes of the index's chain in a range of heights, by height.
    pub(crate) async fn hashes(
        &mut self,
        from: u32,
        limit: u32,
    ) -> Result<HashMap<u32, BlockHash>, IndexError> {
        Ok(self.writer.hashes(from, limit).await?)
    }

    /// Adds blocks to the active chain, after leaving it at a fork if it is said so, all at once.
    ///
    /// `now` is in Unix seconds; `is_live` says that the blocks are new and not caught up on.
    ///
    /// # Errors
    /// The database failed, or a block does not follow; nothing is changed then.
    pub(crate) async fn advance(
        &mut self,
        departure: Option<Departure>,
        blocks: &[Block],
        now: i64,
        is_live: bool,
    ) -> Result<(), IndexError> {
        let base = match departure {
            None => self.end.clone(),
            Some(departure) => {
                let records = self
                    .writer
                    .blocks_down_from(departure.fork_height, 11)
                    .await?;
                End::from_records(&records)
            }
        };
        let (batch, end) = build(base, blocks, is_live.then_some(now))?;
        let Some(end) = end else { return Ok(()) };
        let fork = departure.map(|departure| self.fork(departure, now));
        let mut tx = self.writer.begin().await?;
        let dropped = match &fork {
            Some(fork) => tx.disconnect(fork).await?,
            None => Vec::new(),
        };
        tx.connect(batch).await?;
        let view = next_view(
            &mut tx,
            &self.snapshots.pool(),
            blocks,
            &dropped,
            (end.tip, now),
        )
        .await?;
        self.snapshots.stage(Arc::new(view));
        let committed = tx.commit().await;
        self.snapshots.settle(committed.is_ok());
        committed?;
        self.end = Some(end);
        Ok(())
    }

    fn fork(&self, departure: Departure, now: i64) -> Fork {
        let old = self.tip().unwrap_or(departure.new_tip);
        Fork {
            time: now,
            height: departure.fork_height,
            old_tip: old.hash,
            old_height: old.height,
            old_work: self.work(),
            new_tip: departure.new_tip.hash,
            new_height: departure.new_tip.height,
            new_work: departure.new_work,
        }
    }

    /// Adds transactions to the mempool's view, parents first; gives those whose inputs are
    /// unknown.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn add_to_pool(
        &mut self,
        transactions: &[Transaction],
        now: i64,
    ) -> Result<Vec<Txid>, IndexError> {
        let mut view = PoolView::clone(&self.snapshots.pool());
        let mut tx = self.writer.begin().await?;
        let unknown = insert_all(&mut tx, &mut view, transactions, now).await?;
        drop(tx);
        self.snapshots.publish(Arc::new(view));
        Ok(unknown)
    }

    /// Takes transactions out of the mempool's view.
    pub(crate) fn remove_from_pool<'t>(&mut self, txids: impl IntoIterator<Item = &'t Txid>) {
        let mut view = PoolView::clone(&self.snapshots.pool());
        let mut is_changed = false;
        for txid in txids {
            is_changed |= view.remove(txid);
        }
        if is_changed {
            self.snapshots.publish(Arc::new(view));
        }
    }

    /// The mempool's view as it is now.
    pub(crate) fn pool(&self) -> Arc<PoolView> {
        self.snapshots.pool()
    }

    /// Gives the writer back, to be closed.
    pub(crate) fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Empties the index.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn clear(&mut self) -> Result<(), IndexError> {
        self.writer.clear().await?;
        self.end = None;
        self.snapshots.publish(Arc::default());
        Ok(())
    }

    /// Closes the database.
    pub(crate) async fn close(self) {
        self.snapshots.close().await;
        self.writer.close().await;
    }
}

fn build(
    mut end: Option<End>,
    blocks: &[Block],
    seen_at: Option<i64>,
) -> Result<(Batch, Option<End>), IndexError> {
    let mut batch = Batch::default();
    for block in blocks {
        let (next, median_time) = End::after(end.as_ref(), block)?;
        let height = next.tip.height;
        batch.push(
            block,
            BlockStamp {
                height,
                median_time,
                chainwork: next.work,
                seen_at,
            },
        );
        end = Some(next);
    }
    Ok((batch, end))
}

/// Works out the mempool after blocks were disconnected and connected.
async fn next_view(
    tx: &mut WriteTx<'_>,
    current: &PoolView,
    blocks: &[Block],
    dropped: &[DroppedTransaction],
    (tip, now): (Tip, i64),
) -> Result<PoolView, StoreError> {
    let mut view = current.clone();
    if view.len() > 0 {
        for transaction in blocks.iter().flat_map(Block::transactions) {
            view.confirm(transaction);
        }
    }
    if !dropped.is_empty() {
        let confirmed: HashSet<Txid> = blocks
            .iter()
            .flat_map(Block::transactions)
            .map(Transaction::txid)
            .collect();
        let returned: Vec<Transaction> = dropped
            .iter()
            .filter(|dropped| !confirmed.contains(&dropped.txid))
            .filter_map(|dropped| Transaction::decode(&dropped.raw).ok())
            .collect();
        insert_all(tx, &mut view, &returned, now).await?;
    }
    view.move_to(tip);
    Ok(view)
}

/// Inserts transactions whose inputs are known and unspent on the active chain; gives the ids of
/// those whose inputs are not. Confirmed ones are passed over.
async fn insert_all(
    tx: &mut WriteTx<'_>,
    view: &mut PoolView,
    transactions: &[Transaction],
    now: i64,
) -> Result<Vec<Txid>, StoreError> {
    let mut wanted: Vec<OutPoint> = transactions
        .iter()
        .flat_map(Transaction::inputs)
        .map(|input| input.prevout)
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let coins = tx.coins(&wanted).await?;
    let mut unknown = Vec::new();
    for transaction in transactions {
        let mut is_conflicting = false;
        let prevouts: Option<Vec<TxOut>> = transaction
            .inputs()
            .iter()
            .map(|input| match coins.get(&input.prevout) {
                Some(coin) => {
                    is_conflicting |= coin.is_spent;
                    Some(coin.output.clone())
                }
                None => pool_output(view, &input.prevout),
            })
            .collect();
        match prevouts {
            // Its inputs are spent in the chain: by itself or by what has replaced it.
            _ if is_conflicting => {}
            Some(prevouts) => view.insert(PoolEntry::new(transaction, prevouts, now)),
            None => unknown.push(transaction.txid()),
        }
    }
    Ok(unknown)
}

fn pool_output(view: &PoolView, outpoint: &OutPoint) -> Option<TxOut> {
    let entry = view.get(&outpoint.txid)?;
    entry
        .transaction
        .outputs()
        .get(outpoint.vout as usize)
        .cloned()
}
