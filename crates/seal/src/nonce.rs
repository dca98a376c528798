//! The canonical nonce: a sealed header's is the smallest that meets its `bits`.
//!
//! Security: a signature covers everything of a header but the nonce. Were the nonce free,
//! anybody could make siblings of a sealed block that carry the same valid seal (BIP325 has
//! this gap): spam for forks, and false evidence against an honest validator.

use synod_primitives::{CompactTarget, Header};

/// The `bits` of every sealed block: regtest's limit, which every second hash meets.
pub const SEALED_BITS: CompactTarget = CompactTarget(0x207f_ffff);

/// Nonces that are tried. The chance that none of them meets [`SEALED_BITS`] is 2^-256.
pub const MAX_NONCE_TRIES: u32 = 256;

/// Returns the smallest nonce with which the header meets its `bits`.
///
/// `None` when `bits` are no target, or none of the first [`MAX_NONCE_TRIES`] meets them.
#[must_use]
pub fn canonical_nonce(header: &Header) -> Option<u32> {
    let target = header.bits.to_target().ok()?;
    (0..MAX_NONCE_TRIES).find(|nonce| {
        let tried = Header {
            nonce: *nonce,
            ..*header
        };
        target.is_met_by(tried.block_hash())
    })
}

#[cfg(test)]
mod tests {
    use synod_primitives::{BlockHash, MerkleRoot};

    use super::*;

    #[test]
    fn no_smaller_nonce_meets_the_bits() {
        let mut seen = [false; 3];
        for time in 0..64 {
            let header = Header {
                version: 4,
                previous_block_hash: BlockHash::ZERO,
                merkle_root: MerkleRoot::ZERO,
                time,
                bits: SEALED_BITS,
                nonce: u32::MAX,
            };
            let nonce = canonical_nonce(&header).expect("every second hash meets the bits");
            let meets = |nonce| {
                let hash = Header { nonce, ..header }.block_hash();
                hash.as_bytes()[31] < 0x80
            };
            assert!(meets(nonce) && !(0..nonce).any(meets));
            if let Some(seen) = seen.get_mut(nonce as usize) {
                *seen = true;
            }
        }
        assert_eq!(seen, [true; 3]);
    }

    #[test]
    fn bits_that_are_no_target_have_no_nonce() {
        let header = Header::decode(&[0; 80]);
        assert_eq!(canonical_nonce(&header), None);
    }
}
