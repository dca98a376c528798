//! MuHash3072: a hash of a set that changes with it, byte for byte that of Core's
//! `gettxoutsetinfo muhash`.
//!
//! Each element is hashed to a number below 2^3072; the set is their product modulo the prime
//! 2^3072 - 1103717. Elements are removed by division, so the order of changes does not
//! matter, and parts of a set can be hashed apart and combined.

mod num3072;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use synod_primitives::encode::write_var_bytes;
use synod_primitives::{OutPoint, sha256};

use crate::coin::Coin;
use crate::error::CodecError;
use num3072::Num3072;

/// The hash of a set of byte strings, kept as a fraction until it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MuHash {
    numerator: Num3072,
    denominator: Num3072,
}

impl Default for MuHash {
    fn default() -> Self {
        Self::new()
    }
}

impl MuHash {
    /// The encoded size in bytes.
    pub const SIZE: usize = 2 * Num3072::SIZE;

    /// Starts with the empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            numerator: Num3072::ONE,
            denominator: Num3072::ONE,
        }
    }

    /// Adds an element.
    pub fn insert(&mut self, element: &[u8]) {
        self.numerator.multiply(&hash_to_number(element));
    }

    /// Takes an element away; it may as well be added later.
    pub fn remove(&mut self, element: &[u8]) {
        self.denominator.multiply(&hash_to_number(element));
    }

    /// Adds a coin, as Core writes it into the hash.
    pub fn insert_coin(&mut self, outpoint: &OutPoint, coin: &Coin) {
        self.insert(&coin_element(outpoint, coin));
    }

    /// Takes a coin away.
    pub fn remove_coin(&mut self, outpoint: &OutPoint, coin: &Coin) {
        self.remove(&coin_element(outpoint, coin));
    }

    /// Adds all that was added to `other`, and takes away what was taken away there.
    pub fn combine(&mut self, other: &Self) {
        self.numerator.multiply(&other.numerator);
        self.denominator.multiply(&other.denominator);
    }

    /// Returns the hash of the set, in hash order; Core shows it with its bytes reversed.
    ///
    /// Costs a division, some milliseconds.
    #[must_use]
    pub fn finalize(&self) -> [u8; 32] {
        let mut quotient = self.denominator.inverse();
        quotient.multiply(&self.numerator);
        sha256(&quotient.to_bytes())
    }

    /// Encodes the fraction: numerator and denominator, 384 bytes each, little-endian, as
    /// Core does.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::SIZE);
        out.extend_from_slice(&self.numerator.to_bytes());
        out.extend_from_slice(&self.denominator.to_bytes());
        out
    }

    /// Decodes a fraction.
    ///
    /// # Errors
    /// Another number of bytes than [`MuHash::SIZE`], or a part that is zero.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (numerator, rest) = bytes.split_first_chunk().ok_or(CodecError::Truncated)?;
        let (denominator, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        if !rest.is_empty() {
            return Err(CodecError::TrailingBytes);
        }
        let read = |bytes| {
            Num3072::from_bytes(bytes)
                .non_zero()
                .ok_or(CodecError::OutOfRange)
        };
        Ok(Self {
            numerator: read(numerator)?,
            denominator: read(denominator)?,
        })
    }
}

/// Writes a coin as an element (Core: `TxOutSer`).
fn coin_element(outpoint: &OutPoint, coin: &Coin) -> Vec<u8> {
    let script = coin.script_pubkey.as_bytes();
    let mut out = Vec::with_capacity(OutPoint::SIZE + 4 + 8 + 9 + script.len());
    out.extend_from_slice(&outpoint.encode());
    let origin = (coin.height.0 << 1).wrapping_add(u32::from(coin.is_coinbase));
    out.extend_from_slice(&origin.to_le_bytes());
    out.extend_from_slice(&coin.value.sat().to_le_bytes());
    write_var_bytes(&mut out, script);
    out
}

/// Stretches the SHA-256 of an element to 3072 bits with ChaCha20's key stream.
fn hash_to_number(element: &[u8]) -> Num3072 {
    let mut stream = [0; Num3072::SIZE];
    let mut cipher = ChaCha20::new(&sha256(element).into(), &[0; 12].into());
    cipher.apply_keystream(&mut stream);
    Num3072::from_bytes(&stream)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
