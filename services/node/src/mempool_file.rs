//! The mempool over a restart: `mempool.dat` in the data directory.
//!
//! It is written whole into a new file that then takes the old one's place, so a crash leaves
//! the one or the other. It is a convenience and no promise: a file that is damaged, too long or
//! of another version is named in the log, and the node starts with an empty mempool.

use std::io;
use std::path::Path;

use bytes::Bytes;
use synod_mempool::{SaveError, SavedMempool};

use crate::replace::Replaced;

/// The file's name in the data directory.
pub const MEMPOOL_FILE: &str = "mempool.dat";
/// The most bytes of a file that is read: more than a full mempool of 300 MB is saved in.
pub const MAX_MEMPOOL_FILE_BYTES: u64 = 512 << 20;

/// Why a saved mempool is not used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read, or is too long.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no saved mempool.
    #[error(transparent)]
    Format(#[from] SaveError),
}

/// The file of one data directory.
#[derive(Clone, Debug)]
pub struct MempoolFile(Replaced);

impl MempoolFile {
    /// Names the file in a data directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self(Replaced::new(directory, MEMPOOL_FILE))
    }

    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read or is no saved mempool.
    pub fn load(&self) -> Result<Option<SavedMempool>, LoadError> {
        let Some(bytes) = self.0.read(MAX_MEMPOOL_FILE_BYTES)? else {
            return Ok(None);
        };
        Ok(Some(SavedMempool::decode(&Bytes::from(bytes))?))
    }

    /// Replaces the file; when this returns, it is on the disk.
    ///
    /// # Errors
    /// The disk is full or fails; the old file stays then.
    pub fn save(&self, mempool: &SavedMempool) -> io::Result<()> {
        self.0.write(&mempool.encode())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn saved(delta: i64) -> SavedMempool {
        SavedMempool {
            transactions: Vec::new(),
            fee_deltas: vec![(synod_primitives::Txid::ZERO, delta)],
        }
    }

    #[test]
    fn what_was_saved_last_is_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = MempoolFile::in_directory(folder.path());
        assert!(file.load().expect("no file is no error").is_none());
        for delta in [1, 2] {
            file.save(&saved(delta)).expect("saved");
            assert_eq!(file.load().expect("whole"), Some(saved(delta)));
        }
    }

    #[test]
    fn a_torn_new_file_leaves_the_old_one_in_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = MempoolFile::in_directory(folder.path());
        file.save(&saved(7)).expect("saved");
        fs::write(folder.path().join("mempool.dat.new"), b"SYNDPO").expect("written");
        assert_eq!(file.load().expect("whole"), Some(saved(7)));
        file.save(&saved(8)).expect("saved over the torn one");
        assert_eq!(file.load().expect("whole"), Some(saved(8)));
    }

    #[test]
    fn m12_a_damaged_or_longer_file_or_another_version_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = MempoolFile::in_directory(folder.path());
        file.save(&saved(7)).expect("saved");
        let path = folder.path().join(MEMPOOL_FILE);
        let whole = fs::read(&path).expect("there");
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 1;
            fs::write(&path, damaged).expect("written");
            assert!(matches!(file.load(), Err(LoadError::Format(_))), "{index}");
        }
        let mut newer = whole.clone();
        newer[8] = 2;
        fs::write(&path, newer).expect("written");
        assert!(matches!(
            file.load(),
            Err(LoadError::Format(SaveError::Version(2)))
        ));
        let sparse = File::create(&path).expect("made");
        sparse
            .set_len(MAX_MEMPOOL_FILE_BYTES + 1)
            .expect("a sparse file");
        assert!(matches!(file.load(), Err(LoadError::Io(_))));
    }
}
