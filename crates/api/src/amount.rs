//! Amounts in satoshis.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::hex::FormatError;

/// An amount in satoshis, at most 21 million coins.
///
/// Security: a number above the supply is refused where it is read, so that no later conversion
/// to a signed type can turn it negative.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(try_from = "u64")]
#[schema(value_type = u64, maximum = 2_100_000_000_000_000_u64, examples(5_000_000_000_u64))]
pub struct AmountSat(u64);

impl AmountSat {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// 21 million coins.
    pub const MAX: Self = Self(2_100_000_000_000_000);

    /// Wraps a number of satoshis.
    ///
    /// # Errors
    /// More than 21 million coins.
    pub fn new(satoshis: u64) -> Result<Self, FormatError> {
        if satoshis > Self::MAX.0 {
            Err(FormatError::Amount)
        } else {
            Ok(Self(satoshis))
        }
    }

    /// Returns the number of satoshis.
    #[must_use]
    pub fn to_sat(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for AmountSat {
    type Error = FormatError;

    fn try_from(satoshis: u64) -> Result<Self, FormatError> {
        Self::new(satoshis)
    }
}

impl From<AmountSat> for u64 {
    fn from(amount: AmountSat) -> Self {
        amount.0
    }
}

impl fmt::Display for AmountSat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sat", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supply_is_the_largest_amount() {
        let parse = |text: &str| serde_json::from_str::<AmountSat>(text);
        assert_eq!(
            parse("2100000000000000").expect("the limit"),
            AmountSat::MAX
        );
        assert!(parse("2100000000000001").is_err());
        assert!(parse("9223372036854775808").is_err());
    }

    #[test]
    fn only_whole_unsigned_numbers_are_amounts() {
        for text in [
            "-1", "1.0", "1e3", "1e400", "01", "\"1\"", "null", "NaN", "[1]",
        ] {
            assert!(serde_json::from_str::<AmountSat>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::to_string(&AmountSat(7)).expect("a number"), "7");
    }
}
