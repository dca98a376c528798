//! The mark of the last acknowledged commit.
//!
//! SQLite takes a write-ahead log that ends early for a log that was never longer. So the
//! number of the last acknowledged commit is kept in a second file: a database behind its
//! mark has lost something that somebody was told is safe.
//!
//! The file has two slots that are written in turn, so that a torn write leaves the other.
//! Correctness: a slot is written after its commit is on the disk, so a mark is never ahead
//! of a complete database. It is not synced each time, which would double the cost of every
//! commit: after a power cut it may be older than the database, never newer. Checkpoints
//! and closing sync it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::checksum;

/// The file's name in the data directory.
pub(crate) const FILE: &str = "tip.mark";
const MAGIC: &[u8; 8] = b"SYNDMARK";
const VERSION: u32 = 1;
const SLOT_SIZE: usize = 128;
const SLOT_DISTANCE: u64 = 4096;
const SUM_AT: usize = 96;

/// What a mark says of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    /// The commit's number.
    pub(crate) commits: u64,
    /// The digest over all commits up to it.
    pub(crate) history: [u8; 32],
    /// The height of the active tip then, 0 without one.
    pub(crate) height: u32,
}

impl Mark {
    fn encode(&self) -> [u8; SLOT_SIZE] {
        let mut slot = [0; SLOT_SIZE];
        slot[..8].copy_from_slice(MAGIC);
        slot[8..12].copy_from_slice(&VERSION.to_le_bytes());
        slot[16..24].copy_from_slice(&self.commits.to_le_bytes());
        slot[24..56].copy_from_slice(&self.history);
        slot[56..60].copy_from_slice(&self.height.to_le_bytes());
        let sum = checksum::sum(&slot[..SUM_AT]);
        slot[SUM_AT..SUM_AT + 8].copy_from_slice(&sum.to_le_bytes());
        slot
    }

    fn decode(slot: &[u8; SLOT_SIZE]) -> Option<Self> {
        let sum = checksum::sum(&slot[..SUM_AT]).to_le_bytes();
        let known = slot[..8] == *MAGIC && slot[8..12] == VERSION.to_le_bytes();
        if !known || slot[SUM_AT..SUM_AT + 8] != sum {
            return None;
        }
        Some(Self {
            commits: u64::from_le_bytes(slot[16..24].try_into().ok()?),
            history: slot[24..56].try_into().ok()?,
            height: u32::from_le_bytes(slot[56..60].try_into().ok()?),
        })
    }
}

/// The mark's open file.
#[derive(Debug)]
pub(crate) struct MarkFile {
    file: File,
    next_slot: u64,
}

impl MarkFile {
    /// Reads the newest mark and the slot that it lies in; `None` when the file is absent
    /// or has no whole slot.
    pub(crate) fn read(directory: &Path) -> io::Result<Option<(Mark, u64)>> {
        let file = match File::open(directory.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut newest: Option<(Mark, u64)> = None;
        for slot in 0..2 {
            let mut bytes = [0; SLOT_SIZE];
            if file
                .read_exact_at(&mut bytes, slot * SLOT_DISTANCE)
                .is_err()
            {
                continue;
            }
            if let Some(mark) = Mark::decode(&bytes)
                && newest.is_none_or(|(known, _)| known.commits < mark.commits)
            {
                newest = Some((mark, slot));
            }
        }
        Ok(newest)
    }

    /// Creates the file, or replaces what it says, and syncs it with its directory.
    pub(crate) fn create(directory: &Path, mark: &Mark) -> io::Result<Self> {
        let path = directory.join(FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        let mut created = Self { file, next_slot: 0 };
        created.write(mark)?;
        created.write(mark)?;
        created.sync()?;
        File::open(directory)?.sync_all()?;
        Ok(created)
    }

    /// Opens the file to go on after the newest mark, which lies in `slot`.
    pub(crate) fn open(directory: &Path, slot: u64) -> io::Result<Self> {
        let path = directory.join(FILE);
        let file = OpenOptions::new().write(true).open(&path)?;
        Ok(Self {
            file,
            next_slot: 1 - slot,
        })
    }

    /// Notes a commit that is on the disk.
    pub(crate) fn write(&mut self, mark: &Mark) -> io::Result<()> {
        let at = self.next_slot * SLOT_DISTANCE;
        self.file.write_all_at(&mark.encode(), at)?;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }

    /// Brings the mark to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Opens a second handle for syncing beside the writer.
    pub(crate) fn try_clone_file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(commits: u64) -> Mark {
        Mark {
            commits,
            history: [u8::try_from(commits).expect("small"); 32],
            height: 7,
        }
    }

    fn newest(directory: &Path) -> Option<Mark> {
        let read = MarkFile::read(directory).expect("readable");
        read.map(|(mark, _)| mark)
    }

    #[test]
    fn a_torn_slot_leaves_the_mark_before_it() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(newest(dir.path()), None);
        let mut file = MarkFile::create(dir.path(), &mark(0)).expect("created");
        for commits in 1..5 {
            file.write(&mark(commits)).expect("written");
            assert_eq!(newest(dir.path()), Some(mark(commits)));
        }
        let torn = 1 - file.next_slot;
        file.file
            .write_all_at(&[0xff; 40], torn * SLOT_DISTANCE + 16)
            .expect("written");
        assert_eq!(newest(dir.path()), Some(mark(3)));
    }

    #[test]
    fn after_reopening_a_torn_write_still_leaves_the_mark_before_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = MarkFile::create(dir.path(), &mark(0)).expect("created");
        for commits in [1, 4, 5, 9, 10] {
            let before = newest(dir.path());
            file.write(&mark(commits)).expect("written");
            let written = (1 - file.next_slot) * SLOT_DISTANCE;
            let whole = mark(commits).encode();
            file.file.write_all_at(&[0; 64], written).expect("torn");
            assert_eq!(newest(dir.path()), before);
            file.file.write_all_at(&whole, written).expect("written");
            let read = MarkFile::read(dir.path()).expect("readable");
            let (_, slot) = read.expect("a mark");
            file = MarkFile::open(dir.path(), slot).expect("opened");
        }
    }
}
