//! Building a database anew beside the old one: reading the blocks out of whatever is left,
//! and putting the result in the place of the old one.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use synod_primitives::Height;

use crate::blocks;
use crate::directory::{DATABASE_FILE, DataDirectory, create_private};
use crate::error::{OpenError, StoreError};
use crate::mark;
use crate::open::{Identity, check_kind, connect, load_identity, other_network};
use crate::state::ChainState;

/// Where `--reindex` builds, inside of the data directory.
pub const REINDEX_DIRECTORY: &str = "reindex";
/// Where a snapshot is loaded, inside of the data directory.
pub const SNAPSHOT_DIRECTORY: &str = "snapshot";
/// Says that a database beside this file is whole and goes into the directory above.
const COMPLETE: &str = "complete";

/// The blocks of a database that may be damaged or lack acknowledged commits.
#[derive(Debug)]
pub struct Salvage {
    connection: SqliteConnection,
    state: Option<ChainState>,
    _directory: DataDirectory,
}

impl Salvage {
    /// Opens what is left in a data directory, and keeps others from opening it.
    ///
    /// # Errors
    /// The directory is in use, has no database of a node, or one of another network or a newer
    /// schema.
    pub async fn open(directory: &Path, identity: &Identity) -> Result<Self, OpenError> {
        let directory = DataDirectory::lock(directory)?;
        finish(&directory)?;
        let path = directory.path().join(DATABASE_FILE);
        let base = SqliteConnectOptions::new().filename(&path);
        if path
            .metadata()
            .is_ok_and(|it| it.is_file() && it.len() == 0)
        {
            return Err(OpenError::NotADatabase(path));
        }
        check_kind(&path, &base).await?;
        let options = base
            .pragma("trusted_schema", "OFF")
            .pragma("wal_autocheckpoint", "0")
            .disable_statement_logging();
        let mut connection = connect(&options, &path).await?;
        // A damaged row says nothing of another network; the blocks themselves will.
        if let Ok(Some(found)) = load_identity(&mut connection).await {
            other_network(&found, identity)?;
        }
        let state = ChainState::load(&mut connection).await.ok();
        Ok(Self {
            connection,
            state,
            _directory: directory,
        })
    }

    /// Returns the height below which blocks were pruned, as far as that can be read.
    #[must_use]
    pub fn pruned_below(&self) -> Height {
        let state = self.state.as_ref();
        state.map_or(Height::GENESIS, |state| state.pruned_below)
    }

    /// Returns the height of the tip, as far as that can be read.
    #[must_use]
    pub fn height(&self) -> Option<Height> {
        self.state.as_ref()?.tip.map(|(height, _)| height)
    }

    /// Reads stored blocks, as [`crate::Reader::stored_blocks`] does.
    ///
    /// # Errors
    /// The database failed.
    pub async fn stored_blocks(
        &mut self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Result<Bytes, StoreError>)>, StoreError> {
        blocks::load_after(&mut self.connection, after, limit).await
    }

    /// Lets go of the directory.
    ///
    /// # Errors
    /// The database failed.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}

/// Puts a database that was built beside the one in `directory` in its place: what `--reindex`
/// and loading a snapshot end with.
///
/// Both stores were closed before; `built` lies on the same file system and is removed. A crash
/// in between leaves the old one, or, when `built` is one of the two directories that
/// [`crate::Store::open`] looks into, is finished there.
///
/// # Errors
/// A directory is in use or cannot be used, or the new store was not closed properly.
pub fn install_rebuilt(directory: &Path, built: &Path) -> Result<(), OpenError> {
    let target = DataDirectory::lock(directory)?;
    let source = DataDirectory::lock(built)?;
    let log = source.path().join(format!("{DATABASE_FILE}-wal"));
    if log.metadata().is_ok_and(|metadata| metadata.len() > 0) {
        let text = format!("{} was not closed", source.path().display());
        return Err(StoreError::Inconsistent(text).into());
    }
    let complete = source.path().join(COMPLETE);
    create_private(&complete)
        .and_then(|file| file.sync_all())
        .and_then(|()| File::open(source.path())?.sync_all())
        .map_err(|source| OpenError::Directory {
            path: complete,
            source,
        })?;
    install(target.path(), source.path())
}

/// Finishes what a crash interrupted in [`install_rebuilt`].
pub(crate) fn finish(directory: &DataDirectory) -> Result<(), OpenError> {
    for name in [REINDEX_DIRECTORY, SNAPSHOT_DIRECTORY] {
        let built = directory.path().join(name);
        if built.join(COMPLETE).exists() {
            install(directory.path(), &built)?;
        }
    }
    Ok(())
}

/// Correctness: every step can be done again, so a crash between any two is finished by doing
/// all of them. The log of the old database must be gone before SQLite could apply it to the
/// new one; the new database has none.
fn install(target: &Path, built: &Path) -> Result<(), OpenError> {
    let done = install_steps(target, built);
    done.map_err(|source| OpenError::Directory {
        path: built.to_owned(),
        source,
    })
}

fn install_steps(target: &Path, built: &Path) -> std::io::Result<()> {
    if built.join(DATABASE_FILE).exists() {
        for suffix in ["-wal", "-shm"] {
            remove(&target.join(format!("{DATABASE_FILE}{suffix}")))?;
        }
        if built.join(mark::FILE).exists() {
            std::fs::rename(built.join(mark::FILE), target.join(mark::FILE))?;
        }
        std::fs::rename(built.join(DATABASE_FILE), target.join(DATABASE_FILE))?;
    }
    File::open(target)?.sync_all()?;
    std::fs::remove_dir_all(built)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies a database into a directory that has none, also while another process writes to it.
///
/// # Errors
/// There is no database of this network; the directory has one; the disk is full.
pub async fn backup(directory: &Path, identity: &Identity, to: &Path) -> Result<(), OpenError> {
    let path = directory.join(DATABASE_FILE);
    let base = SqliteConnectOptions::new().filename(&path);
    check_kind(&path, &base).await?;
    let options = base
        .pragma("trusted_schema", "OFF")
        .pragma("wal_autocheckpoint", "0")
        .disable_statement_logging();
    let mut connection = connect(&options, &path).await?;
    let found = load_identity(&mut connection).await?;
    let found = found.ok_or(OpenError::NotADatabase(path))?;
    other_network(&found, identity)?;
    crate::maintenance::copy(&mut connection, to).await?;
    connection.close().await.map_err(StoreError::from)?;
    Ok(())
}
