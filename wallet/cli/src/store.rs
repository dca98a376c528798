//! The database of one wallet (SQLite through sqlx). All SQL of the wallet is in this module.
//!
//! One connection, WAL, `synchronous` FULL: a function that returned has made its change durable.

mod change_set;
mod labels;
mod payments;
mod row;
#[cfg(test)]
mod tests;

use std::{path::Path, time::Duration};

use sqlx::{
    Connection, Row, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};
use synod_wallet_core::{
    descriptors::Descriptors,
    wallet::{ChangeSet, WalletError},
};

pub use self::{
    labels::MAX_LABEL_BYTES,
    payments::{Draft, MAX_PAYMENTS_LISTED, PaymentRow, PaymentState},
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/wallet");

/// Why the database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite or the system failed.
    #[error("wallet database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("wallet database schema: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A stored value cannot be what it must be.
    #[error("wallet database: table {table}, {what} is broken")]
    Broken {
        /// The table.
        table: &'static str,
        /// The column or the fault.
        what: &'static str,
    },
    /// The database belongs to other descriptors.
    #[error("the wallet database belongs to another wallet")]
    OtherWallet,
    /// A coin is held by another payment.
    #[error("a coin is held by another payment")]
    Reserved,
    /// Another payment was made under the same request id.
    #[error("another payment was made under this request id")]
    RequestIdTaken,
    /// The stored state is broken.
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

impl StoreError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Sql(_) => "wallet-database",
            Self::Migrate(_) => "wallet-database-schema",
            Self::Broken { .. } => "wallet-database-broken",
            Self::OtherWallet => "wallet-database-mismatch",
            Self::Reserved => "coin-reserved",
            Self::RequestIdTaken => "request-id-taken",
            Self::Wallet(e) => e.code(),
        }
    }
}

/// An open wallet database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the database, makes it where there is none, and checks that it is this wallet's.
    ///
    /// # Errors
    /// When it belongs to other descriptors, or SQLite fails.
    pub async fn open(
        path: &Path,
        descriptors: &Descriptors,
        birthday: u32,
    ) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .auto_vacuum(SqliteAutoVacuum::None)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30));
        make_private(path)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await?;
        MIGRATIONS.run(&pool).await?;
        let store = Self { pool };
        store.claim(descriptors, birthday).await?;
        Ok(store)
    }

    /// Writes whose database this is, or checks it.
    async fn claim(&self, descriptors: &Descriptors, birthday: u32) -> Result<(), StoreError> {
        let insert = "INSERT INTO wallet (id, network, external, internal, birthday, revision) \
             VALUES (1, 'regtest', ?, ?, ?, 0) ON CONFLICT (id) DO NOTHING";
        sqlx::query(insert)
            .bind(descriptors.external())
            .bind(descriptors.internal())
            .bind(birthday)
            .execute(&self.pool)
            .await?;
        let row = sqlx::query("SELECT external, internal FROM wallet WHERE id = 1")
            .fetch_one(&self.pool)
            .await?;
        let (external, internal): (String, String) =
            (row.try_get("external")?, row.try_get("internal")?);
        if external != descriptors.external() || internal != descriptors.internal() {
            return Err(StoreError::OtherWallet);
        }
        Ok(())
    }

    /// Returns the number of writes so far.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT revision FROM wallet WHERE id = 1")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get("revision")?)
    }

    /// Returns when the wallet was last synced (Unix seconds).
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn synced_at(&self) -> Result<Option<u64>, StoreError> {
        let row = sqlx::query("SELECT synced_at FROM wallet WHERE id = 1")
            .fetch_one(&self.pool)
            .await?;
        let synced: Option<i64> = row.try_get("synced_at")?;
        synced
            .map(|time| row::unsigned("wallet", "synced_at", time))
            .transpose()
    }

    /// Loads everything that BDK needs; `None` for a new wallet.
    ///
    /// # Errors
    /// When a row is broken or SQLite fails.
    pub async fn load(&self, descriptors: &Descriptors) -> Result<Option<ChangeSet>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        change_set::load(&mut connection, descriptors).await
    }

    /// Stores a change set, in one transaction.
    ///
    /// # Errors
    /// When SQLite fails; nothing is stored then.
    pub async fn save(&self, changes: Option<&ChangeSet>) -> Result<i64, StoreError> {
        self.write(async |connection| save_changes(connection, changes).await)
            .await
    }

    /// Stores what a sync found, and when it was.
    ///
    /// # Errors
    /// When SQLite fails; nothing is stored then.
    pub async fn save_sync(
        &self,
        changes: Option<&ChangeSet>,
        now: u64,
    ) -> Result<i64, StoreError> {
        let now = row::signed("wallet", "synced_at", now)?;
        self.write(async |connection| {
            save_changes(connection, changes).await?;
            sqlx::query("UPDATE wallet SET synced_at = ? WHERE id = 1")
                .bind(now)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Runs a writing transaction that awaits nothing but the database; returns the new revision.
    async fn write<F>(&self, work: F) -> Result<i64, StoreError>
    where
        F: AsyncFnOnce(&mut SqliteConnection) -> Result<(), StoreError>,
    {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        work(&mut transaction).await?;
        let bump = "UPDATE wallet SET revision = revision + 1 WHERE id = 1 RETURNING revision";
        let revision = sqlx::query(bump)
            .fetch_one(&mut *transaction)
            .await?
            .try_get("revision")?;
        transaction.commit().await?;
        Ok(revision)
    }

    /// Closes the database; what is written stays written without it.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn save_changes(
    connection: &mut SqliteConnection,
    changes: Option<&ChangeSet>,
) -> Result<(), StoreError> {
    match changes {
        Some(changes) => change_set::save(connection, changes).await,
        None => Ok(()),
    }
}

/// Makes the file with mode 0600 before SQLite does with the system's default.
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    file.map(|_| ())
        .map_err(|e| StoreError::Sql(sqlx::Error::Io(e)))
}
