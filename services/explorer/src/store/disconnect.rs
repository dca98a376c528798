//! Taking blocks off the active chain; they are kept whole as stale blocks.

use bytes::Bytes;
use sqlx::{Row, SqliteConnection};
use synod_primitives::{BlockHash, Txid, Work};

use super::rows::{Shape, hash_column};
use super::{StoreError, TxNumber, WriteTx};

/// Transactions of stale blocks that are handed back at most, newest block first; the node's
/// mempool tells of the others.
const MAX_HANDED_BACK: usize = 20_000;

/// Where the active chain is left, and for what.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    /// Unix seconds.
    pub(crate) time: i64,
    /// The height of the last block that stays.
    pub(crate) height: u32,
    pub(crate) old_tip: BlockHash,
    pub(crate) old_height: u32,
    pub(crate) old_work: Work,
    pub(crate) new_tip: BlockHash,
    pub(crate) new_height: u32,
    pub(crate) new_work: Work,
}

/// A transaction that left the active chain; coinbases are none.
#[derive(Clone, Debug)]
pub(crate) struct DroppedTransaction {
    pub(crate) txid: Txid,
    pub(crate) raw: Bytes,
}

const INSERT_DROPPED: Shape = Shape {
    head: "INSERT INTO dropped_transactions (reorg_id, position, txid, block) VALUES",
    columns: 4,
    tail: "",
};

/// What undoes the sums of the scripts, then the rows, from `?1` on.
const UNDO: [&str; 6] = [
    "WITH touched (script_id) AS (
         SELECT script_id FROM outputs WHERE tx_id >= ?1
         UNION SELECT script_id FROM outputs WHERE spent_by >= ?1),
     sums AS (
         SELECT h.script_id, count(*) AS tx_count, sum(h.funded_count) AS funded_count,
                sum(h.funded_sat) AS funded_sat, sum(h.spent_count) AS spent_count,
                sum(h.spent_sat) AS spent_sat
         FROM touched CROSS JOIN history AS h
             ON h.script_id = touched.script_id AND h.tx_id >= ?1
         GROUP BY h.script_id)
     UPDATE scripts SET
         tx_count = scripts.tx_count - sums.tx_count,
         funded_count = scripts.funded_count - sums.funded_count,
         funded_sat = scripts.funded_sat - sums.funded_sat,
         spent_count = scripts.spent_count - sums.spent_count,
         spent_sat = scripts.spent_sat - sums.spent_sat
     FROM sums WHERE scripts.id = sums.script_id",
    "WITH touched (script_id) AS (
         SELECT script_id FROM outputs WHERE tx_id >= ?1
         UNION SELECT script_id FROM outputs WHERE spent_by >= ?1)
     DELETE FROM history WHERE script_id IN (SELECT script_id FROM touched) AND tx_id >= ?1",
    "DELETE FROM outputs WHERE tx_id >= ?1",
    "UPDATE outputs SET spent_by = NULL, spent_vin = NULL WHERE spent_by >= ?1",
    "DELETE FROM transactions WHERE id >= ?1",
    "DELETE FROM blocks WHERE height >= ?1 >> 20",
];

impl WriteTx<'_> {
    /// Takes every block above the fork off the active chain, keeps them as stale blocks and
    /// writes the reorganisation down.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn disconnect(
        &mut self,
        fork: &Fork,
    ) -> Result<Vec<DroppedTransaction>, StoreError> {
        let connection = &mut *self.tx;
        let reorg = insert_reorg(connection, fork).await?;
        let mut handed_back = Vec::new();
        let mut dropped = Vec::new();
        for height in (fork.height + 1..=fork.old_height).rev() {
            let (block, transactions) = keep_stale(connection, reorg, height).await?;
            dropped.extend(transactions.iter().map(|tx| (tx.txid, block)));
            if handed_back.len() < MAX_HANDED_BACK {
                // Parents come before children: the block's order, older blocks first.
                handed_back.splice(0..0, transactions);
            }
        }
        insert_dropped(connection, reorg, &dropped).await?;
        let cutoff = TxNumber::new(fork.height + 1, 0).column();
        for statement in UNDO {
            sqlx::query(statement)
                .bind(cutoff)
                .execute(&mut *connection)
                .await?;
        }
        Ok(handed_back)
    }
}

async fn insert_reorg(connection: &mut SqliteConnection, fork: &Fork) -> Result<i64, StoreError> {
    let result = sqlx::query(
        "INSERT INTO reorgs (time, fork_height, depth, old_tip, old_height, old_work, new_tip,
         new_height, new_work, dropped) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
    )
    .bind(fork.time)
    .bind(i64::from(fork.height))
    .bind(i64::from(fork.old_height - fork.height))
    .bind(&fork.old_tip.as_bytes()[..])
    .bind(i64::from(fork.old_height))
    .bind(fork.old_work.to_be_bytes().to_vec())
    .bind(&fork.new_tip.as_bytes()[..])
    .bind(i64::from(fork.new_height))
    .bind(fork.new_work.to_be_bytes().to_vec())
    .execute(connection)
    .await?;
    Ok(result.last_insert_rowid())
}

/// Copies the block at `height` to the stale blocks; gives its hash and its transactions without
/// the coinbase.
async fn keep_stale(
    connection: &mut SqliteConnection,
    reorg: i64,
    height: u32,
) -> Result<(BlockHash, Vec<DroppedTransaction>), StoreError> {
    let block = sqlx::query("SELECT hash, header FROM blocks WHERE height = ?")
        .bind(i64::from(height))
        .fetch_one(&mut *connection)
        .await?;
    let hash = BlockHash::from_bytes(hash_column(&block, "blocks", "hash")?);
    let mut raw: Vec<u8> = block.try_get("header")?;
    let rows =
        sqlx::query("SELECT txid, raw FROM transactions WHERE id >= ? AND id < ? ORDER BY id")
            .bind(TxNumber::new(height, 0).column())
            .bind(TxNumber::new(height + 1, 0).column())
            .fetch_all(&mut *connection)
            .await?;
    synod_primitives::encode::write_count(&mut raw, rows.len());
    let mut transactions = Vec::with_capacity(rows.len());
    for (position, row) in rows.iter().enumerate() {
        let bytes: Vec<u8> = row.try_get("raw")?;
        raw.extend_from_slice(&bytes);
        if position > 0 {
            let txid = Txid::from_bytes(hash_column(row, "transactions", "txid")?);
            transactions.push(DroppedTransaction {
                txid,
                raw: bytes.into(),
            });
        }
    }
    sqlx::query(
        "INSERT OR REPLACE INTO stale_blocks (hash, height, median_time, fees_sat, output_sat,
         chainwork, seen_at, reorg_id, raw)
         SELECT hash, height, median_time, fees_sat, output_sat, chainwork, seen_at, ?, ?
         FROM blocks WHERE height = ?",
    )
    .bind(reorg)
    .bind(raw)
    .bind(i64::from(height))
    .execute(connection)
    .await?;
    Ok((hash, transactions))
}

async fn insert_dropped(
    connection: &mut SqliteConnection,
    reorg: i64,
    dropped: &[(Txid, BlockHash)],
) -> Result<(), StoreError> {
    let mut position = 0i64;
    INSERT_DROPPED
        .execute(connection, dropped, |values, (txid, block)| {
            values.add(reorg)?;
            values.add(position)?;
            position += 1;
            values.add(&txid.as_bytes()[..])?;
            values.add(&block.as_bytes()[..])
        })
        .await?;
    sqlx::query("UPDATE reorgs SET dropped = ? WHERE id = ?")
        .bind(position)
        .bind(reorg)
        .execute(connection)
        .await?;
    Ok(())
}
