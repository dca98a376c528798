//! Hexadecimal text.

pub use const_hex::encode;

/// Text that is not hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HexError {
    /// The text has an odd number of digits.
    #[error("odd number of hex digits")]
    OddLength,
    /// A character is not one of `0-9a-fA-F`.
    #[error("not a hex digit")]
    Digit,
    /// The text has another length than asked for.
    #[error("{expected} hex digits expected, {actual} found")]
    Length {
        /// Digits asked for.
        expected: usize,
        /// Digits found.
        actual: usize,
    },
}

/// Decodes hex digits of either case; no prefix, no white space.
///
/// # Errors
/// An odd number of digits, or a character that is none.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    if !text.len().is_multiple_of(2) {
        return Err(HexError::OddLength);
    }
    if text.starts_with("0x") {
        return Err(HexError::Digit);
    }
    const_hex::decode(text).map_err(|_| HexError::Digit)
}

/// Decodes exactly `N` bytes from `2 * N` hex digits.
///
/// # Errors
/// Another number of digits, or a character that is none.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    if text.len() != 2 * N {
        return Err(HexError::Length {
            expected: 2 * N,
            actual: text.len(),
        });
    }
    let bytes = decode(text)?;
    <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| HexError::Digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hex_digits_in_pairs_decode() {
        assert_eq!(decode("00fF"), Ok(vec![0, 255]));
        assert_eq!(decode("0"), Err(HexError::OddLength));
        assert_eq!(decode("0x00"), Err(HexError::Digit));
        assert_eq!(decode("0g"), Err(HexError::Digit));
        assert_eq!(
            decode_array::<1>("0001"),
            Err(HexError::Length {
                expected: 2,
                actual: 4
            })
        );
        assert!(decode("é").is_err());
    }
}
