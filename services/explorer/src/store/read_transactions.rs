//! Reading transactions of the active chain.

use bytes::Bytes;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use synod_primitives::{Transaction, Txid};

use super::rows::{Shape, hash_column};
use super::{Reader, StoreError, TxNumber};

/// A transaction of the active chain.
#[derive(Clone, Debug)]
pub(crate) struct StoredTransaction {
    pub(crate) number: TxNumber,
    pub(crate) fee_sat: i64,
    pub(crate) transaction: Transaction,
}

fn stored(row: &SqliteRow) -> Result<StoredTransaction, StoreError> {
    let number = TxNumber::from_column(row.try_get("id")?);
    let raw: Vec<u8> = row.try_get("raw")?;
    let txid = hash_column(row, "transactions", "txid")?;
    let transaction = Transaction::decode(&Bytes::from(raw))
        .ok()
        .filter(|transaction| *transaction.txid().as_bytes() == txid)
        .ok_or_else(|| StoreError::bad_row("transactions", "raw", number.column()))?;
    Ok(StoredTransaction {
        number,
        fee_sat: row.try_get("fee_sat")?,
        transaction,
    })
}

impl Reader {
    /// Finds a transaction of the active chain.
    pub(crate) async fn transaction(
        &mut self,
        txid: Txid,
    ) -> Result<Option<StoredTransaction>, StoreError> {
        let row = sqlx::query(
            "SELECT id, txid, fee_sat, raw FROM transactions WHERE txid = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(&txid.as_bytes()[..])
        .fetch_optional(&mut *self.tx)
        .await?;
        row.as_ref().map(stored).transpose()
    }

    /// Finds the place of a transaction without reading it.
    pub(crate) async fn number_of(&mut self, txid: Txid) -> Result<Option<TxNumber>, StoreError> {
        let row =
            sqlx::query("SELECT id FROM transactions WHERE txid = ? ORDER BY id DESC LIMIT 1")
                .bind(&txid.as_bytes()[..])
                .fetch_optional(&mut *self.tx)
                .await?;
        Ok(row
            .map(|row| row.try_get("id"))
            .transpose()?
            .map(TxNumber::from_column))
    }

    /// Lists a block's transactions from a position on.
    pub(crate) async fn block_transactions(
        &mut self,
        height: u32,
        from: u32,
        limit: u32,
    ) -> Result<Vec<StoredTransaction>, StoreError> {
        let start = TxNumber::new(height, 0).column();
        let rows = sqlx::query(
            "SELECT id, txid, fee_sat, raw FROM transactions
             WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        )
        .bind(start + i64::from(from))
        .bind(start + (1 << 20))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// Reads the transactions with some numbers, in their order; numbers that are not there are
    /// left out.
    pub(crate) async fn transactions(
        &mut self,
        numbers: &[TxNumber],
    ) -> Result<Vec<StoredTransaction>, StoreError> {
        const BY_NUMBER: Shape = Shape {
            head: "WITH asked (id) AS (VALUES",
            columns: 1,
            tail: ") SELECT transactions.id, txid, fee_sat, raw FROM asked
                   CROSS JOIN transactions ON transactions.id = asked.id",
        };
        let rows = BY_NUMBER
            .fetch(&mut self.tx, numbers, |values, number| {
                values.add(number.column())
            })
            .await?;
        let mut found: Vec<StoredTransaction> =
            rows.iter().map(stored).collect::<Result<_, _>>()?;
        let order = |number: TxNumber| numbers.iter().position(|asked| *asked == number);
        found.sort_by_key(|row| order(row.number));
        Ok(found)
    }

    /// Lists the last transactions of the active chain that are no coinbases, the newest first,
    /// looking back over `heights` blocks.
    pub(crate) async fn latest_payments(
        &mut self,
        tip: u32,
        heights: u32,
        limit: u32,
    ) -> Result<Vec<StoredTransaction>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, txid, fee_sat, raw FROM transactions
             WHERE id >= ? AND (id & 1048575) > 0 ORDER BY id DESC LIMIT ?",
        )
        .bind(TxNumber::new(tip.saturating_sub(heights), 0).column())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(stored).collect()
    }
}
