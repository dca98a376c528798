//! Reading outputs: what an input spends, who spends an output.

use std::collections::HashMap;

use sqlx::{Row, SqliteConnection};
use synod_primitives::{Amount, OutPoint, Script, TxOut, Txid};

use super::rows::{Shape, hash_column, number_column};
use super::{Reader, StoreError, TxNumber};

/// An output of the active chain that can be, or was, spent.
#[derive(Clone, Debug)]
pub(crate) struct Coin {
    pub(crate) output: TxOut,
    pub(crate) is_spent: bool,
}

/// The input that spends an output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spender {
    pub(crate) txid: Txid,
    pub(crate) vin: u32,
    /// `None` while the spender is in the mempool.
    pub(crate) number: Option<TxNumber>,
}

const COINS: Shape = Shape {
    head: "WITH asked (txid, vout) AS (VALUES",
    columns: 2,
    tail: ") SELECT asked.txid, outputs.vout, outputs.value_sat, scripts.script,
               outputs.spent_by
           FROM asked
           CROSS JOIN transactions ON transactions.txid = asked.txid
           CROSS JOIN outputs ON outputs.tx_id = transactions.id AND outputs.vout = asked.vout
           CROSS JOIN scripts ON scripts.id = outputs.script_id",
};

/// Looks up outputs; those that are not there are left out.
pub(super) async fn coins(
    connection: &mut SqliteConnection,
    outpoints: &[OutPoint],
) -> Result<HashMap<OutPoint, Coin>, StoreError> {
    let rows = COINS
        .fetch(connection, outpoints, |values, outpoint| {
            values.add(&outpoint.txid.as_bytes()[..])?;
            values.add(i64::from(outpoint.vout))
        })
        .await?;
    let mut coins = HashMap::with_capacity(rows.len());
    for row in rows {
        let txid = Txid::from_bytes(hash_column(&row, "transactions", "txid")?);
        let outpoint = OutPoint::new(txid, number_column(&row, "outputs", "vout")?);
        let coin = Coin {
            output: output(&row)?,
            is_spent: row.try_get::<Option<i64>, _>("spent_by")?.is_some(),
        };
        coins.insert(outpoint, coin);
    }
    Ok(coins)
}

fn output(row: &sqlx::sqlite::SqliteRow) -> Result<TxOut, StoreError> {
    let script: Vec<u8> = row.try_get("script")?;
    Ok(TxOut {
        value: Amount::from_sat(row.try_get("value_sat")?),
        script_pubkey: Script::new(script),
    })
}

impl Reader {
    /// Looks up outputs of the active chain.
    pub(crate) async fn coins(
        &mut self,
        outpoints: &[OutPoint],
    ) -> Result<HashMap<OutPoint, Coin>, StoreError> {
        coins(&mut self.tx, outpoints).await
    }

    /// Returns what the inputs of transactions of the active chain spend.
    pub(crate) async fn prevouts(
        &mut self,
        numbers: &[TxNumber],
    ) -> Result<HashMap<(TxNumber, u32), TxOut>, StoreError> {
        const PREVOUTS: Shape = Shape {
            head: "WITH asked (id) AS (VALUES",
            columns: 1,
            tail: ") SELECT outputs.spent_by, outputs.spent_vin, outputs.value_sat, scripts.script
                   FROM asked
                   CROSS JOIN outputs INDEXED BY outputs_spender ON outputs.spent_by = asked.id
                   CROSS JOIN scripts ON scripts.id = outputs.script_id",
        };
        let rows = PREVOUTS
            .fetch(&mut self.tx, numbers, |values, number| {
                values.add(number.column())
            })
            .await?;
        let mut prevouts = HashMap::with_capacity(rows.len());
        for row in rows {
            let number = TxNumber::from_column(row.try_get("spent_by")?);
            prevouts.insert(
                (number, number_column(&row, "outputs", "spent_vin")?),
                output(&row)?,
            );
        }
        Ok(prevouts)
    }

    /// Returns who spends the outputs of transactions of the active chain, on that chain.
    pub(crate) async fn spenders(
        &mut self,
        numbers: &[TxNumber],
    ) -> Result<HashMap<(TxNumber, u32), Spender>, StoreError> {
        const SPENDERS: Shape = Shape {
            head: "WITH asked (id) AS (VALUES",
            columns: 1,
            tail: ") SELECT outputs.tx_id, outputs.vout, outputs.spent_by, outputs.spent_vin,
                       transactions.txid
                   FROM asked
                   CROSS JOIN outputs ON outputs.tx_id = asked.id
                   CROSS JOIN transactions ON transactions.id = outputs.spent_by",
        };
        let rows = SPENDERS
            .fetch(&mut self.tx, numbers, |values, number| {
                values.add(number.column())
            })
            .await?;
        let mut spenders = HashMap::with_capacity(rows.len());
        for row in rows {
            let number = TxNumber::from_column(row.try_get("tx_id")?);
            let spender = Spender {
                txid: Txid::from_bytes(hash_column(&row, "transactions", "txid")?),
                vin: number_column(&row, "outputs", "spent_vin")?,
                number: Some(TxNumber::from_column(row.try_get("spent_by")?)),
            };
            spenders.insert((number, number_column(&row, "outputs", "vout")?), spender);
        }
        Ok(spenders)
    }
}
