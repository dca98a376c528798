//! The place in the order of arrival at which a page goes on.

use std::fmt;

use serde::Deserialize;
use synod_mempool::Arrival;

/// Digits of a number in a cursor.
const DIGITS: usize = 16;

/// The place after an entry; as text, 32 hex digits that mean nothing to clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Cursor(pub(super) Arrival);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0.time, self.0.sequence)
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        const REFUSAL: &str = "cursor is not one that this node gives out";
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 2 * DIGITS || !text.bytes().all(is_digit) {
            return Err(REFUSAL);
        }
        let (time, sequence) = text.split_at(DIGITS);
        let number = |text| u64::from_str_radix(text, 16).map_err(|_| REFUSAL);
        Ok(Self(Arrival {
            time: number(time)?,
            sequence: number(sequence)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_in_one_form_alone() {
        let cursor = Cursor(Arrival {
            time: u64::MAX,
            sequence: 1,
        });
        let text = cursor.to_string();
        assert_eq!(text, "ffffffffffffffff0000000000000001");
        assert_eq!(Cursor::try_from(text.clone()), Ok(cursor));
        for bad in [
            text.to_uppercase(),
            text[1..].to_owned(),
            format!("{text}0"),
            "+".repeat(32),
        ] {
            assert!(Cursor::try_from(bad).is_err());
        }
    }
}
