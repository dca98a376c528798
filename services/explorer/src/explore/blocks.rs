//! Blocks and their bytes.

use synod_primitives::encode::write_count;
use synod_primitives::{BlockHash, Transaction, Txid};

use super::ExploreError;
use crate::snapshot::Snapshot;
use crate::store::BlockRecord;

impl Snapshot {
    /// Finds a block, stale ones too.
    pub(crate) async fn block(
        &mut self,
        hash: BlockHash,
    ) -> Result<Option<BlockRecord>, ExploreError> {
        Ok(self.reader.block(hash).await?)
    }

    /// Lists the ids of a block's transactions.
    pub(crate) async fn txids(&mut self, record: &BlockRecord) -> Result<Vec<Txid>, ExploreError> {
        Ok(match &record.stale {
            Some((_, block)) => block.transactions().iter().map(Transaction::txid).collect(),
            None => self.reader.block_txids(record.height).await?,
        })
    }

    /// Puts a block's bytes together.
    pub(crate) async fn block_bytes(
        &mut self,
        record: &BlockRecord,
    ) -> Result<Vec<u8>, ExploreError> {
        if let Some((_, block)) = &record.stale {
            return Ok(block.raw().to_vec());
        }
        let stored = self
            .reader
            .block_transactions(record.height, 0, u32::MAX)
            .await?;
        let mut bytes = Vec::with_capacity(usize::try_from(record.size).unwrap_or(0));
        bytes.extend_from_slice(&record.header.encode());
        write_count(&mut bytes, stored.len());
        for row in &stored {
            bytes.extend_from_slice(row.transaction.raw());
        }
        Ok(bytes)
    }

    /// Returns the hash of the next block of the active chain.
    pub(crate) async fn next_block(
        &mut self,
        record: &BlockRecord,
    ) -> Result<Option<BlockHash>, ExploreError> {
        if record.stale.is_some() || record.height >= self.tip.height {
            return Ok(None);
        }
        Ok(self
            .reader
            .block_at(record.height + 1)
            .await?
            .map(|next| next.hash))
    }
}
