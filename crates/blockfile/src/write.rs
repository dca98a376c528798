//! Writing block files.

use std::io::{self, Write};

use crate::{MAGIC, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE, XorKey};

/// A failure to write a block file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The bytes cannot be a block: nobody could read the frame back.
    #[error("a block of {0} bytes cannot be framed")]
    Size(usize),
    /// The file could not be written.
    #[error("cannot write the block file: {0}")]
    Io(#[from] io::Error),
}

/// Writes blocks as Core does.
#[derive(Debug)]
pub struct BlockFileWriter<W> {
    output: W,
    key: Option<XorKey>,
    position: u64,
}

impl<W: Write> BlockFileWriter<W> {
    /// Starts a file. With a key, it has to be readable to the reader as `xor.dat`.
    pub fn new(output: W, key: Option<XorKey>) -> Self {
        Self {
            output,
            key,
            position: 0,
        }
    }

    /// Appends a block.
    ///
    /// # Errors
    /// The block is too small or too large for a frame; the output fails.
    pub fn write(&mut self, raw: &[u8]) -> Result<(), WriteError> {
        if !(MIN_BLOCK_SIZE..=MAX_BLOCK_SIZE).contains(&raw.len()) {
            return Err(WriteError::Size(raw.len()));
        }
        let length = u32::try_from(raw.len()).map_err(|_| WriteError::Size(raw.len()))?;
        self.put(&MAGIC)?;
        self.put(&length.to_le_bytes())?;
        self.put(raw)?;
        Ok(())
    }

    /// Returns the bytes written so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Flushes and gives the output back.
    ///
    /// # Errors
    /// The output fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.key {
            None => self.output.write_all(bytes)?,
            Some(key) => {
                let mut masked = bytes.to_vec();
                key.apply(self.position, &mut masked);
                self.output.write_all(&masked)?;
            }
        }
        self.position += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_reader_would_take_is_refused() {
        let mut writer = BlockFileWriter::new(Vec::new(), None);
        for size in [0, MIN_BLOCK_SIZE - 1, MAX_BLOCK_SIZE + 1] {
            let refused = writer.write(&vec![0; size]);
            assert!(matches!(refused, Err(WriteError::Size(n)) if n == size));
        }
        writer.write(&[9; MIN_BLOCK_SIZE]).expect("the least block");
        let written = writer.finish().expect("finished");
        assert_eq!(written[..8], [0xfa, 0xbf, 0xb5, 0xda, 81, 0, 0, 0]);
    }
}
