//! Items of the stack.

use crate::error::ScriptError;
use crate::number::{MAX_NUMBER_SIZE, ScriptNum};

/// An item: a slice of a script or witness, or a small value of its own.
///
/// What opcodes make is a number or a hash, never more than 32 bytes, so no item allocates.
#[derive(Clone, Copy)]
pub(super) enum Item<'s> {
    Slice(&'s [u8]),
    Inline { bytes: [u8; 32], length: u8 },
}

impl Item<'_> {
    pub(super) const TRUE: Self = Self::Inline {
        bytes: {
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        },
        length: 1,
    };
    pub(super) const FALSE: Self = Self::Slice(&[]);

    pub(super) fn from_bool(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }

    pub(super) fn from_number(number: i64) -> Self {
        Self::from_short(ScriptNum(number).encode().as_bytes())
    }

    /// Copies at most 32 bytes.
    pub(super) fn from_short(value: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes[..value.len()].copy_from_slice(value);
        let length = u8::try_from(value.len()).expect("at most 32 bytes");
        Self::Inline { bytes, length }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Slice(slice) => slice,
            Self::Inline { bytes, length } => &bytes[..usize::from(*length)],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    pub(super) fn is_true(&self) -> bool {
        is_true(self.as_bytes())
    }

    /// Reads a number of at most four bytes.
    pub(super) fn to_number(self, must_be_minimal: bool) -> Result<i64, ScriptError> {
        Ok(ScriptNum::decode(self.as_bytes(), must_be_minimal, MAX_NUMBER_SIZE)?.0)
    }
}

/// Says whether bytes count as true: any of them is not zero, a sign alone apart.
pub(super) fn is_true(bytes: &[u8]) -> bool {
    match bytes {
        [rest @ .., last] => last & 0x7f != 0 || rest.iter().any(|byte| *byte != 0),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_negative_zero_are_false() {
        for bytes in [&[][..], &[0], &[0x80], &[0, 0], &[0, 0x80]] {
            assert!(!is_true(bytes));
        }
        for bytes in [&[1][..], &[0x80, 0], &[0, 1], &[0x81], &[0x80, 0x80]] {
            assert!(is_true(bytes));
        }
    }

    #[test]
    fn values_read_back() {
        assert_eq!(Item::from_number(-300).to_number(true), Ok(-300));
        assert!(Item::from_bool(true).is_true());
        assert!(Item::from_bool(false).is_empty());
        assert_eq!(Item::from_short(&[7; 32]).as_bytes(), [7; 32]);
    }
}
