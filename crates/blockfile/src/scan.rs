//! Finding blocks in the bytes of one file.

use std::io::{self, Read};

use bytes::Bytes;
use synod_primitives::Block;

use crate::buffers::Buffers;
use crate::{FRAME_HEADER_SIZE, MAGIC, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE, XorKey};

/// How many bytes are read at once: few enough that they are copied from the cache.
const CHUNK_SIZE: usize = 1 << 20;

/// A frame that the file ends within.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TornEnd {
    /// The position of its magic in the file.
    pub offset: u64,
    /// The bytes of the frame that are there.
    pub present: u64,
}

/// What was met besides blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The number of blocks found.
    pub blocks: u64,
    /// Bytes of zero between and after blocks.
    pub padding_bytes: u64,
    /// Other bytes outside of blocks.
    pub garbage_bytes: u64,
    /// The frame that the file ends within.
    pub torn: Option<TornEnd>,
}

/// Reads the blocks of one file, in bounded memory.
///
/// Between frames it goes byte by byte to the next magic. A frame counts when its length is
/// possible and another frame or the end follows; where something else does (the zeros at
/// the end of a file too), it counts if its content decodes as a block. So stale bytes that
/// look like a frame hide no block behind them.
#[derive(Debug)]
pub struct Scanner<R> {
    input: R,
    key: Option<XorKey>,
    chunk: Vec<u8>,
    /// The position of the chunk's first byte in the file.
    chunk_start: u64,
    position: usize,
    is_ended: bool,
    chunk_size: usize,
    buffers: Buffers,
    report: Report,
}

impl<R: Read> Scanner<R> {
    /// Starts at the beginning of a file.
    pub fn new(input: R, key: Option<XorKey>) -> Self {
        Self::with_chunk_size(input, key, CHUNK_SIZE)
    }

    fn with_chunk_size(input: R, key: Option<XorKey>, chunk_size: usize) -> Self {
        Self {
            input,
            key,
            chunk: Vec::new(),
            chunk_start: 0,
            position: 0,
            is_ended: false,
            chunk_size,
            buffers: Buffers::default(),
            report: Report::default(),
        }
    }

    /// Finds the next block and its position in the file; `None` at the end.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn next_block(&mut self) -> io::Result<Option<(u64, Bytes)>> {
        while self.find_magic()? {
            let Some(length) = self.frame_length()? else {
                self.skip(1);
                continue;
            };
            let frame = FRAME_HEADER_SIZE + length;
            // The magic after the frame is read too, to see what follows.
            self.fill(frame + MAGIC.len())?;
            if self.available() < frame {
                self.note_torn();
                self.skip(MAGIC.len());
                continue;
            }
            let start = self.position + FRAME_HEADER_SIZE;
            // In a buffer of its own: all slices of a buffer count their owners in one place, which
            // threads that work on different blocks would take from one another.
            let raw = self.buffers.copy(&self.chunk[start..start + length]);
            if !self.is_followed_well(frame) && Block::decode(&raw).is_err() {
                self.skip(1);
                continue;
            }
            let offset = self.offset();
            self.position += frame;
            self.report.blocks += 1;
            self.report.torn = None;
            return Ok(Some((offset, raw)));
        }
        Ok(None)
    }

    /// Returns what was met so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report
    }

    /// Returns the position in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.chunk_start + self.position as u64
    }

    fn available(&self) -> usize {
        self.chunk.len() - self.position
    }

    /// Moves to the next magic; `false` at the end.
    fn find_magic(&mut self) -> io::Result<bool> {
        loop {
            self.fill(MAGIC.len())?;
            let rest = &self.chunk[self.position..];
            if let Some(at) = find(rest) {
                self.skip(at);
                return Ok(true);
            }
            if self.is_ended {
                self.skip(self.available());
                return Ok(false);
            }
            // The last bytes may be the start of a magic.
            self.skip(self.available().saturating_sub(MAGIC.len() - 1));
        }
    }

    /// Reads the length after the magic; `None` when no block can have it.
    fn frame_length(&mut self) -> io::Result<Option<usize>> {
        self.fill(FRAME_HEADER_SIZE)?;
        let Some(header) = self
            .chunk
            .get(self.position..self.position + FRAME_HEADER_SIZE)
        else {
            self.note_torn();
            return Ok(None);
        };
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        Ok((MIN_BLOCK_SIZE..=MAX_BLOCK_SIZE)
            .contains(&length)
            .then_some(length))
    }

    fn is_followed_well(&self, frame: usize) -> bool {
        let after = &self.chunk[self.position + frame..];
        let after = &after[..after.len().min(MAGIC.len())];
        after == &MAGIC[..after.len()]
    }

    /// Keeps the first torn frame since the last whole one.
    fn note_torn(&mut self) {
        let torn = TornEnd {
            offset: self.offset(),
            present: self.available() as u64,
        };
        self.report.torn.get_or_insert(torn);
    }

    /// Passes over bytes outside of blocks.
    fn skip(&mut self, count: usize) {
        let skipped = &self.chunk[self.position..self.position + count];
        let zeros = skipped.iter().filter(|byte| **byte == 0).count();
        self.report.padding_bytes += zeros as u64;
        self.report.garbage_bytes += (count - zeros) as u64;
        self.position += count;
    }

    /// Reads on until `wanted` bytes are there, or the file ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.is_ended || self.available() >= wanted {
            return Ok(());
        }
        let start = self.offset();
        self.chunk.drain(..self.position);
        self.chunk_start = start;
        self.position = 0;
        let old = self.chunk.len();
        let room = self.chunk_size.max(wanted) - old;
        self.chunk.reserve_exact(room);
        let read = (&mut self.input)
            .take(room as u64)
            .read_to_end(&mut self.chunk)?;
        self.is_ended = read < room;
        if let Some(key) = self.key {
            key.apply(start + old as u64, &mut self.chunk[old..]);
        }
        Ok(())
    }
}

fn find(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == MAGIC[0])?;
        if bytes[from..].starts_with(&MAGIC) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
