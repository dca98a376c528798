//! Reading blocks.

use bytes::Bytes;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use synod_primitives::{Block, BlockHash, Header, Work};

use super::rows::{hash_column, number_column};
use super::{Reader, StoreError, TxNumber};

/// The last block of the active chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tip {
    pub(crate) height: u32,
    pub(crate) hash: BlockHash,
}

/// A block of the active chain or a stale one.
#[derive(Clone, Debug)]
pub(crate) struct BlockRecord {
    pub(crate) height: u32,
    pub(crate) hash: BlockHash,
    pub(crate) header: Header,
    pub(crate) median_time: u32,
    pub(crate) tx_count: u32,
    pub(crate) size: u64,
    pub(crate) weight: u64,
    pub(crate) fees_sat: i64,
    pub(crate) output_sat: i64,
    pub(crate) chainwork: Work,
    pub(crate) seen_at: Option<i64>,
    /// Of a stale block: the reorganisation that took it off, and its bytes.
    pub(crate) stale: Option<(i64, Block)>,
}

/// Completes a statement over the columns of `blocks`.
macro_rules! select_blocks {
    ($rest:literal) => {
        concat!(
            "SELECT height, hash, header, median_time, tx_count, size, weight, fees_sat, \
             output_sat, chainwork, seen_at FROM blocks ",
            $rest
        )
    };
}

fn record(row: &SqliteRow) -> Result<BlockRecord, StoreError> {
    let header: &[u8] = row.try_get("header")?;
    let height = number_column(row, "blocks", "height")?;
    let header = header
        .try_into()
        .map_err(|_| StoreError::bad_row("blocks", "header", height))?;
    Ok(BlockRecord {
        height,
        hash: BlockHash::from_bytes(hash_column(row, "blocks", "hash")?),
        header: Header::decode(header),
        median_time: number_column(row, "blocks", "median_time")?,
        tx_count: number_column(row, "blocks", "tx_count")?,
        size: number_column(row, "blocks", "size")?,
        weight: number_column(row, "blocks", "weight")?,
        fees_sat: row.try_get("fees_sat")?,
        output_sat: row.try_get("output_sat")?,
        chainwork: Work::from_be_bytes(hash_column(row, "blocks", "chainwork")?),
        seen_at: row.try_get("seen_at")?,
        stale: None,
    })
}

fn stale_record(row: &SqliteRow) -> Result<BlockRecord, StoreError> {
    let raw: Vec<u8> = row.try_get("raw")?;
    let hash = BlockHash::from_bytes(hash_column(row, "stale_blocks", "hash")?);
    let block = Block::decode(&Bytes::from(raw))
        .ok()
        .filter(|block| block.hash() == hash)
        .ok_or_else(|| StoreError::bad_row("stale_blocks", "raw", hash))?;
    Ok(BlockRecord {
        height: number_column(row, "stale_blocks", "height")?,
        hash,
        header: *block.header(),
        median_time: number_column(row, "stale_blocks", "median_time")?,
        tx_count: u32::try_from(block.transactions().len()).unwrap_or(u32::MAX),
        size: block.size() as u64,
        weight: block.weight().0,
        fees_sat: row.try_get("fees_sat")?,
        output_sat: row.try_get("output_sat")?,
        chainwork: Work::from_be_bytes(hash_column(row, "stale_blocks", "chainwork")?),
        seen_at: row.try_get("seen_at")?,
        stale: Some((row.try_get("reorg_id")?, block)),
    })
}

impl Reader {
    /// Returns the last block; `None` while the index is empty.
    pub(crate) async fn tip(&mut self) -> Result<Option<Tip>, StoreError> {
        let row = sqlx::query("SELECT height, hash FROM blocks ORDER BY height DESC LIMIT 1")
            .fetch_optional(&mut *self.tx)
            .await?;
        row.map(|row| {
            Ok(Tip {
                height: number_column(&row, "blocks", "height")?,
                hash: BlockHash::from_bytes(hash_column(&row, "blocks", "hash")?),
            })
        })
        .transpose()
    }

    /// Finds a block of the active chain by its height.
    pub(crate) async fn block_at(
        &mut self,
        height: u32,
    ) -> Result<Option<BlockRecord>, StoreError> {
        let row = sqlx::query(select_blocks!("WHERE height = ?"))
            .bind(i64::from(height))
            .fetch_optional(&mut *self.tx)
            .await?;
        row.as_ref().map(record).transpose()
    }

    /// Finds a block by its hash, stale ones too.
    pub(crate) async fn block(
        &mut self,
        hash: BlockHash,
    ) -> Result<Option<BlockRecord>, StoreError> {
        let row = sqlx::query(select_blocks!("WHERE hash = ?"))
            .bind(&hash.as_bytes()[..])
            .fetch_optional(&mut *self.tx)
            .await?;
        if let Some(row) = row {
            return record(&row).map(Some);
        }
        let row = sqlx::query(
            "SELECT hash, height, median_time, fees_sat, output_sat, chainwork, seen_at,
             reorg_id, raw FROM stale_blocks WHERE hash = ?",
        )
        .bind(&hash.as_bytes()[..])
        .fetch_optional(&mut *self.tx)
        .await?;
        row.as_ref().map(stale_record).transpose()
    }

    /// Lists the hash of the stale blocks at a height.
    pub(crate) async fn stale_at(&mut self, height: u32) -> Result<Vec<BlockHash>, StoreError> {
        let rows = sqlx::query(
            "SELECT hash FROM stale_blocks WHERE height = ? ORDER BY reorg_id DESC LIMIT 50",
        )
        .bind(i64::from(height))
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter()
            .map(|row| hash_column(row, "stale_blocks", "hash").map(BlockHash::from_bytes))
            .collect()
    }

    /// Lists up to `limit` blocks of the active chain from `height` down.
    pub(crate) async fn blocks_down_from(
        &mut self,
        height: u32,
        limit: u32,
    ) -> Result<Vec<BlockRecord>, StoreError> {
        blocks_down_from(&mut self.tx, height, limit).await
    }

    /// Returns the hash and time of the blocks at some heights of the active chain.
    pub(crate) async fn stamps(
        &mut self,
        heights: &[u32],
    ) -> Result<std::collections::HashMap<u32, (BlockHash, u32)>, StoreError> {
        const STAMPS: super::rows::Shape = super::rows::Shape {
            head: "WITH asked (height) AS (VALUES",
            columns: 1,
            tail: ") SELECT blocks.height, hash, header FROM asked
                   CROSS JOIN blocks ON blocks.height = asked.height",
        };
        let rows = STAMPS
            .fetch(&mut self.tx, heights, |values, height| {
                values.add(i64::from(*height))
            })
            .await?;
        let mut stamps = std::collections::HashMap::with_capacity(rows.len());
        for row in rows {
            let height = number_column(&row, "blocks", "height")?;
            let header: &[u8] = row.try_get("header")?;
            let header = header
                .try_into()
                .map_err(|_| StoreError::bad_row("blocks", "header", height))?;
            let hash = BlockHash::from_bytes(hash_column(&row, "blocks", "hash")?);
            stamps.insert(height, (hash, Header::decode(header).time));
        }
        Ok(stamps)
    }

    /// Lists the ids of a block's transactions in its order.
    pub(crate) async fn block_txids(
        &mut self,
        height: u32,
    ) -> Result<Vec<synod_primitives::Txid>, StoreError> {
        let rows =
            sqlx::query("SELECT txid FROM transactions WHERE id >= ? AND id < ? ORDER BY id")
                .bind(TxNumber::new(height, 0).column())
                .bind(TxNumber::new(height, 0).column() + (1 << 20))
                .fetch_all(&mut *self.tx)
                .await?;
        rows.iter()
            .map(|row| {
                hash_column(row, "transactions", "txid").map(synod_primitives::Txid::from_bytes)
            })
            .collect()
    }
}

async fn blocks_down_from(
    connection: &mut sqlx::SqliteConnection,
    height: u32,
    limit: u32,
) -> Result<Vec<BlockRecord>, StoreError> {
    let rows = sqlx::query(select_blocks!(
        "WHERE height <= ? ORDER BY height DESC LIMIT ?"
    ))
    .bind(i64::from(height))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(record).collect()
}

impl super::Writer {
    /// Reads the last blocks of the active chain, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn last_blocks(&mut self, limit: u32) -> Result<Vec<BlockRecord>, StoreError> {
        self.blocks_down_from(u32::MAX, limit).await
    }

    /// Reads blocks of the active chain from `height` down.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn blocks_down_from(
        &mut self,
        height: u32,
        limit: u32,
    ) -> Result<Vec<BlockRecord>, StoreError> {
        blocks_down_from(&mut self.connection, height, limit).await
    }

    /// Reads the hashes of the active chain from a height on.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn hashes(
        &mut self,
        from: u32,
        limit: u32,
    ) -> Result<std::collections::HashMap<u32, BlockHash>, StoreError> {
        let rows = sqlx::query(
            "SELECT height, hash FROM blocks WHERE height >= ? ORDER BY height LIMIT ?",
        )
        .bind(i64::from(from))
        .bind(i64::from(limit))
        .fetch_all(&mut self.connection)
        .await?;
        rows.iter()
            .map(|row| {
                let hash = BlockHash::from_bytes(hash_column(row, "blocks", "hash")?);
                Ok((number_column(row, "blocks", "height")?, hash))
            })
            .collect()
    }
}
