//! Sealing keys: the secret that signs, and the hash chain that its seals reveal.

mod file;
mod kdf;
pub mod passphrase;
mod sealed;

use std::fmt;

use k256::schnorr::SigningKey;
use synod_api::HashHex;
use synod_api::validator::ValidatorKey;
use synod_seal::{HashChain, SealKey, Signature};
use zeroize::Zeroizing;

pub use kdf::KdfParams;
pub use passphrase::{Passphrase, PassphraseError};
pub use sealed::{KeyFile, KeyFileError, KeyHeader};

/// The reveals of a new key's hash chain: one for each block that it seals.
pub const DEFAULT_CHAIN_LENGTH: u32 = 65_536;

/// The bytes that a key is kept as: the signing secret, then the hash chain's.
const SECRET_BYTES: usize = 64;

/// A key that can sign.
#[derive(Clone)]
pub struct SealingKey {
    signing: SigningKey,
    public: SealKey,
    chain: HashChain,
    secrets: Zeroizing<[u8; SECRET_BYTES]>,
}

impl fmt::Debug for SealingKey {
    /// Security: the secrets never reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.public)
    }
}

impl SealingKey {
    /// Draws a key; `None` when the operating system has no randomness.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let mut secrets = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut secrets[..]).ok()?;
        Self::from_secrets(&secrets, DEFAULT_CHAIN_LENGTH)
    }

    /// Makes a key of a signing secret and a hash chain's, with a number of reveals; `None` when
    /// the first is no secret (zero, or past the group's order) or the number is out of range.
    #[must_use]
    pub fn from_secrets(secrets: &[u8; SECRET_BYTES], chain_length: u32) -> Option<Self> {
        let (signing, chain) = secrets.split_at(32);
        let signing = SigningKey::from_slice(signing).ok()?;
        let public = SealKey(signing.verifying_key().to_bytes().into());
        let chain = HashChain::new(chain.try_into().ok()?, chain_length)?;
        Some(Self {
            signing,
            public,
            chain,
            secrets: Zeroizing::new(*secrets),
        })
    }

    /// Returns the public key.
    #[must_use]
    pub fn public(&self) -> SealKey {
        self.public
    }

    /// Returns what the first reveal hashes to; a bond registers it.
    #[must_use]
    pub fn anchor(&self) -> [u8; 32] {
        self.chain.anchor()
    }

    /// Returns the reveal that follows `before`; `None` when there is none.
    #[must_use]
    pub fn reveal_after(&self, before: &[u8; 32]) -> Option<[u8; 32]> {
        self.chain.reveal_after(before)
    }

    /// Describes the key for others.
    #[must_use]
    pub fn describe(&self) -> ValidatorKey {
        ValidatorKey {
            key: HashHex::from_bytes(self.public.0),
            delegate: self.public.delegate_hash().to_string(),
            anchor: HashHex::from_bytes(self.anchor()),
            last_slot: None,
            last_target: None,
        }
    }

    /// Signs a digest (BIP340) with zero auxiliary randomness, so that one digest has one
    /// signature.
    pub(crate) fn sign(&self, digest: &[u8; 32]) -> Signature {
        let signature = self.signing.sign_raw(digest, &[0; 32]);
        signature
            .expect("a nonce of zero has a chance of 2^-256")
            .to_bytes()
    }

    fn chain_length(&self) -> u32 {
        self.chain.length()
    }

    fn secrets(&self) -> &[u8; SECRET_BYTES] {
        &self.secrets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_digest_has_one_signature_and_it_is_the_keys() {
        let key = SealingKey::from_secrets(&[7; 64], 10).expect("a key");
        let signature = key.sign(&[5; 32]);
        assert_eq!(signature, key.sign(&[5; 32]));
        assert_ne!(signature, key.sign(&[6; 32]));
        let vote = synod_seal::Vote::decode(&{
            let mut bytes = vec![0; 80];
            bytes[40] = 1;
            bytes.extend_from_slice(&key.public().0);
            bytes.extend_from_slice(&[0; 64]);
            bytes
        })
        .expect("a vote");
        let signed = synod_seal::Vote {
            signature: key.sign(&vote.link.digest(&[1; 32])),
            ..vote
        };
        assert!(signed.is_signed(&[1; 32]) && !signed.is_signed(&[2; 32]));
    }

    #[test]
    fn reveals_lead_down_from_the_anchor_until_none_is_left() {
        let key = SealingKey::from_secrets(&[7; 64], 2).expect("a key");
        let first = key.reveal_after(&key.anchor()).expect("the first");
        let second = key.reveal_after(&first).expect("the second");
        assert_eq!(second, [7; 32], "the secret itself is the last");
        assert_eq!(key.reveal_after(&second), None);
        assert_eq!(key.reveal_after(&[1; 32]), None);
    }

    #[test]
    fn secrets_that_are_none_are_refused_and_never_shown() {
        assert!(SealingKey::from_secrets(&[0; 64], 10).is_none());
        assert!(SealingKey::from_secrets(&[0xff; 64], 10).is_none());
        assert!(SealingKey::from_secrets(&[7; 64], 0).is_none());
        let key = SealingKey::from_secrets(&[7; 64], 10).expect("a key");
        assert!(!format!("{key:?}").contains("0707070707"));
    }
}
