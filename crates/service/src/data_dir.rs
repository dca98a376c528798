//! A service's data directory, for one process alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file whose lock says that the directory is in use.
const LOCK_FILE: &str = "lock";

/// Why a data directory cannot be used, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error("the data directory {0} is in use by another process")]
    InUse(PathBuf),
    /// It cannot be made, read or locked.
    #[error("the data directory {path} cannot be used: {error}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// A directory that no other process opens while this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Correctness: the system frees the lock when the process ends in any way, so a crash
    /// leaves nothing to clean up.
    _lock: File,
}

impl DataDir {
    /// Makes the directory (for its owner alone) where it is missing, and locks it.
    ///
    /// # Errors
    /// Another process has it, or it cannot be made or locked.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let io = |error| DataDirError::Io {
            path: path.to_owned(),
            error,
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(io)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(path.join(LOCK_FILE)).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// Returns the directory's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file or directory in it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_user_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/data");
        let first = DataDir::open(&path).expect("free");
        let refused = DataDir::open(&path).expect_err("in use").to_string();
        assert_eq!(
            refused,
            format!(
                "the data directory {} is in use by another process",
                path.display()
            )
        );
        drop(first);
        assert_eq!(DataDir::open(&path).expect("free again").path(), path);
    }

    #[test]
    fn a_file_in_the_way_is_one_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "").expect("written");
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Io { .. })));
    }
}
