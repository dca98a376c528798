//! Writing connected blocks.

use std::collections::HashMap;

use sqlx::{Connection, Row, SqliteConnection};
use synod_primitives::{OutPoint, Txid};

use super::rows::{Shape, hash_column, number_column};
use super::{Coin, StoreError, TxNumber, Writer};
use crate::index::{Batch, PreviousOutput};

const INSERT_BLOCKS: Shape = Shape {
    head: "INSERT INTO blocks (height, hash, header, median_time, tx_count, size, weight, fees_sat,
           output_sat, chainwork, seen_at) VALUES",
    columns: 11,
    tail: "",
};
const INSERT_TRANSACTIONS: Shape = Shape {
    head: "INSERT INTO transactions (id, txid, fee_sat, raw) VALUES",
    columns: 4,
    tail: "",
};
const UPSERT_SCRIPTS: Shape = Shape {
    head: "INSERT INTO scripts (hash, script, tx_count, funded_count, funded_sat, spent_count,
           spent_sat) VALUES",
    columns: 7,
    tail: "ON CONFLICT (hash) DO UPDATE SET tx_count = tx_count + excluded.tx_count,
           funded_count = funded_count + excluded.funded_count,
           funded_sat = funded_sat + excluded.funded_sat,
           spent_count = spent_count + excluded.spent_count,
           spent_sat = spent_sat + excluded.spent_sat
           RETURNING id, hash",
};
const INSERT_OUTPUTS: Shape = Shape {
    head: "INSERT INTO outputs (tx_id, vout, value_sat, script_id, spent_by, spent_vin) VALUES",
    columns: 6,
    tail: "",
};
const INSERT_HISTORY: Shape = Shape {
    head: "INSERT INTO history (script_id, tx_id, funded_count, funded_sat, spent_count,
           spent_sat) VALUES",
    columns: 6,
    tail: "",
};
const MARK_SPENT: Shape = Shape {
    head: "WITH spends (tx_id, vout, spent_by, spent_vin) AS (VALUES",
    columns: 4,
    tail: ") UPDATE outputs SET spent_by = spends.spent_by, spent_vin = spends.spent_vin
           FROM spends WHERE outputs.tx_id = spends.tx_id AND outputs.vout = spends.vout",
};
const FIND_UNSPENT: Shape = Shape {
    head: "WITH asked (txid, vout) AS (VALUES",
    columns: 2,
    tail: ") SELECT asked.txid, outputs.vout, outputs.tx_id, outputs.value_sat, scripts.hash
           FROM asked
           CROSS JOIN transactions ON transactions.txid = asked.txid
           CROSS JOIN outputs ON outputs.tx_id = transactions.id AND outputs.vout = asked.vout
           CROSS JOIN scripts ON scripts.id = outputs.script_id
           WHERE outputs.spent_by IS NULL",
};

/// A writing transaction; dropped without [`WriteTx::commit`] it changes nothing.
pub(crate) struct WriteTx<'c> {
    pub(super) tx: sqlx::Transaction<'c, sqlx::Sqlite>,
}

impl Writer {
    /// Begins a writing transaction.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn begin(&mut self) -> Result<WriteTx<'_>, StoreError> {
        let tx = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        Ok(WriteTx { tx })
    }
}

impl WriteTx<'_> {
    /// Adds a batch of blocks on top of the active chain.
    ///
    /// # Errors
    /// The database failed, or an input spends what is not there.
    pub(crate) async fn connect(&mut self, mut batch: Batch) -> Result<(), StoreError> {
        let coins = find_unspent(&mut self.tx, &batch.outside_spends()).await?;
        batch.resolve(&coins)?;
        write(&mut self.tx, batch).await
    }

    /// Looks up outputs of the active chain as the transaction sees it.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn coins(
        &mut self,
        outpoints: &[OutPoint],
    ) -> Result<HashMap<OutPoint, Coin>, StoreError> {
        super::read_coins::coins(&mut self.tx, outpoints).await
    }

    /// Makes the changes durable and visible.
    ///
    /// # Errors
    /// The database failed; nothing is changed then.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

async fn find_unspent(
    connection: &mut SqliteConnection,
    asked: &[OutPoint],
) -> Result<HashMap<OutPoint, PreviousOutput>, StoreError> {
    let rows = FIND_UNSPENT
        .fetch(connection, asked, |values, outpoint| {
            values.add(&outpoint.txid.as_bytes()[..])?;
            values.add(i64::from(outpoint.vout))
        })
        .await?;
    let mut coins = HashMap::with_capacity(rows.len());
    for row in rows {
        let txid = Txid::from_bytes(hash_column(&row, "transactions", "txid")?);
        let outpoint = OutPoint::new(txid, number_column(&row, "outputs", "vout")?);
        let coin = PreviousOutput {
            number: TxNumber::from_column(row.try_get("tx_id")?),
            value_sat: row.try_get("value_sat")?,
            script_hash: hash_column(&row, "scripts", "hash")?,
        };
        coins.insert(outpoint, coin);
    }
    Ok(coins)
}

async fn write(connection: &mut SqliteConnection, mut batch: Batch) -> Result<(), StoreError> {
    let history = batch.take_history();
    let ids = upsert_scripts(connection, &mut batch).await?;
    write_blocks(connection, &batch).await?;
    INSERT_OUTPUTS
        .execute(connection, &batch.outputs, |values, row| {
            values.add(row.number.column())?;
            values.add(i64::from(row.vout))?;
            values.add(row.value_sat)?;
            values.add(ids[row.script])?;
            values.add(row.spent.map(|(number, _)| number.column()))?;
            values.add(row.spent.map(|(_, vin)| i64::from(vin)))
        })
        .await?;
    let mut history: Vec<_> = history
        .into_iter()
        .map(|row| (ids[row.script], row))
        .collect();
    history.sort_unstable_by_key(|(id, row)| (*id, row.number));
    INSERT_HISTORY
        .execute(connection, &history, |values, (id, row)| {
            values.add(*id)?;
            values.add(row.number.column())?;
            values.add(row.sums.funded_count)?;
            values.add(row.sums.funded_sat)?;
            values.add(row.sums.spent_count)?;
            values.add(row.sums.spent_sat)
        })
        .await?;
    MARK_SPENT
        .execute(connection, &batch.spent, |values, row| {
            values.add(row.number.column())?;
            values.add(i64::from(row.vout))?;
            values.add(row.by.0.column())?;
            values.add(i64::from(row.by.1))
        })
        .await
}

/// Adds the batch's sums to its scripts; gives each script's id at the script's index.
async fn upsert_scripts(
    connection: &mut SqliteConnection,
    batch: &mut Batch,
) -> Result<Vec<i64>, StoreError> {
    let mut order: Vec<usize> = (0..batch.scripts.len()).collect();
    order.sort_unstable_by_key(|&i| batch.scripts[i].hash);
    let rows = UPSERT_SCRIPTS
        .fetch(connection, &order, |values, &i| {
            let script = &batch.scripts[i];
            values.add(&script.hash[..])?;
            values.add(script.script.as_bytes())?;
            values.add(script.tx_count)?;
            values.add(script.sums.funded_count)?;
            values.add(script.sums.funded_sat)?;
            values.add(script.sums.spent_count)?;
            values.add(script.sums.spent_sat)
        })
        .await?;
    let mut ids = vec![0; batch.scripts.len()];
    for row in rows {
        let hash = hash_column(&row, "scripts", "hash")?;
        let index = batch.script_index(&hash);
        ids[index.ok_or_else(|| StoreError::bad_row("scripts", "hash", "returned"))?] =
            row.try_get("id")?;
    }
    Ok(ids)
}

async fn write_blocks(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    INSERT_BLOCKS
        .execute(connection, &batch.blocks, |values, row| {
            values.add(i64::from(row.height))?;
            values.add(&row.hash.as_bytes()[..])?;
            values.add(&row.header.encode()[..])?;
            values.add(i64::from(row.median_time))?;
            values.add(i64::from(row.tx_count))?;
            values.add(row.size)?;
            values.add(row.weight)?;
            values.add(row.fees_sat)?;
            values.add(row.output_sat)?;
            values.add(&row.chainwork.to_be_bytes()[..])?;
            values.add(row.seen_at)
        })
        .await?;
    INSERT_TRANSACTIONS
        .execute(connection, &batch.transactions, |values, row| {
            values.add(row.number.column())?;
            values.add(&row.txid.as_bytes()[..])?;
            values.add(row.fee_sat)?;
            values.add(&row.raw[..])
        })
        .await
}
