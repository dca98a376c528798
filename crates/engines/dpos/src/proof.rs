//! What shows that a block is final: the block on top of it whose chain holds the votes.

use synod_engine::FinalBlock;
use synod_primitives::{BlockHash, Height};

/// Where the votes for a final block are found.
///
/// Under the Lisk-BFT rule every block is a vote, so the sealed headers from the final block
/// up to `shown_by` are the proof, and whoever follows the rule over them comes to the same
/// end. Encoded as both heights, four bytes each, little-endian, each followed by its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FinalityProof {
    /// The final block.
    pub block: FinalBlock,
    /// The block that completed the quorum.
    pub shown_by: FinalBlock,
}

impl FinalityProof {
    /// The encoded size in bytes.
    pub const SIZE: usize = 2 * PLACE_SIZE;

    /// Encodes the proof.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..PLACE_SIZE].copy_from_slice(&encode_place(&self.block));
        out[PLACE_SIZE..].copy_from_slice(&encode_place(&self.shown_by));
        out
    }

    /// Decodes a proof; `None` for another length, or a block above the one that shows it.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (block, shown_by) = bytes.split_at_checked(PLACE_SIZE)?;
        let proof = Self {
            block: decode_place(block)?,
            shown_by: decode_place(shown_by)?,
        };
        (proof.block.height <= proof.shown_by.height).then_some(proof)
    }
}

/// The bytes of a height and a hash.
pub(crate) const PLACE_SIZE: usize = 36;

pub(crate) fn encode_place(block: &FinalBlock) -> [u8; PLACE_SIZE] {
    let mut out = [0; PLACE_SIZE];
    out[..4].copy_from_slice(&block.height.0.to_le_bytes());
    out[4..].copy_from_slice(block.hash.as_bytes());
    out
}

pub(crate) fn decode_place(bytes: &[u8]) -> Option<FinalBlock> {
    let bytes: &[u8; PLACE_SIZE] = bytes.try_into().ok()?;
    let (height, hash) = bytes.split_first_chunk::<4>()?;
    Some(FinalBlock {
        height: Height(u32::from_le_bytes(*height)),
        hash: BlockHash::from_bytes(hash.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_decodes_to_what_was_encoded_and_nothing_else_decodes() {
        let place = |height: u32| FinalBlock {
            height: Height(height),
            hash: BlockHash::from_bytes([7; 32]),
        };
        let proof = FinalityProof {
            block: place(0x0102_0304),
            shown_by: place(0x0102_0304),
        };
        let bytes = proof.encode();
        assert_eq!(bytes[..4], [4, 3, 2, 1]);
        assert_eq!(FinalityProof::decode(&bytes), Some(proof));
        assert_eq!(FinalityProof::decode(&bytes[1..]), None);
        let above = FinalityProof {
            block: place(5),
            shown_by: place(4),
        };
        assert_eq!(FinalityProof::decode(&above.encode()), None);
    }
}
