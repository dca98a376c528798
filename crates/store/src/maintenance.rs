//! Checkpoints, backups and figures, beside the writer.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};

use crate::directory::{DATABASE_FILE, DataDirectory, create_private};
use crate::error::StoreError;
use crate::open::adopt_copy;
use crate::row::Columns;
use crate::verify::{self, VerifyLevel, VerifyReport};

/// What a checkpoint did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckpointReport {
    /// The pages in the write-ahead log.
    pub log_pages: u64,
    /// Those of them that are in the database now.
    pub moved_pages: u64,
    /// The bytes that the log takes on the disk afterwards.
    pub log_bytes: u64,
}

/// What the database takes on the disk, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SizeReport {
    /// The database file.
    pub database_bytes: u64,
    /// The part of it that is free for new rows.
    pub free_bytes: u64,
    /// The write-ahead log.
    pub log_bytes: u64,
}

/// The handle for work on the database as a whole.
#[derive(Debug)]
pub struct Maintenance {
    connection: SqliteConnection,
    /// The mark's file, to sync it.
    mark: Arc<File>,
    log_limit: u64,
    directory: Arc<DataDirectory>,
}

impl Maintenance {
    pub(crate) fn new(
        connection: SqliteConnection,
        mark: File,
        log_limit: u64,
        directory: Arc<DataDirectory>,
    ) -> Self {
        Self {
            connection,
            mark: Arc::new(mark),
            log_limit,
            directory,
        }
    }

    /// Moves committed pages from the write-ahead log into the database.
    ///
    /// Readers and the writer go on meanwhile. When the log is above its limit it is reset,
    /// for which the writer waits a moment; a reader that stays in one transaction can keep
    /// that from happening, and the report shows it. Nothing else makes checkpoints, so the
    /// owner calls this after some commits, and when it has nothing else to do.
    ///
    /// # Errors
    /// The database failed. [`StoreError::DiskFull`] leaves the log as it is.
    pub async fn checkpoint(&mut self) -> Result<CheckpointReport, StoreError> {
        let mark = Arc::clone(&self.mark);
        let synced = tokio::task::spawn_blocking(move || mark.sync_data()).await;
        synced.map_err(|error| StoreError::Failed(error.to_string()))??;
        let mut report = self
            .run_checkpoint("PRAGMA wal_checkpoint(PASSIVE)")
            .await?;
        if report.log_bytes > self.log_limit {
            report = self
                .run_checkpoint("PRAGMA wal_checkpoint(TRUNCATE)")
                .await?;
        }
        Ok(report)
    }

    /// Brings what deferred commits have written so far to the disk, beside the writer: the next
    /// synced commit then has less to wait for.
    ///
    /// Promises nothing: only that commit does.
    ///
    /// # Errors
    /// The log could not be written back.
    pub async fn write_back(&self) -> Result<(), StoreError> {
        let path = self.log_path();
        // Correctness: SQLite holds no lock on the log, so closing it here drops none (as it would
        // on the database).
        let written = tokio::task::spawn_blocking(move || match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            opened => opened?.sync_data(),
        });
        let written = written.await;
        Ok(written.map_err(|error| StoreError::Failed(error.to_string()))??)
    }

    async fn run_checkpoint(
        &mut self,
        statement: &'static str,
    ) -> Result<CheckpointReport, StoreError> {
        let row = sqlx::query(statement)
            .fetch_one(&mut self.connection)
            .await?;
        let row = Columns::new(&row, "database");
        let pages = |value: i64| value.max(0).cast_unsigned();
        Ok(CheckpointReport {
            log_pages: pages(row.int(1)?),
            moved_pages: pages(row.int(2)?),
            log_bytes: length(&self.log_path())?,
        })
    }

    /// Writes a complete copy, as of one moment, into a directory that has no database; it
    /// can be opened there, or put in the place of a lost data directory.
    ///
    /// # Errors
    /// The directory has a database; the disk is full; the database failed.
    pub async fn backup(&mut self, directory: &Path) -> Result<(), StoreError> {
        copy(&mut self.connection, directory).await
    }

    /// Reads every row of every table and checks it, and lets SQLite check its pages.
    ///
    /// `progress` gets the name of each step as it starts. Faults are listed, not returned
    /// as errors.
    ///
    /// # Errors
    /// The database could not be read at all.
    pub async fn verify(
        &mut self,
        progress: impl FnMut(&'static str),
    ) -> Result<VerifyReport, StoreError> {
        self.verify_level(VerifyLevel::Everything, progress).await
    }

    /// Does as [`Maintenance::verify`], as far as a level says.
    ///
    /// # Errors
    /// The database could not be read at all.
    pub async fn verify_level(
        &mut self,
        level: VerifyLevel,
        progress: impl FnMut(&'static str),
    ) -> Result<VerifyReport, StoreError> {
        verify::run(&mut self.connection, level, progress).await
    }

    /// Returns the sizes on the disk.
    ///
    /// # Errors
    /// The database or its files could not be read.
    pub async fn size(&mut self) -> Result<SizeReport, StoreError> {
        let row = sqlx::query(
            "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(SizeReport {
            database_bytes: length(&self.directory.path().join(DATABASE_FILE))?,
            free_bytes: Columns::new(&row, "database").unsigned(0)?,
            log_bytes: length(&self.log_path())?,
        })
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// The database failed.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join(format!("{DATABASE_FILE}-wal"))
    }
}

/// Writes a complete copy, as of one moment, into a directory that has no database.
pub(crate) async fn copy(
    connection: &mut SqliteConnection,
    directory: &Path,
) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let path = directory.join(DATABASE_FILE);
    if length(&path)? > 0 {
        let text = format!("{} is there already", path.display());
        return Err(StoreError::Inconsistent(text));
    }
    let file = create_private(&path)?;
    let name = path
        .to_str()
        .ok_or_else(|| StoreError::Inconsistent("the path of a backup is not UTF-8".to_owned()))?;
    let copied = sqlx::query("VACUUM INTO ?")
        .bind(name.to_owned())
        .execute(connection)
        .await;
    if let Err(error) = copied {
        // Half a copy is none.
        let _ = std::fs::remove_file(&path);
        return Err(error.into());
    }
    file.sync_all()?;
    adopt_copy(directory).await
}

/// Returns the length of a file, 0 when it is not there.
fn length(path: &Path) -> Result<u64, StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}
