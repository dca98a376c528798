//! Failures of the store.

use std::fmt;
use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use synod_primitives::BlockHash;

/// A failure while reading or writing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room on the disk; nothing of the batch was written.
    #[error("no space left for the database")]
    DiskFull,
    /// The database, or a connection to it, was in use for too long.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The operating system gave no memory or thread.
    #[error("the system gives the database no memory or thread: {0}")]
    Starved(String),
    /// What was read is not what was written; it is not served.
    #[error("the database is damaged: table {table}, key {key}: {what}")]
    Corrupt {
        /// The table, `database` when SQLite itself found the damage.
        table: &'static str,
        /// The row's key as text.
        key: String,
        /// What does not hold.
        what: String,
    },
    /// The operating system failed to read or write; after this only a restart is safe.
    #[error("reading or writing the database failed: {0}")]
    Io(String),
    /// The batch contradicts what is stored; a bug of the caller or damage.
    #[error("the change does not fit what is stored: {0}")]
    Inconsistent(String),
    /// Anything else that SQLite reports.
    #[error("the database failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Names the kind of failure for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DiskFull => "store-disk-full",
            Self::Busy(_) => "store-busy",
            Self::Starved(_) => "store-starved",
            Self::Corrupt { .. } => "store-corrupt",
            Self::Io(_) => "store-io",
            Self::Inconsistent(_) => "store-inconsistent",
            Self::Failed(_) => "store-failed",
        }
    }

    /// Says whether the same call can succeed later without a restart.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::DiskFull | Self::Busy(_) | Self::Starved(_))
    }

    pub(crate) fn corrupt(
        table: &'static str,
        key: impl fmt::Display,
        what: impl fmt::Display,
    ) -> Self {
        Self::Corrupt {
            table,
            key: key.to_string(),
            what: what.to_string(),
        }
    }
}

// SQLite's primary result codes, https://www.sqlite.org/rescode.html.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;
/// The shared-memory index could not grow: the only place where a full disk is not
/// reported as `SQLITE_FULL`.
const SQLITE_IOERR_SHMSIZE: i32 = SQLITE_IOERR | 19 << 8;
/// The file needs a rollback, and the connection only reads.
const SQLITE_READONLY_ROLLBACK: i32 = SQLITE_READONLY | 3 << 8;

/// Returns SQLite's extended result code of an error.
pub(crate) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Says whether the file is no SQLite database at all.
pub(crate) fn is_not_a_database(error: &sqlx::Error) -> bool {
    sqlite_code(error).is_some_and(|code| code & 0xff == SQLITE_NOTADB)
}

/// Says whether a transaction that was cut off must be rolled back before the file can be read,
/// which a connection that only reads cannot do.
pub(crate) fn needs_rollback(error: &sqlx::Error) -> bool {
    sqlite_code(error) == Some(SQLITE_READONLY_ROLLBACK)
}

/// Says what a result code of SQLite's means.
fn of_code(code: i32, text: String) -> StoreError {
    match (code, code & 0xff) {
        (SQLITE_IOERR_SHMSIZE, _) | (_, SQLITE_FULL) => StoreError::DiskFull,
        (_, SQLITE_BUSY | SQLITE_LOCKED) => StoreError::Busy(text),
        (_, SQLITE_NOMEM) => StoreError::Starved(text),
        (_, SQLITE_CORRUPT | SQLITE_NOTADB) => StoreError::corrupt("database", "file", text),
        (_, SQLITE_IOERR | SQLITE_CANTOPEN | SQLITE_READONLY) => StoreError::Io(text),
        _ => StoreError::Failed(text),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error() {
            Some(code) => of_code(code.extended_code, text),
            None => Self::Failed(text),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        if let Some(code) = sqlite_code(&error) {
            return of_code(code, text);
        }
        match error {
            sqlx::Error::Io(error) => error.into(),
            sqlx::Error::PoolTimedOut => Self::Busy(text),
            sqlx::Error::ColumnDecode { index, .. } => Self::corrupt("database", index, text),
            sqlx::Error::Decode(_) | sqlx::Error::ColumnIndexOutOfBounds { .. } => {
                Self::corrupt("database", "row", text)
            }
            _ => Self::Failed(text),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            // A thread for a connection could not be started: EAGAIN or ENOMEM.
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::OutOfMemory => {
                Self::Starved(error.to_string())
            }
            _ => Self::Io(error.to_string()),
        }
    }
}

/// A reason not to open a data directory.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data directory {0} is in use by another process")]
    InUse(PathBuf),
    /// It holds another network.
    #[error("the data directory holds the network {found} (genesis {genesis}), not {wanted}")]
    OtherNetwork {
        /// Name and chain id of what is there.
        found: String,
        /// The genesis block of what is there.
        genesis: BlockHash,
        /// Name and chain id of what was asked for.
        wanted: String,
    },
    /// A newer program wrote it.
    #[error(
        "the database has schema {found}, this program knows schemas up to {known}: \
         use the newer program that wrote it"
    )]
    NewerSchema {
        /// The schema of the file.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The file is something else.
    #[error("{0} is not a database of a Synod node")]
    NotADatabase(PathBuf),
    /// The first page is gone, and with it the way to all others.
    #[error(
        "the database {path} has lost its beginning, and {commits} commits were acknowledged: put a \
         copy in its place, or remove the data directory and fetch the chain anew"
    )]
    LostBeginning {
        /// The file.
        path: PathBuf,
        /// How many commits were acknowledged, as far as that can be read.
        commits: u64,
    },
    /// Commits that were acknowledged are not there: a truncated log, or an old copy.
    #[error(
        "the database stands at commit {found} (height {found_height}) but commit {marked} \
         (height {marked_height}) was acknowledged: its write-ahead log was cut off or an \
         older copy was put in its place; start once with the older state accepted, or \
         reindex"
    )]
    BehindMark {
        /// The last commit in the database.
        found: u64,
        /// The height of the tip there; 0 without one.
        found_height: u32,
        /// The last commit that was acknowledged.
        marked: u64,
        /// The height of the tip then.
        marked_height: u32,
    },
    /// The file beside the database that names the last acknowledged commit is not there,
    /// is unreadable, or belongs to another history.
    #[error(
        "the mark of the last acknowledged commit ({path}) {what}: nobody can tell whether \
         the database is complete; start once with the older state accepted, or reindex"
    )]
    Mark {
        /// The mark's file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The directory cannot be used.
    #[error("cannot use {path}: {source}")]
    Directory {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database cannot be read or brought to the current schema.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// Says whether opening with an older state accepted gets past the error.
    #[must_use]
    pub fn is_lost_commit(&self) -> bool {
        matches!(self, Self::BehindMark { .. } | Self::Mark { .. })
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<MigrateError> for OpenError {
    fn from(error: MigrateError) -> Self {
        Self::Store(match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => StoreError::Failed(other.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_does_not_give_may_be_there_later() {
        use std::io::ErrorKind;
        for kind in [ErrorKind::WouldBlock, ErrorKind::OutOfMemory] {
            let error = StoreError::from(std::io::Error::from(kind));
            assert!(matches!(error, StoreError::Starved(_)) && error.is_transient());
        }
        let error = of_code(SQLITE_NOMEM, "out of memory".to_owned());
        assert!(matches!(error, StoreError::Starved(_)) && error.is_transient());
        let error = StoreError::from(std::io::Error::from(ErrorKind::UnexpectedEof));
        assert!(matches!(error, StoreError::Io(_)) && !error.is_transient());
        // The file is not there, or no descriptor is free: SQLite does not say which.
        let error = of_code(SQLITE_CANTOPEN, "unable to open".to_owned());
        assert!(matches!(error, StoreError::Io(_)) && !error.is_transient());
    }
}
