//! Keyed hashing for tables whose keys come from outside.
//!
//! Security: whoever makes transactions chooses their ids at the cost of hashing them, so a
//! table over ids needs a hash that an attacker cannot compute. The key comes in from the
//! caller, since this crate has no randomness.

use std::hash::{BuildHasher, Hasher};

/// The key of a hash table: 128 bits that an attacker does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey {
    k0: u64,
    k1: u64,
}

impl HashKey {
    /// Takes a key, drawn at random by the shell of the node.
    #[must_use]
    pub const fn new(k0: u64, k1: u64) -> Self {
        Self { k0, k1 }
    }
}

impl From<(u64, u64)> for HashKey {
    fn from((k0, k1): (u64, u64)) -> Self {
        Self::new(k0, k1)
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey")
    }
}

impl BuildHasher for HashKey {
    type Hasher = SipHasher<1, 3>;

    fn build_hasher(&self) -> Self::Hasher {
        SipHasher::new(*self)
    }
}

/// SipHash (Aumasson and Bernstein, 2012) with `C` rounds a word and `D` at the end.
#[derive(Clone, Debug)]
pub struct SipHasher<const C: usize, const D: usize> {
    v: [u64; 4],
    tail: u64,
    length: usize,
}

impl<const C: usize, const D: usize> SipHasher<C, D> {
    fn new(key: HashKey) -> Self {
        Self {
            v: [
                key.k0 ^ 0x736f_6d65_7073_6575,
                key.k1 ^ 0x646f_7261_6e64_6f6d,
                key.k0 ^ 0x6c79_6765_6e65_7261,
                key.k1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            length: 0,
        }
    }

    #[inline]
    fn take_word(&mut self, word: u64) {
        self.v[3] ^= word;
        for _ in 0..C {
            round(&mut self.v);
        }
        self.v[0] ^= word;
    }

    #[inline]
    fn take_byte(&mut self, byte: u8) {
        let used = self.length % 8;
        self.tail |= u64::from(byte) << (8 * used);
        self.length += 1;
        if used == 7 {
            let word = std::mem::take(&mut self.tail);
            self.take_word(word);
        }
    }
}

#[inline]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

impl<const C: usize, const D: usize> Hasher for SipHasher<C, D> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        if self.length.is_multiple_of(8) {
            for chunk in &mut words {
                let word = <[u8; 8]>::try_from(chunk).expect("the chunk has 8 bytes");
                self.length += 8;
                self.take_word(u64::from_le_bytes(word));
            }
            for byte in words.remainder() {
                self.take_byte(*byte);
            }
        } else {
            for byte in bytes {
                self.take_byte(*byte);
            }
        }
    }

    /// The keys of our tables all have one length, which tells no two of them apart.
    #[inline]
    fn write_usize(&mut self, _length_prefix: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        let mut last = self.clone();
        last.take_word(self.tail | (self.length as u64) << 56);
        last.v[2] ^= 0xff;
        for _ in 0..D {
            round(&mut last.v);
        }
        last.v[0] ^ last.v[1] ^ last.v[2] ^ last.v[3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_primitives::{OutPoint, Txid};

    const KEY: HashKey = HashKey::new(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);

    #[test]
    fn the_published_vectors_of_siphash_2_4_hold() {
        let input: Vec<u8> = (0..15).collect();
        let hash = |length: usize| {
            let mut hasher = SipHasher::<2, 4>::new(KEY);
            hasher.write(&input[..length]);
            hasher.finish()
        };
        assert_eq!(hash(0), 0x726f_db47_dd0e_0e31);
        assert_eq!(hash(1), 0x74f8_39c5_93dc_67fd);
        assert_eq!(hash(8), 0x93f5_f579_9a93_2462);
        assert_eq!(hash(15), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn pieces_hash_like_the_whole() {
        let bytes: Vec<u8> = (0..50).collect();
        let whole = {
            let mut hasher = KEY.build_hasher();
            hasher.write(&bytes);
            hasher.finish()
        };
        for cut in 0..bytes.len() {
            let mut hasher = KEY.build_hasher();
            hasher.write(&bytes[..cut]);
            hasher.write(&bytes[cut..]);
            assert_eq!(hasher.finish(), whole);
        }
    }

    #[test]
    fn the_key_decides_the_hash() {
        let outpoint = OutPoint::new(Txid::from_bytes([7; 32]), 3);
        let other = OutPoint::new(Txid::from_bytes([7; 32]), 4);
        assert_ne!(
            KEY.hash_one(outpoint),
            HashKey::new(0, 0).hash_one(outpoint)
        );
        assert_ne!(KEY.hash_one(outpoint), KEY.hash_one(other));
    }
}
