//! Bitcoin's consensus encoding: little-endian numbers and counts of variable size.
//!
//! Security: a reader never allocates more than the bytes before it can fill; a count
//! is checked against what is left before anything is reserved for it.

use bytes::Bytes;

/// The greatest count or length that the encoding may announce (Core: `MAX_SIZE`).
pub const MAX_SIZE: u64 = 0x0200_0000;

/// Bytes that are no valid encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the object does.
    #[error("unexpected end of data")]
    Truncated,
    /// A count was not written in the shortest way.
    #[error("count not in its shortest form")]
    NonCanonicalCount,
    /// A count announces more than [`MAX_SIZE`].
    #[error("count exceeds the limit of {MAX_SIZE}")]
    CountTooLarge,
    /// The marker of a witness is there, all witnesses are empty (BIP144).
    #[error("superfluous witness record")]
    SuperfluousWitness,
    /// The flag after a witness marker is not 1 (BIP144).
    #[error("unknown transaction optional data")]
    UnknownFlag,
    /// Bytes follow the object.
    #[error("{0} bytes after the end of the object")]
    TrailingBytes(usize),
}

/// A position in shared bytes, from which values are read without copying.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a Bytes,
    position: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(bytes: &'a Bytes) -> Self {
        Self { bytes, position: 0 }
    }

    /// Returns the number of bytes already read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Returns the number of bytes not yet read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] when bytes are left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }

    /// Borrows the next `length` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn read_slice(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        if length > self.remaining() {
            return Err(DecodeError::Truncated);
        }
        let slice = &self.bytes[self.position..self.position + length];
        self.position += length;
        Ok(slice)
    }

    /// Shares the next `length` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn read_bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let start = self.position;
        self.read_slice(length)?;
        Ok(if length == 0 {
            Bytes::new()
        } else {
            self.bytes.slice(start..start + length)
        })
    }

    /// Shares the bytes between two positions that were already read.
    ///
    /// # Panics
    /// When the range was not read yet, which is a bug of the caller.
    #[must_use]
    pub fn share(&self, start: usize, end: usize) -> Bytes {
        assert!(end <= self.position, "only what was read is shared");
        self.bytes.slice(start..end)
    }

    /// Reads `N` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn read_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let slice = self.read_slice(N)?;
        Ok(<[u8; N]>::try_from(slice).expect("the slice has N bytes"))
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn read_u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.read_array::<1>()?[0])
    }

    /// Reads a little-endian `u32`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn read_u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.read_array()?))
    }

    /// Reads a little-endian `i32`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn read_i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_le_bytes(self.read_array()?))
    }

    /// Reads a little-endian `u64`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn read_u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.read_array()?))
    }

    /// Reads a little-endian `i64`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn read_i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_le_bytes(self.read_array()?))
    }

    /// Reads a count of variable size (Core: `CompactSize`).
    ///
    /// # Errors
    /// A count that is not in its shortest form, or above [`MAX_SIZE`].
    pub fn read_count(&mut self) -> Result<usize, DecodeError> {
        let (value, least) = match self.read_u8()? {
            0xfd => (u64::from(u16::from_le_bytes(self.read_array()?)), 0xfd),
            0xfe => (u64::from(self.read_u32()?), 0x1_0000),
            0xff => (self.read_u64()?, 0x1_0000_0000),
            small => (u64::from(small), 0),
        };
        if value < least {
            return Err(DecodeError::NonCanonicalCount);
        }
        if value > MAX_SIZE {
            return Err(DecodeError::CountTooLarge);
        }
        Ok(usize::try_from(value).expect("MAX_SIZE fits usize"))
    }

    /// Reads a count of items of which each takes `least_size` bytes or more.
    ///
    /// # Errors
    /// As [`Reader::read_count`], and [`DecodeError::Truncated`] when the bytes left
    /// cannot hold so many items.
    pub fn read_count_of(&mut self, least_size: usize) -> Result<usize, DecodeError> {
        let count = self.read_count()?;
        if count.saturating_mul(least_size) > self.remaining() {
            return Err(DecodeError::Truncated);
        }
        Ok(count)
    }

    /// Shares a string of bytes that its length precedes.
    ///
    /// # Errors
    /// As [`Reader::read_count`] and [`Reader::read_bytes`].
    pub fn read_var_bytes(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.read_count()?;
        self.read_bytes(length)
    }
}

/// Writes a count of variable size in its shortest form.
pub fn write_count(out: &mut Vec<u8>, count: usize) {
    match count as u64 {
        n @ 0..=0xfc => out.push(n as u8),
        n @ 0xfd..=0xffff => {
            out.push(0xfd);
            out.extend_from_slice(&(n as u16).to_le_bytes());
        }
        n @ 0x1_0000..=0xffff_ffff => {
            out.push(0xfe);
            out.extend_from_slice(&(n as u32).to_le_bytes());
        }
        n => {
            out.push(0xff);
            out.extend_from_slice(&n.to_le_bytes());
        }
    }
}

/// Writes a string of bytes after its length.
pub fn write_var_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Returns the number of bytes that [`write_count`] writes for `count`.
#[must_use]
pub const fn count_size(count: usize) -> usize {
    match count as u64 {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<usize, DecodeError> {
        Reader::new(&Bytes::copy_from_slice(bytes)).read_count()
    }

    #[test]
    fn counts_read_back_at_every_boundary() {
        for count in [0, 1, 0xfc, 0xfd, 0xffff, 0x1_0000, MAX_SIZE as usize] {
            let mut out = Vec::new();
            write_count(&mut out, count);
            assert_eq!(out.len(), count_size(count));
            assert_eq!(read(&out), Ok(count));
        }
    }

    #[test]
    fn counts_in_a_longer_form_are_refused() {
        assert_eq!(read(&[0xfd, 0xfc, 0]), Err(DecodeError::NonCanonicalCount));
        assert_eq!(
            read(&[0xfe, 0xff, 0xff, 0, 0]),
            Err(DecodeError::NonCanonicalCount)
        );
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
            Err(DecodeError::NonCanonicalCount)
        );
    }

    #[test]
    fn counts_past_the_limit_are_refused() {
        assert_eq!(read(&[0xfe, 1, 0, 0, 2]), Err(DecodeError::CountTooLarge));
        assert_eq!(read(&[0xff; 9]), Err(DecodeError::CountTooLarge));
        assert_eq!(read(&[0xfd, 1]), Err(DecodeError::Truncated));
    }

    #[test]
    fn a_count_of_items_must_fit_the_bytes_left() {
        let bytes = Bytes::from_static(&[2, 0, 0]);
        assert_eq!(Reader::new(&bytes).read_count_of(1), Ok(2));
        assert_eq!(
            Reader::new(&bytes).read_count_of(2),
            Err(DecodeError::Truncated)
        );
    }
}
