//! Opening the database: pragmas, migrations, what it belongs to.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row};

use super::StoreError;

/// Read-only connections, and so requests that read at the same time.
const READERS: u32 = 8;
/// How long a request waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that each connection keeps: ours, in four sizes each.
const STATEMENTS: usize = 256;

/// The readers of an index database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    readers: SqlitePool,
}

/// A read transaction: all its statements see one state of the index.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) tx: sqlx::Transaction<'static, sqlx::Sqlite>,
}

/// The only connection that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(super) connection: SqliteConnection,
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .page_size(16 * 1024)
        .journal_mode(SqliteJournalMode::Wal)
        // The index can be rebuilt from the node: a power cut may lose its last blocks, never
        // its consistency.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(STATEMENTS)
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "memory")
}

impl Store {
    /// Opens or creates the database and brings its schema up to date.
    ///
    /// # Errors
    /// A file that is no database of ours, or that cannot be written.
    pub(crate) async fn open(path: &Path) -> Result<(Self, Writer), StoreError> {
        let mut connection = options(path).connect().await?;
        // `run` would do the same, but its future cannot be proved to be `Send`.
        sqlx::migrate!("../../migrations/explorer")
            .run_direct(None, &mut connection, false)
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(
                options(path)
                    .create_if_missing(false)
                    .pragma("query_only", "on"),
            )
            .await?;
        Ok((Self { readers }, Writer { connection }))
    }

    /// Begins a read transaction; its snapshot is taken by its first statement.
    ///
    /// # Errors
    /// No connection became free in time.
    pub(crate) async fn begin(&self) -> Result<Reader, StoreError> {
        Ok(Reader {
            tx: self.readers.begin().await?,
        })
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
    }
}

impl Writer {
    /// Reads a value of the `meta` table.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn meta(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(&mut self.connection)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Sets a value of the `meta` table.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Takes everything out of the index, in one transaction.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn clear(&mut self) -> Result<(), StoreError> {
        let mut tx = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for statement in [
            "DELETE FROM meta",
            "DELETE FROM blocks",
            "DELETE FROM transactions",
            "DELETE FROM scripts",
            "DELETE FROM outputs",
            "DELETE FROM history",
            "DELETE FROM stale_blocks",
            "DELETE FROM reorgs",
            "DELETE FROM dropped_transactions",
        ] {
            sqlx::query(statement).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Closes the connection; the write-ahead log is folded into the file.
    pub(crate) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing the index");
        }
    }
}
