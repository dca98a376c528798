//! The hashes that scripts and taproot use.

use std::sync::LazyLock;

use ripemd::Ripemd160;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use synod_primitives::sha256;

/// Hashes with RIPEMD-160.
#[must_use]
pub fn ripemd160(data: &[u8]) -> [u8; 20] {
    Ripemd160::digest(data).into()
}

/// Hashes with SHA-1.
#[must_use]
pub fn sha1(data: &[u8]) -> [u8; 20] {
    Sha1::digest(data).into()
}

/// Hashes with SHA-256, then with RIPEMD-160.
#[must_use]
pub fn hash160(data: &[u8]) -> [u8; 20] {
    ripemd160(&sha256(data))
}

/// SHA-256 after a tag of BIP340, whose block is hashed once for all.
pub(crate) struct Tag(LazyLock<Sha256>);

pub(crate) static TAP_LEAF: Tag = Tag(LazyLock::new(|| tagged("TapLeaf")));
pub(crate) static TAP_BRANCH: Tag = Tag(LazyLock::new(|| tagged("TapBranch")));
pub(crate) static TAP_TWEAK: Tag = Tag(LazyLock::new(|| tagged("TapTweak")));
pub(crate) static TAP_SIGHASH: Tag = Tag(LazyLock::new(|| tagged("TapSighash")));

impl Tag {
    /// Starts a hash under the tag.
    pub(crate) fn hasher(&self) -> Sha256 {
        self.0.clone()
    }

    /// Hashes the parts under the tag.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

fn tagged(tag: &str) -> Sha256 {
    let tag = Sha256::digest(tag.as_bytes());
    Sha256::new().chain_update(tag).chain_update(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_primitives::{hex, tagged_hash};

    #[test]
    fn hashes_are_those_of_their_standards() {
        assert_eq!(
            hex::encode(ripemd160(b"abc")),
            "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"
        );
        assert_eq!(
            hex::encode(sha1(b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(hash160(b"abc"), ripemd160(&sha256(b"abc")));
    }

    #[test]
    fn a_tag_hashes_as_bip340_says() {
        let parts: [&[u8]; 2] = [b"ab", b"c"];
        assert_eq!(TAP_LEAF.hash(&parts), tagged_hash("TapLeaf", &parts));
    }
}
