//! Payments in the making and the coins that they hold.

use std::str::FromStr;

use serde::Serialize;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use synod_wallet_core::{
    bitcoin::{OutPoint, Transaction, Txid, consensus::deserialize, hashes::Hash},
    wallet::ChangeSet,
};

use super::{
    Store, StoreError,
    row::{hash, signed, unsigned},
    save_changes,
};

/// Most payments that one call lists, newest first.
pub const MAX_PAYMENTS_LISTED: u32 = 1000;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentState {
    /// A PSBT is out to be signed elsewhere.
    Draft,
    /// Signed and kept; not known to have reached the network.
    Signed,
    /// The network has it.
    Broadcast,
    /// The network refused it.
    Failed,
    /// A draft that expired, was used up or was given up.
    Released,
    /// A transaction with a higher fee took its place.
    Replaced,
}

impl PaymentState {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Draft, "draft"),
        (Self::Signed, "signed"),
        (Self::Broadcast, "broadcast"),
        (Self::Failed, "failed"),
        (Self::Released, "released"),
        (Self::Replaced, "replaced"),
    ];

    /// Returns the name as it is stored.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, name)| name)
    }
}

impl FromStr for PaymentState {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(state, _)| *state).ok_or(StoreError::Broken {
            table: "payments",
            what: "state",
        })
    }
}

/// A payment to be stored with the coins that it holds.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The caller's id; a second payment under it is refused.
    pub request_id: Option<String>,
    /// What was asked for, as text that is compared when the id comes again.
    pub request: String,
    /// The transaction's id.
    pub txid: Txid,
    /// The signed transaction; `None` while it is a draft.
    pub raw: Option<Vec<u8>>,
    /// The coins that it spends.
    pub coins: Vec<OutPoint>,
    /// When it was made (Unix seconds).
    pub created_at: u64,
    /// When its coins are free again, for a draft (Unix seconds).
    pub expires_at: Option<u64>,
}

/// A stored payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Its number.
    pub id: i64,
    /// The caller's id.
    pub request_id: Option<String>,
    /// What was asked for.
    pub request: String,
    /// Where it stands.
    pub state: PaymentState,
    /// The transaction's id.
    pub txid: Txid,
    /// The signed transaction.
    pub transaction: Option<Transaction>,
    /// Why the network refused it.
    pub error: Option<String>,
    /// When it was made (Unix seconds).
    pub created_at: u64,
    /// When its coins are free again, for a draft (Unix seconds).
    pub expires_at: Option<u64>,
}

/// The column list in one place, as a literal, so that no statement is put together at run time.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, request_id, request, state, txid, raw, error, created_at, expires_at FROM payments ",
            $rest
        )
    };
}

impl Store {
    /// Stores a payment, holds its coins and stores what changed in the wallet, all in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Reserved`] when a coin is held already, [`StoreError::RequestIdTaken`] when the id was used.
    pub async fn insert_payment(
        &self,
        draft: &Draft,
        changes: Option<&ChangeSet>,
    ) -> Result<(i64, i64), StoreError> {
        let mut id = 0;
        let revision = self
            .write(async |connection| {
                save_changes(connection, changes).await?;
                id = insert(connection, draft).await?;
                for coin in &draft.coins {
                    hold(connection, id, *coin).await?;
                }
                Ok(())
            })
            .await?;
        Ok((id, revision))
    }

    /// Ends a payment: sets its state, frees its coins, stores what changed in the wallet.
    ///
    /// # Errors
    /// When SQLite fails; nothing is stored then.
    pub async fn end_payment(
        &self,
        id: i64,
        state: PaymentState,
        error: Option<&str>,
        changes: Option<&ChangeSet>,
    ) -> Result<i64, StoreError> {
        self.write(async |connection| {
            save_changes(connection, changes).await?;
            let update = "UPDATE payments SET state = ?, error = ? WHERE id = ?";
            sqlx::query(update)
                .bind(state.as_str())
                .bind(error)
                .bind(id)
                .execute(&mut *connection)
                .await?;
            sqlx::query("DELETE FROM reservations WHERE payment = ?")
                .bind(id)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Marks every broadcast payment of this transaction as replaced.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn mark_replaced(&self, txid: Txid) -> Result<i64, StoreError> {
        self.write(async |connection| {
            let update =
                "UPDATE payments SET state = 'replaced' WHERE txid = ? AND state = 'broadcast'";
            sqlx::query(update)
                .bind(txid.to_byte_array().to_vec())
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Returns the coins that payments hold, with the payment.
    ///
    /// # Errors
    /// When a row is broken or SQLite fails.
    pub async fn reserved(&self) -> Result<Vec<(OutPoint, i64)>, StoreError> {
        let rows = sqlx::query("SELECT txid, vout, payment FROM reservations ORDER BY txid, vout");
        let coin = |row: &SqliteRow| {
            let txid = hash("reservations", "txid", row.try_get("txid")?)?;
            let vout = unsigned("reservations", "vout", row.try_get("vout")?)?;
            Ok((OutPoint::new(txid, vout), row.try_get("payment")?))
        };
        rows.fetch_all(&self.pool).await?.iter().map(coin).collect()
    }

    /// Finds a payment by the caller's id.
    ///
    /// # Errors
    /// When a row is broken or SQLite fails.
    pub async fn find_request(&self, request_id: &str) -> Result<Option<PaymentRow>, StoreError> {
        let query = select!("WHERE request_id = ?");
        sqlx::query(query)
            .bind(request_id)
            .fetch_optional(&self.pool)
            .await?
            .map(|row| read(&row))
            .transpose()
    }

    /// Finds a payment by its number.
    ///
    /// # Errors
    /// When a row is broken or SQLite fails.
    pub async fn find_payment(&self, id: i64) -> Result<Option<PaymentRow>, StoreError> {
        let query = select!("WHERE id = ?");
        sqlx::query(query)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?
            .map(|row| read(&row))
            .transpose()
    }

    /// Lists the payments in one state, oldest first.
    ///
    /// # Errors
    /// When a row is broken or SQLite fails.
    pub async fn payments_in(&self, state: PaymentState) -> Result<Vec<PaymentRow>, StoreError> {
        let query = select!("WHERE state = ? ORDER BY id LIMIT ?");
        sqlx::query(query)
            .bind(state.as_str())
            .bind(MAX_PAYMENTS_LISTED)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Lists payments older than `before`, newest first.
    ///
    /// # Errors
    /// When a row is broken or SQLite fails.
    pub async fn payments(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PaymentRow>, StoreError> {
        let query = select!("WHERE id < ? ORDER BY id DESC LIMIT ?");
        let query = sqlx::query(query)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit.min(MAX_PAYMENTS_LISTED));
        query
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(read)
            .collect()
    }
}

async fn insert(connection: &mut SqliteConnection, draft: &Draft) -> Result<i64, StoreError> {
    let state = if draft.raw.is_some() {
        PaymentState::Signed
    } else {
        PaymentState::Draft
    };
    let insert = "INSERT INTO payments (request_id, request, state, txid, raw, created_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id";
    let expires_at = draft
        .expires_at
        .map(|time| signed("payments", "expires_at", time))
        .transpose()?;
    let row = sqlx::query(insert)
        .bind(draft.request_id.as_deref())
        .bind(&draft.request)
        .bind(state.as_str())
        .bind(draft.txid.to_byte_array().to_vec())
        .bind(draft.raw.as_deref())
        .bind(signed("payments", "created_at", draft.created_at)?)
        .bind(expires_at)
        .fetch_one(connection)
        .await;
    let row = row.map_err(|e| {
        if is_unique(&e) {
            StoreError::RequestIdTaken
        } else {
            e.into()
        }
    })?;
    Ok(row.try_get("id")?)
}

async fn hold(
    connection: &mut SqliteConnection,
    payment: i64,
    coin: OutPoint,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO reservations (txid, vout, payment) VALUES (?, ?, ?)";
    let txid = coin.txid.to_byte_array().to_vec();
    let held = sqlx::query(insert)
        .bind(txid)
        .bind(coin.vout)
        .bind(payment)
        .execute(connection)
        .await;
    held.map(|_| ()).map_err(|e| {
        if is_unique(&e) {
            StoreError::Reserved
        } else {
            e.into()
        }
    })
}

fn is_unique(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

fn read(row: &SqliteRow) -> Result<PaymentRow, StoreError> {
    let raw: Option<&[u8]> = row.try_get("raw")?;
    let transaction = raw.map(deserialize).transpose();
    let expires_at: Option<i64> = row.try_get("expires_at")?;
    Ok(PaymentRow {
        id: row.try_get("id")?,
        request_id: row.try_get("request_id")?,
        request: row.try_get("request")?,
        state: row.try_get::<&str, _>("state")?.parse()?,
        txid: hash("payments", "txid", row.try_get("txid")?)?,
        transaction: transaction.map_err(|_| StoreError::Broken {
            table: "payments",
            what: "raw",
        })?,
        error: row.try_get("error")?,
        created_at: unsigned("payments", "created_at", row.try_get("created_at")?)?,
        expires_at: expires_at
            .map(|time| unsigned("payments", "expires_at", time))
            .transpose()?,
    })
}
