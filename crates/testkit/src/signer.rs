//! Sealing keys.

use k256::schnorr::SigningKey;
use synod_primitives::Block;
use synod_seal::{HashChain, Seal, SealKey, Signature, UnsealedHeader, Vote, VoteLink};

/// Reveals of a signer's hash chain.
const REVEALS: u32 = 4096;

/// A sealing key with its hash chain.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    /// What it reveals block by block.
    pub reveals: HashChain,
}

impl Signer {
    /// Makes the signer of a seed that is not 0.
    ///
    /// # Panics
    /// The seed is 0.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        Self {
            key: SigningKey::from_slice(&[seed; 32]).expect("a valid secret"),
            reveals: HashChain::new([seed; 32], REVEALS).expect("not too long"),
        }
    }

    /// Returns the public key.
    #[must_use]
    pub fn public(&self) -> SealKey {
        SealKey(self.key.verifying_key().to_bytes().into())
    }

    /// Signs a digest with zero auxiliary randomness.
    ///
    /// # Panics
    /// Never: the key is valid.
    #[must_use]
    pub fn sign(&self, digest: [u8; 32]) -> Signature {
        let signature = self.key.sign_raw(&digest, &[0; 32]);
        signature.expect("a valid key signs").to_bytes()
    }

    /// Signs a vote.
    #[must_use]
    pub fn vote(&self, link: VoteLink, chain_id: &[u8; 32]) -> Vote {
        Vote {
            link,
            key: self.public(),
            signature: self.sign(link.digest(chain_id)),
        }
    }

    /// Seals a template: the seal's signature is made, its other fields are as they are.
    ///
    /// # Panics
    /// The template has no place for a seal.
    #[must_use]
    pub fn seal(&self, template: &Block, seal: &Seal, chain_id: &[u8; 32]) -> Block {
        let unsealed = UnsealedHeader::of_block(template, seal).expect("a template");
        let signature = self.sign(unsealed.digest(chain_id));
        unsealed.seal_block(template, signature).expect("a nonce")
    }
}

/// Returns the key that seals the bootstrap of every [`SealedSpec`](crate::SealedSpec).
#[must_use]
pub fn bootstrap_signer() -> Signer {
    Signer::new(0xb0)
}
