//! Numbers of scripts: little-endian, with a sign bit, as short as possible.

use crate::error::ScriptError;

/// The longest number that arithmetic takes, in bytes.
pub const MAX_NUMBER_SIZE: usize = 4;
/// The longest number that lock times take, in bytes: they reach past 2038.
pub const MAX_LOCK_TIME_NUMBER_SIZE: usize = 5;
/// The longest encoding of a 64-bit number, in bytes.
const MAX_ENCODED_SIZE: usize = 9;

/// A number as scripts write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ScriptNum(pub i64);

/// The encoding of a [`ScriptNum`], held without allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodedNum {
    bytes: [u8; MAX_ENCODED_SIZE],
    length: usize,
}

impl EncodedNum {
    /// Borrows the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl ScriptNum {
    /// Reads a number of at most `max_size` bytes (at most 8).
    ///
    /// # Errors
    /// [`ScriptError::UnknownError`], as Core names it, when the number is longer, or when
    /// `must_be_minimal` and it is not in its shortest form.
    pub fn decode(
        bytes: &[u8],
        must_be_minimal: bool,
        max_size: usize,
    ) -> Result<Self, ScriptError> {
        if bytes.len() > max_size.min(8) || (must_be_minimal && !is_minimal(bytes)) {
            return Err(ScriptError::UnknownError);
        }
        let Some((last, rest)) = bytes.split_last() else {
            return Ok(Self(0));
        };
        let top = i64::from(last & 0x7f);
        let magnitude = rest
            .iter()
            .rev()
            .fold(top, |sum, byte| (sum << 8) | i64::from(*byte));
        let is_negative = last & 0x80 != 0;
        Ok(Self(if is_negative { -magnitude } else { magnitude }))
    }

    /// Writes the number in its shortest form.
    #[must_use]
    pub fn encode(self) -> EncodedNum {
        let mut bytes = [0; MAX_ENCODED_SIZE];
        let magnitude = self.0.unsigned_abs();
        bytes[..8].copy_from_slice(&magnitude.to_le_bytes());
        let bits = 64 - magnitude.leading_zeros() as usize;
        let length = if bits == 0 { 0 } else { bits / 8 + 1 };
        if self.0 < 0 {
            bytes[length - 1] |= 0x80;
        }
        EncodedNum { bytes, length }
    }
}

/// Says whether the last byte is needed: it is not zero but for the sign, or carries the sign of a
/// byte before it that has its highest bit set.
fn is_minimal(bytes: &[u8]) -> bool {
    match *bytes {
        [.., before, last] => last & 0x7f != 0 || before & 0x80 != 0,
        [only] => only & 0x7f != 0,
        [] => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_in_their_shortest_form() {
        let numbers = [0, 1, 127, 128, 255, 256, 32767, 32768, 0x7fff_ffff, 1 << 39];
        for number in numbers.into_iter().flat_map(|number| [number, -number]) {
            let encoded = ScriptNum(number).encode();
            assert!(is_minimal(encoded.as_bytes()), "{number}");
            let read = ScriptNum::decode(encoded.as_bytes(), true, 8);
            assert_eq!(read, Ok(ScriptNum(number)));
        }
        assert_eq!(ScriptNum(-255).encode().as_bytes(), [0xff, 0x80]);
        assert_eq!(ScriptNum(127).encode().as_bytes(), [0x7f]);
        assert_eq!(ScriptNum(i64::MIN).encode().as_bytes().len(), 9);
    }

    #[test]
    fn four_bytes_are_read_and_five_refused() {
        let read = |bytes: &[u8]| ScriptNum::decode(bytes, false, MAX_NUMBER_SIZE);
        assert_eq!(read(&[0xff; 4]), Ok(ScriptNum(-0x7fff_ffff)));
        assert_eq!(read(&[0; 5]), Err(ScriptError::UnknownError));
        let five = ScriptNum::decode(&[0xff; 5], false, MAX_LOCK_TIME_NUMBER_SIZE);
        assert_eq!(five, Ok(ScriptNum(-0x7f_ffff_ffff)));
    }

    #[test]
    fn padding_and_negative_zero_are_read_only_where_minimal_is_not_demanded() {
        for bytes in [&[0][..], &[0x80], &[1, 0], &[1, 0x80], &[0, 0, 0x80]] {
            assert!(ScriptNum::decode(bytes, true, 4).is_err());
            assert!(ScriptNum::decode(bytes, false, 4).is_ok());
        }
        assert_eq!(ScriptNum::decode(&[0x80], false, 4), Ok(ScriptNum(0)));
        assert_eq!(ScriptNum::decode(&[0xff, 0], true, 4), Ok(ScriptNum(255)));
    }
}
