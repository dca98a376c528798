//! Hashes and their display order.
//!
//! Bitcoin shows block and transaction hashes with their bytes reversed. Only
//! `Display` and `FromStr` know of it; everywhere else a hash is its 32 bytes as
//! SHA-256 gave them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::hex::{self, HexError};

/// Hashes once with SHA-256.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// Hashes twice with SHA-256.
#[must_use]
pub fn sha256d(data: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(data)).into()
}

/// Hashes `data` under a tag (BIP340): `SHA256(SHA256(tag) || SHA256(tag) || data)`.
#[must_use]
pub fn tagged_hash(tag: &str, data: &[&[u8]]) -> [u8; 32] {
    let tag = Sha256::digest(tag.as_bytes());
    let mut hasher = Sha256::new_with_prefix(tag);
    hasher.update(tag);
    for part in data {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A double SHA-256 in progress, for data that lies in several pieces.
#[derive(Clone, Default)]
pub struct Sha256d(Sha256);

impl fmt::Debug for Sha256d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256d")
    }
}

impl Sha256d {
    /// Starts an empty hash.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in more bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Ends and gives the double hash.
    #[must_use]
    pub fn finalize(self) -> [u8; 32] {
        Sha256::digest(self.0.finalize()).into()
    }
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; 32]);

        impl $name {
            /// All bytes zero.
            pub const ZERO: Self = Self([0; 32]);

            /// Takes the 32 bytes in hash order.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Gives the 32 bytes in hash order.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 32] {
                self.0
            }

            /// Borrows the 32 bytes in hash order.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// Writes 64 hex digits in display order (bytes reversed).
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut reversed = self.0;
                reversed.reverse();
                f.pad(&hex::encode(reversed))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            /// Reads 64 hex digits in display order.
            fn from_str(text: &str) -> Result<Self, HexError> {
                let mut bytes = hex::decode_array::<32>(text)?;
                bytes.reverse();
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hash_type! {
    /// The double SHA-256 of a block header.
    BlockHash
}
hash_type! {
    /// The double SHA-256 of a transaction without its witness.
    Txid
}
hash_type! {
    /// The double SHA-256 of a transaction with its witness (BIP141).
    Wtxid
}
hash_type! {
    /// The root of a Merkle tree of transaction ids.
    MerkleRoot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_order_is_reversed_and_reads_back() {
        let mut bytes = [0; 32];
        bytes[0] = 0xab;
        let hash = BlockHash::from_bytes(bytes);
        let text = hash.to_string();
        assert!(text.ends_with("ab"));
        assert_eq!(text.parse::<BlockHash>(), Ok(hash));
        assert!("ab".parse::<BlockHash>().is_err());
        assert!(format!("{text}0").parse::<BlockHash>().is_err());
    }

    #[test]
    fn pieces_hash_like_the_whole() {
        let mut pieces = Sha256d::new();
        pieces.update(b"ab");
        pieces.update(b"c");
        assert_eq!(pieces.finalize(), sha256d(b"abc"));
    }
}
