//! A pending signature check: parsed bytes, not yet judged.

use crate::der;
use crate::key::PublicKey;
use crate::scalar;

/// One pending signature check: owned bytes, cheap to queue, not yet judged.
///
/// Two checks that are equal have the same verdict, so a check can be the key of a cache.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Check(pub(crate) Statement);

/// What a check states.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Statement {
    /// `(r, s)` is an ECDSA signature over `digest` by `key`.
    Ecdsa(Ecdsa),
    /// `(r, s)` is a BIP340 signature over `message` by the X-only `key`.
    Schnorr(Schnorr),
}

/// An ECDSA statement; `r` and `s` are below the group order, `s` in the lower half.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Ecdsa {
    pub(crate) key: PublicKey,
    pub(crate) r: [u8; 32],
    pub(crate) s: [u8; 32],
    pub(crate) digest: [u8; 32],
}

/// A BIP340 statement, with every field as it came.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Schnorr {
    pub(crate) key: [u8; 32],
    pub(crate) r: [u8; 32],
    pub(crate) s: [u8; 32],
    pub(crate) message: Message,
}

/// What a BIP340 signature signs.
///
/// Invariant: a message of 32 bytes is always a [`Message::Hash`], so that equal statements are
/// equal values.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Message {
    /// 32 bytes, which is all that transactions ever have; needs no memory of its own.
    Hash([u8; 32]),
    /// Bytes of any other length.
    Bytes(Box<[u8]>),
}

impl Message {
    fn of(bytes: &[u8]) -> Self {
        match bytes.try_into() {
            Ok(hash) => Self::Hash(hash),
            Err(_) => Self::Bytes(bytes.into()),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Hash(hash) => hash,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Check {
    /// States that `signature` is an ECDSA signature over `digest` by `public_key`.
    ///
    /// `public_key` is SEC1: 33 bytes `02`/`03`, or 65 bytes `04` or the hybrid `06`/`07`.
    /// `signature` is DER without the hash type byte, read by Bitcoin's lax rules (those of nodes
    /// before BIP66); a high S counts as its low twin.
    ///
    /// `None` when the key or the signature cannot be parsed at all, which is a failed check.
    /// Whether the key is on the curve is part of the verdict.
    #[must_use]
    pub fn ecdsa(public_key: &[u8], signature: &[u8], digest: [u8; 32]) -> Option<Check> {
        let key = PublicKey::parse(public_key)?;
        let (r, s) = der::parse_lax(signature)?;
        let s = scalar::to_lower_half(s);
        Some(Check(Statement::Ecdsa(Ecdsa { key, r, s, digest })))
    }

    /// States that `signature` (64 bytes) is a BIP340 signature over the 32 bytes `message` by the
    /// X-only `public_key` (32 bytes).
    ///
    /// `None` when a length is wrong, which is a failed check.
    #[must_use]
    pub fn schnorr(public_key: &[u8], signature: &[u8], message: [u8; 32]) -> Option<Check> {
        Self::schnorr_over(public_key, signature, Message::Hash(message))
    }

    /// States that `signature` (64 bytes) is a BIP340 signature over a message of any length,
    /// which is copied, by the X-only `public_key` (32 bytes).
    ///
    /// `None` when the length of the key or the signature is wrong, which is a failed check.
    #[must_use]
    pub fn schnorr_bytes(public_key: &[u8], signature: &[u8], message: &[u8]) -> Option<Check> {
        Self::schnorr_over(public_key, signature, Message::of(message))
    }

    fn schnorr_over(public_key: &[u8], signature: &[u8], message: Message) -> Option<Check> {
        let key = public_key.try_into().ok()?;
        let (r, s) = signature.split_first_chunk::<32>()?;
        let s = s.try_into().ok()?;
        Some(Check(Statement::Schnorr(Schnorr {
            key,
            r: *r,
            s,
            message,
        })))
    }
}
