//! Block headers.

use crate::encode::{DecodeError, Reader};
use crate::hash::{BlockHash, MerkleRoot, sha256d};
use crate::work::CompactTarget;

/// The 80 bytes that a block's hash is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// Version and soft-fork signals (BIP9).
    pub version: i32,
    /// The parent's hash, zero in the genesis block.
    pub previous_block_hash: BlockHash,
    /// The root over the block's transaction ids.
    pub merkle_root: MerkleRoot,
    /// Seconds since 1970.
    pub time: u32,
    /// The target in compact form.
    pub bits: CompactTarget,
    /// The number that miners search.
    pub nonce: u32,
}

impl Header {
    /// The encoded size in bytes.
    pub const SIZE: usize = 80;

    /// Encodes the header.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..4].copy_from_slice(&self.version.to_le_bytes());
        out[4..36].copy_from_slice(self.previous_block_hash.as_bytes());
        out[36..68].copy_from_slice(self.merkle_root.as_bytes());
        out[68..72].copy_from_slice(&self.time.to_le_bytes());
        out[72..76].copy_from_slice(&self.bits.0.to_le_bytes());
        out[76..].copy_from_slice(&self.nonce.to_le_bytes());
        out
    }

    /// Decodes the 80 bytes of a header; every such string is one.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let hash = |at: usize| std::array::from_fn(|i| bytes[at + i]);
        Self {
            version: i32::from_le_bytes(word(0)),
            previous_block_hash: BlockHash::from_bytes(hash(4)),
            merkle_root: MerkleRoot::from_bytes(hash(36)),
            time: u32::from_le_bytes(word(68)),
            bits: CompactTarget(u32::from_le_bytes(word(72))),
            nonce: u32::from_le_bytes(word(76)),
        }
    }

    /// Reads a header from a stream.
    ///
    /// # Errors
    /// Fewer than 80 bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::decode(&reader.read_array()?))
    }

    /// Computes the block's hash.
    #[must_use]
    pub fn block_hash(&self) -> BlockHash {
        BlockHash::from_bytes(sha256d(&self.encode()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regtest_genesis_header_has_its_known_hash() {
        let header = Header {
            version: 1,
            previous_block_hash: BlockHash::ZERO,
            merkle_root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
                .parse()
                .expect("a hash"),
            time: 1_296_688_602,
            bits: CompactTarget(0x207f_ffff),
            nonce: 2,
        };
        assert_eq!(
            header.block_hash().to_string(),
            "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
        );
        assert_eq!(Header::decode(&header.encode()), header);
    }
}
