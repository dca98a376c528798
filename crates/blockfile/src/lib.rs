//! Bitcoin Core's block files: `blk00000.dat` and its followers, `bootstrap.dat`.
//!
//! A file is a sequence of frames: the network's magic, the block's length in 4 bytes, the
//! block. Core sets space aside in advance, so files end in zeros; after a crash they hold
//! torn frames and stale bytes; since version 28 they are XORed with a key that lies beside
//! them. Blocks stand in the order in which they were received.
//!
//! May depend on primitives and on `std::io`; must never know rules, storage or the order
//! that blocks belong in: that is the importer's business.

mod buffers;
mod files;
mod scan;
mod write;

pub use files::{BlockFiles, Import, StoredBlock};
pub use scan::{Report, Scanner, TornEnd};
pub use write::{BlockFileWriter, WriteError};

use std::path::PathBuf;

/// What every frame starts with: the magic of regtest, which all presets share.
pub const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

/// The greatest block that a frame may hold, in bytes (Core: `MAX_BLOCK_SERIALIZED_SIZE`).
pub const MAX_BLOCK_SIZE: usize = 4_000_000;

/// The fewest bytes of a block: a header and a count.
const MIN_BLOCK_SIZE: usize = 81;

/// The magic and the length.
const FRAME_HEADER_SIZE: usize = 8;

/// The key that Core XORs its block files with, by position in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct XorKey([u8; 8]);

impl XorKey {
    /// Makes a key; `None` for zeros, which change nothing.
    #[must_use]
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// Applies the key to bytes that start at `position` of the file.
    pub fn apply(self, position: u64, bytes: &mut [u8]) {
        let mut key = self.0;
        key.rotate_left((position % 8) as usize);
        let word = u64::from_ne_bytes(key);
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for chunk in words {
            *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// A failure to read block files.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file could not be opened or read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory has no block file.
    #[error("there is no blk*.dat in {0}")]
    NoFiles(PathBuf),
    /// `xor.dat` is not 8 bytes long.
    #[error("{0} is not a key of 8 bytes")]
    BadKey(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_by_position_in_the_file() {
        let key = XorKey::new([1, 2, 3, 4, 5, 6, 7, 8]).expect("not zero");
        let mut whole = [0u8; 40];
        key.apply(0, &mut whole);
        assert_eq!(whole[..9], [1, 2, 3, 4, 5, 6, 7, 8, 1]);
        for start in 0..20 {
            let mut part = [0u8; 20];
            key.apply(start as u64, &mut part);
            assert_eq!(part, whole[start..start + 20], "from {start}");
        }
        assert_eq!(XorKey::new([0; 8]), None);
    }
}
