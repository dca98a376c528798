//! Keys of members.

use std::fmt;
use std::str::FromStr;

use k256::schnorr::SigningKey;
use synod_api::p2p::SignatureHex;
use synod_primitives::hex;
use synod_sigcheck::{Check, is_valid_x_only, verify};

/// A member's X-only public key (BIP340).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub [u8; 32]);

impl MemberId {
    /// Says whether the bytes are a key at all.
    #[must_use]
    pub fn is_key(&self) -> bool {
        is_valid_x_only(&self.0)
    }

    pub(crate) fn has_signed(&self, digest: &[u8; 32], signature: &SignatureHex) -> bool {
        self.has_signed_bytes(digest, &signature.to_bytes())
    }

    pub(crate) fn has_signed_bytes(&self, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        Check::schnorr(&self.0, signature, *digest).is_some_and(|check| verify(&check))
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no member's key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a member is 64 lower-case hex digits of an X-only key, not {0:?}")]
pub struct NoMemberId(String);

impl FromStr for MemberId {
    type Err = NoMemberId;

    fn from_str(text: &str) -> Result<Self, NoMemberId> {
        let bad = || NoMemberId(text.chars().take(80).collect());
        let parsed = synod_api::HashHex::parse(text).map_err(|_| bad())?;
        let id = Self(parsed.to_bytes());
        if id.is_key() { Ok(id) } else { Err(bad()) }
    }
}

/// The secret key of this node as a member.
#[derive(Clone)]
pub struct MemberKey {
    signing: SigningKey,
    secret: [u8; 32],
    id: MemberId,
}

impl fmt::Debug for MemberKey {
    /// Security: the secret never reaches a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberKey({})", self.id)
    }
}

impl Drop for MemberKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl MemberKey {
    /// Makes a key of its secret; `None` when the bytes are none (zero, or past the order of the
    /// group).
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Option<Self> {
        let signing = SigningKey::from_slice(&secret).ok()?;
        let id = MemberId(signing.verifying_key().to_bytes().into());
        Some(Self {
            signing,
            secret,
            id,
        })
    }

    /// Returns the public key.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.id
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Signs a digest (BIP340) with zero auxiliary randomness.
    pub(crate) fn sign(&self, digest: &[u8; 32]) -> [u8; 64] {
        let signature = self.signing.sign_raw(digest, &[0; 32]);
        signature
            .expect("a nonce of zero has a chance of 2^-256")
            .to_bytes()
    }

    pub(crate) fn sign_hex(&self, digest: &[u8; 32]) -> SignatureHex {
        SignatureHex::from_bytes(self.sign(digest))
    }
}
