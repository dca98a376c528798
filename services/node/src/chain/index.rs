//! The transaction index: where each transaction of the active chain lies.
//!
//! It is derived from the blocks and may stand behind the tip; the store keeps the block that
//! it stands at. It is brought up with each block at the tip, and in steps after bulk work.

use bytes::Bytes;
use synod_primitives::encode::count_size;
use synod_primitives::{Block, BlockHash, Header, Height, Txid};
use synod_store::{
    Batch, Durability, Reader, StoreError, TransactionLocation, TransactionsFlush, Writer,
};

/// The most blocks indexed in one transaction.
const MAX_BLOCKS_PER_STEP: u32 = 500;
/// The bytes of blocks indexed in one transaction past which no further block is added, where
/// nobody waits meanwhile.
const BYTES_PER_STEP: usize = 16 << 20;
/// The same where requests may wait: a step takes some tens of milliseconds.
const BYTES_PER_SHORT_STEP: usize = 2 << 20;

/// Brings the index after the chain.
pub(super) struct TransactionIndex {
    reader: Reader,
}

impl TransactionIndex {
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// Indexes all blocks up to the tip.
    pub(super) async fn catch_up(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        while self.step(writer, BYTES_PER_STEP).await? {}
        Ok(())
    }

    /// Indexes a few blocks; says whether more are left.
    pub(super) async fn short_step(&mut self, writer: &mut Writer) -> Result<bool, StoreError> {
        self.step(writer, BYTES_PER_SHORT_STEP).await
    }

    async fn step(&mut self, writer: &mut Writer, bytes: usize) -> Result<bool, StoreError> {
        let Some((flush, has_more)) = self.next_step(bytes).await? else {
            return Ok(false);
        };
        let batch = Batch {
            transactions: Some(flush),
            durability: Durability::Deferred,
            ..Batch::default()
        };
        writer.commit(&batch).await?;
        Ok(has_more)
    }

    /// Returns the next change of the index, of at most so many bytes of blocks and one block more,
    /// and whether another follows it; `None` at the tip.
    async fn next_step(
        &self,
        bytes: usize,
    ) -> Result<Option<(TransactionsFlush, bool)>, StoreError> {
        let standing = self.reader.standing().await?;
        let Some((tip_height, tip)) = standing.tip else {
            return Ok(None);
        };
        if standing.transactions_tip == Some(tip) {
            return Ok(None);
        }
        let (next, deletes) = match standing.transactions_tip {
            None => (Height::GENESIS, Vec::new()),
            Some(at) => self.leave_stale(at).await?,
        };
        let blocks = self
            .reader
            .active_blocks(next, MAX_BLOCKS_PER_STEP, bytes)
            .await?;
        let mut inserts = Vec::new();
        let mut reached = match next.previous() {
            Some(below) => self.reader.active_hash(below).await?.unwrap_or(tip),
            None => tip,
        };
        for block in &blocks {
            locate(block.hash, &block.raw, &mut inserts)?;
            reached = block.hash;
        }
        if blocks.is_empty() && next <= tip_height {
            // Pruned blocks cannot be indexed any more; the index starts above them.
            reached = tip;
        }
        inserts.sort_unstable_by_key(|(txid, _)| *txid);
        let flush = TransactionsFlush {
            tip: reached,
            inserts,
            deletes,
        };
        Ok(Some((flush, reached != tip)))
    }

    /// Walks from the block that the index stands at down to the active chain; returns the
    /// next height to index and the transactions of the blocks left.
    async fn leave_stale(&self, at: BlockHash) -> Result<(Height, Vec<Txid>), StoreError> {
        let mut deletes = Vec::new();
        let mut hash = at;
        loop {
            let record = self.reader.header(hash).await?;
            if self.reader.active_hash(record.height).await? == Some(hash) {
                deletes.sort_unstable();
                deletes.dedup();
                return Ok((record.height.next(), deletes));
            }
            if let Some(raw) = self.reader.block(hash).await? {
                let mut rows = Vec::new();
                locate(hash, &raw, &mut rows)?;
                deletes.extend(rows.into_iter().map(|(txid, _)| txid));
            }
            hash = record.header.previous_block_hash;
        }
    }
}

fn locate(
    hash: BlockHash,
    raw: &Bytes,
    rows: &mut Vec<(Txid, TransactionLocation)>,
) -> Result<(), StoreError> {
    let block = Block::decode(raw).map_err(|error| StoreError::Corrupt {
        table: "block_parts",
        key: hash.to_string(),
        what: error.to_string(),
    })?;
    let mut offset = Header::SIZE + count_size(block.transactions().len());
    for transaction in block.transactions() {
        let length = transaction.size();
        let narrow = |number: usize| u32::try_from(number).expect("a block is below 4 MB");
        let location = TransactionLocation {
            block: hash,
            offset: narrow(offset),
            length: narrow(length),
        };
        rows.push((transaction.txid(), location));
        offset += length;
    }
    Ok(())
}
