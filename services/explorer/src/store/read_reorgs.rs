//! Reading the log of reorganisations.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use synod_primitives::{BlockHash, Txid, Work};

use super::rows::{hash_column, number_column};
use super::{Reader, StoreError};

/// A reorganisation that the explorer saw.
#[derive(Clone, Debug)]
pub(crate) struct ReorgRecord {
    pub(crate) id: i64,
    /// Unix seconds.
    pub(crate) time: i64,
    pub(crate) fork_height: u32,
    /// Blocks taken off the active chain.
    pub(crate) depth: u32,
    pub(crate) old_tip: BlockHash,
    pub(crate) old_height: u32,
    pub(crate) old_work: Work,
    pub(crate) new_tip: BlockHash,
    pub(crate) new_height: u32,
    pub(crate) new_work: Work,
    /// Transactions taken off, coinbases apart.
    pub(crate) dropped: u32,
}

/// A transaction that a reorganisation took off the active chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropped {
    pub(crate) txid: Txid,
    /// The stale block that holds it.
    pub(crate) block: BlockHash,
}

fn record(row: &SqliteRow) -> Result<ReorgRecord, StoreError> {
    let hash = |column| hash_column(row, "reorgs", column);
    Ok(ReorgRecord {
        id: row.try_get("id")?,
        time: row.try_get("time")?,
        fork_height: number_column(row, "reorgs", "fork_height")?,
        depth: number_column(row, "reorgs", "depth")?,
        old_tip: BlockHash::from_bytes(hash("old_tip")?),
        old_height: number_column(row, "reorgs", "old_height")?,
        old_work: Work::from_be_bytes(hash("old_work")?),
        new_tip: BlockHash::from_bytes(hash("new_tip")?),
        new_height: number_column(row, "reorgs", "new_height")?,
        new_work: Work::from_be_bytes(hash("new_work")?),
        dropped: number_column(row, "reorgs", "dropped")?,
    })
}

fn dropped(row: &SqliteRow) -> Result<Dropped, StoreError> {
    Ok(Dropped {
        txid: Txid::from_bytes(hash_column(row, "dropped_transactions", "txid")?),
        block: BlockHash::from_bytes(hash_column(row, "dropped_transactions", "block")?),
    })
}

impl Reader {
    /// Lists reorganisations before an id, the newest first.
    pub(crate) async fn reorgs(
        &mut self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReorgRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, time, fork_height, depth, old_tip, old_height, old_work, new_tip,
             new_height, new_work, dropped FROM reorgs WHERE id < ? ORDER BY id DESC LIMIT ?",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(record).collect()
    }

    /// Lists the transactions that a reorganisation took off, up to `limit`.
    pub(crate) async fn dropped_by(
        &mut self,
        reorg: i64,
        limit: u32,
    ) -> Result<Vec<Dropped>, StoreError> {
        let rows = sqlx::query(
            "SELECT txid, block FROM dropped_transactions
             WHERE reorg_id = ? ORDER BY position LIMIT ?",
        )
        .bind(reorg)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(dropped).collect()
    }

    /// Finds the last time that a transaction was taken off the active chain.
    pub(crate) async fn last_drop(&mut self, txid: Txid) -> Result<Option<Dropped>, StoreError> {
        let row = sqlx::query(
            "SELECT txid, block FROM dropped_transactions
             WHERE txid = ? ORDER BY reorg_id DESC LIMIT 1",
        )
        .bind(&txid.as_bytes()[..])
        .fetch_optional(&mut *self.tx)
        .await?;
        row.as_ref().map(dropped).transpose()
    }
}
