//! Bytes as text: hashes, 256-bit numbers, compact targets and scripts in lower-case hex.
//!
//! Security: each value has exactly one written form. Upper case, a `0x` prefix and wrong
//! lengths are refused, so that a cache, a log or an access rule never sees one thing under two
//! names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// Text that is not in the one form that its type accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The text has another length than the value.
    #[error("expected {expected} hex digits, found {found} characters")]
    Length {
        /// The number of digits that the value has.
        expected: usize,
        /// The number of bytes that the text has.
        found: usize,
    },
    /// A character is not one of `0-9a-f`.
    #[error("expected lower-case hex digits only")]
    Digit,
    /// Hex text of bytes has an odd number of digits.
    #[error("expected an even number of hex digits")]
    Odd,
    /// An amount lies above 21 million coins.
    #[error("an amount is at most 2100000000000000 satoshis")]
    Amount,
}

/// Decodes exactly `N` bytes from lower-case hex.
fn decode_fixed<const N: usize>(text: &str) -> Result<[u8; N], FormatError> {
    if text.len() != 2 * N {
        return Err(FormatError::Length {
            expected: 2 * N,
            found: text.len(),
        });
    }
    check_digits(text)?;
    let mut bytes = [0; N];
    const_hex::decode_to_slice(text, &mut bytes).map_err(|_| FormatError::Digit)?;
    Ok(bytes)
}

fn check_digits(text: &str) -> Result<(), FormatError> {
    if text
        .bytes()
        .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    {
        Ok(())
    } else {
        Err(FormatError::Digit)
    }
}

/// Implements the text forms and serde of a newtype over a byte array by `Display` and `FromStr`.
macro_rules! text_in_serde {
    ($name:ident, $what:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

macro_rules! fixed_hex {
    ($name:ident, $size:literal, $what:literal) => {
        impl $name {
            /// Wraps bytes in the order in which the text shows them.
            #[must_use]
            pub fn from_bytes(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes in the order in which the text shows them.
            #[must_use]
            pub fn to_bytes(self) -> [u8; $size] {
                self.0
            }

            /// Parses the one written form.
            ///
            /// # Errors
            /// Another length, upper case, or anything but hex digits.
            pub fn parse(text: &str) -> Result<Self, FormatError> {
                decode_fixed(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(const_hex::Buffer::<$size, false>::new().format(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = FormatError;

            fn from_str(text: &str) -> Result<Self, FormatError> {
                Self::parse(text)
            }
        }

        text_in_serde!($name, $what);
    };
}

/// A 32-byte hash as text: 64 lower-case hex digits in display order.
///
/// Block hashes and transaction ids are shown in the reverse of their internal byte order, as
/// every Bitcoin tool does; a chain id is shown as it is. The value holds the order of the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[0-9a-f]{64}$",
    examples("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")
)]
pub struct HashHex([u8; 32]);

fixed_hex!(HashHex, 32, "64 lower-case hex digits");

impl HashHex {
    /// Builds the text of a hash from its internal byte order.
    #[must_use]
    pub fn from_internal(mut bytes: [u8; 32]) -> Self {
        bytes.reverse();
        Self(bytes)
    }

    /// Returns the hash in its internal byte order.
    #[must_use]
    pub fn to_internal(self) -> [u8; 32] {
        let mut bytes = self.0;
        bytes.reverse();
        bytes
    }
}

/// A 256-bit number as text: 64 lower-case hex digits, most significant first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[0-9a-f]{64}$",
    examples("7fffff0000000000000000000000000000000000000000000000000000000000")
)]
pub struct NumberHex([u8; 32]);

fixed_hex!(NumberHex, 32, "64 lower-case hex digits");

/// A compact target (`bits`) as text: 8 lower-case hex digits, most significant first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{8}$", examples("207fffff"))]
pub struct BitsHex([u8; 4]);

fixed_hex!(BitsHex, 4, "8 lower-case hex digits");

impl From<u32> for BitsHex {
    fn from(bits: u32) -> Self {
        Self(bits.to_be_bytes())
    }
}

impl From<BitsHex> for u32 {
    fn from(bits: BitsHex) -> Self {
        Self::from_be_bytes(bits.0)
    }
}

/// A nonce of 64 bits as text: 16 lower-case hex digits, most significant first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{16}$", examples("00f1e2d3c4b5a697"))]
pub struct NonceHex([u8; 8]);

fixed_hex!(NonceHex, 8, "16 lower-case hex digits");

impl From<u64> for NonceHex {
    fn from(nonce: u64) -> Self {
        Self(nonce.to_be_bytes())
    }
}

impl From<NonceHex> for u64 {
    fn from(nonce: NonceHex) -> Self {
        Self::from_be_bytes(nonce.0)
    }
}

/// A node of a Merkle tree as text: 64 lower-case hex digits in internal byte order.
///
/// Unlike [`HashHex`] it is not reversed for display: it is hashed, not shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[0-9a-f]{64}$",
    examples("06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f")
)]
pub struct MerkleNodeHex([u8; 32]);

fixed_hex!(MerkleNodeHex, 32, "64 lower-case hex digits");

/// A 20-byte hash (HASH160) of a key as text: 40 lower-case hex digits in the order of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[0-9a-f]{40}$",
    examples("cf91c0cfba59b20ffc0d2160b18dd02dc3e5543a")
)]
pub struct KeyHashHex([u8; 20]);

fixed_hex!(KeyHashHex, 20, "40 lower-case hex digits");

/// The random number of a node's start: 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[0-9a-f]{32}$",
    examples("000102030405060708090a0b0c0d0e0f")
)]
pub struct NodeIdHex([u8; 16]);

fixed_hex!(NodeIdHex, 16, "32 lower-case hex digits");

/// A BIP340 signature: 128 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{128}$")]
pub struct SignatureHex([u8; 64]);

fixed_hex!(SignatureHex, 64, "128 lower-case hex digits");

/// Bytes of any length as lower-case hex: scripts, witness items, raw transactions.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, pattern = "^([0-9a-f]{2})*$", examples("51"))]
pub struct HexBytes(pub Vec<u8>);

impl HexBytes {
    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for HexBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for HexBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&const_hex::encode(&self.0))
    }
}

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HexBytes({self})")
    }
}

impl FromStr for HexBytes {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        if !text.len().is_multiple_of(2) {
            return Err(FormatError::Odd);
        }
        check_digits(text)?;
        const_hex::decode(text)
            .map(Self)
            .map_err(|_| FormatError::Digit)
    }
}

text_in_serde!(HexBytes, "an even number of lower-case hex digits");

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

    #[test]
    fn a_hash_keeps_its_text_and_reverses_its_bytes() {
        let hash = HashHex::parse(GENESIS).expect("64 digits");
        assert_eq!(hash.to_string(), GENESIS);
        assert_eq!(hash.to_internal()[0], 0x06);
        assert_eq!(HashHex::from_internal(hash.to_internal()), hash);
    }

    #[test]
    fn only_one_written_form_of_a_hash_is_accepted() {
        let long = format!("{GENESIS}0");
        assert!(HashHex::parse(&GENESIS[1..]).is_err());
        assert!(HashHex::parse(&long).is_err());
        assert_eq!(
            HashHex::parse(&GENESIS.to_uppercase()),
            Err(FormatError::Digit)
        );
        assert_eq!(
            HashHex::parse(&format!("0x{}", &GENESIS[2..])),
            Err(FormatError::Digit)
        );
        assert_eq!(HashHex::parse(&"é".repeat(32)), Err(FormatError::Digit));
        assert!(serde_json::from_str::<HashHex>("12").is_err());
    }

    #[test]
    fn bits_are_shown_most_significant_first() {
        assert_eq!(BitsHex::from(0x207f_ffff).to_string(), "207fffff");
        assert_eq!(
            u32::from(BitsHex::parse("1d00ffff").expect("8 digits")),
            0x1d00_ffff
        );
    }

    proptest::proptest! {
        #[test]
        fn bytes_survive_their_text(bytes: Vec<u8>) {
            let value = HexBytes(bytes);
            let json = serde_json::to_string(&value).expect("text");
            proptest::prop_assert_eq!(serde_json::from_str::<HexBytes>(&json).expect("own text"), value);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text: String) {
            if let Ok(value) = text.parse::<HexBytes>() {
                proptest::prop_assert_eq!(value.to_string(), text.clone());
            }
            if let Ok(value) = text.parse::<HashHex>() {
                proptest::prop_assert_eq!(value.to_string(), text);
            }
        }
    }
}
