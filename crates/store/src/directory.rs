//! The data directory and its lock.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// The database's file name in the data directory.
pub const DATABASE_FILE: &str = "node.sqlite";
const LOCK_FILE: &str = "lock";

/// A data directory that no other process has open.
///
/// Security: the directory is readable by its owner only and so are the files in it.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// Held, never read: the operating system lets go of the lock when the process ends,
    /// however it ends.
    _lock: File,
}

impl DataDirectory {
    /// Creates the directory where it is not there, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Directory { path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed(path))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = create_private(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(&lock_path)(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Returns the directory's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the database, whose file is there afterwards.
    ///
    /// SQLite gives its log and index the permissions of the database.
    pub(crate) fn prepare_database(&self) -> Result<PathBuf, OpenError> {
        let path = self.path.join(DATABASE_FILE);
        match create_private(&path) {
            Ok(_) => Ok(path),
            Err(source) => Err(OpenError::Directory { path, source }),
        }
    }
}

/// Opens a file for writing that only its owner may read; creates it where it is not there.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
