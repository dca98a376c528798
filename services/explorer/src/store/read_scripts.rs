//! Reading what happened to a locking script.

use sqlx::Row;
use synod_primitives::{Script, Txid};

use super::rows::{hash_column, number_column};
use super::{Reader, StoreError, TxNumber};

/// The sums of a script over the active chain.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct ScriptStats {
    pub(crate) tx_count: i64,
    pub(crate) funded_count: i64,
    pub(crate) funded_sat: i64,
    pub(crate) spent_count: i64,
    pub(crate) spent_sat: i64,
}

/// What one transaction did to a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryRow {
    pub(crate) number: TxNumber,
    pub(crate) funded_sat: i64,
    pub(crate) spent_sat: i64,
}

/// An unspent output of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnspentRow {
    pub(crate) number: TxNumber,
    pub(crate) txid: Txid,
    pub(crate) vout: u32,
    pub(crate) value_sat: i64,
}

impl Reader {
    /// Returns a script's sums; zeros for one that was never seen.
    pub(crate) async fn script_stats(
        &mut self,
        hash: &[u8; 32],
    ) -> Result<ScriptStats, StoreError> {
        let row = sqlx::query(
            "SELECT tx_count, funded_count, funded_sat, spent_count, spent_sat
             FROM scripts WHERE hash = ?",
        )
        .bind(&hash[..])
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(row) = row else {
            return Ok(ScriptStats::default());
        };
        Ok(ScriptStats {
            tx_count: row.try_get("tx_count")?,
            funded_count: row.try_get("funded_count")?,
            funded_sat: row.try_get("funded_sat")?,
            spent_count: row.try_get("spent_count")?,
            spent_sat: row.try_get("spent_sat")?,
        })
    }

    /// Returns a script by its hash, if it was ever paid to on the active chain.
    pub(crate) async fn script(&mut self, hash: &[u8; 32]) -> Result<Option<Script>, StoreError> {
        let row = sqlx::query("SELECT script FROM scripts WHERE hash = ?")
            .bind(&hash[..])
            .fetch_optional(&mut *self.tx)
            .await?;
        let script: Option<Vec<u8>> = row.map(|row| row.try_get("script")).transpose()?;
        Ok(script.map(Script::new))
    }

    /// Lists a script's transactions before a place in the chain, the newest first.
    pub(crate) async fn script_history(
        &mut self,
        hash: &[u8; 32],
        before: Option<TxNumber>,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT tx_id, funded_sat, spent_sat FROM history
             WHERE script_id = (SELECT id FROM scripts WHERE hash = ?) AND tx_id < ?
             ORDER BY tx_id DESC LIMIT ?",
        )
        .bind(&hash[..])
        .bind(before.map_or(i64::MAX, TxNumber::column))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(HistoryRow {
                    number: TxNumber::from_column(row.try_get("tx_id")?),
                    funded_sat: row.try_get("funded_sat")?,
                    spent_sat: row.try_get("spent_sat")?,
                })
            })
            .collect()
    }

    /// Says whether a transaction is in a script's history.
    pub(crate) async fn is_in_history(
        &mut self,
        hash: &[u8; 32],
        number: TxNumber,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 FROM history
             WHERE script_id = (SELECT id FROM scripts WHERE hash = ?) AND tx_id = ?",
        )
        .bind(&hash[..])
        .bind(number.column())
        .fetch_optional(&mut *self.tx)
        .await?;
        Ok(row.is_some())
    }

    /// Lists a script's unspent outputs, the oldest first.
    pub(crate) async fn unspent(
        &mut self,
        hash: &[u8; 32],
        limit: u32,
    ) -> Result<Vec<UnspentRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT outputs.tx_id, outputs.vout, outputs.value_sat, transactions.txid
             FROM outputs INDEXED BY outputs_unspent
             CROSS JOIN transactions ON transactions.id = outputs.tx_id
             WHERE outputs.script_id = (SELECT id FROM scripts WHERE hash = ?)
                 AND outputs.spent_by IS NULL
             ORDER BY outputs.tx_id, outputs.vout LIMIT ?",
        )
        .bind(&hash[..])
        .bind(i64::from(limit))
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(UnspentRow {
                    number: TxNumber::from_column(row.try_get("tx_id")?),
                    txid: Txid::from_bytes(hash_column(row, "transactions", "txid")?),
                    vout: number_column(row, "outputs", "vout")?,
                    value_sat: row.try_get("value_sat")?,
                })
            })
            .collect()
    }
}
