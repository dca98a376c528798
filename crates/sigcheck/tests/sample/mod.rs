//! Signatures to test with: a reproducible byte source, signers by k256, encoders.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "a module of several test programs")]

use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use k256::elliptic_curve::sec1::ToSec1Point;
use k256::{ecdsa, schnorr};
use sha2::{Digest, Sha256};

/// Reproducible bytes: SHA-256 of a seed and a counter.
pub struct Bytes {
    seed: u64,
    counter: u64,
}

impl Bytes {
    pub fn new(seed: u64) -> Self {
        Bytes { seed, counter: 0 }
    }

    pub fn next32(&mut self) -> [u8; 32] {
        self.counter += 1;
        let hash = Sha256::new().chain_update(self.seed.to_le_bytes());
        hash.chain_update(self.counter.to_le_bytes())
            .finalize()
            .into()
    }

    pub fn below(&mut self, end: usize) -> usize {
        let bytes = self.next32();
        usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % end
    }
}

/// An ECDSA signature in every form that a test may alter.
#[derive(Clone)]
pub struct EcdsaSample {
    pub key: Vec<u8>,
    pub r: [u8; 32],
    pub s: [u8; 32],
    pub digest: [u8; 32],
}

impl EcdsaSample {
    pub fn random(bytes: &mut Bytes) -> Self {
        let is_compressed = bytes.below(2) == 0;
        EcdsaSample::random_of(bytes, is_compressed)
    }

    pub fn random_compressed(bytes: &mut Bytes) -> Self {
        EcdsaSample::random_of(bytes, true)
    }

    fn random_of(bytes: &mut Bytes, is_compressed: bool) -> Self {
        let secret = ecdsa::SigningKey::from_slice(&bytes.next32()).expect("a valid secret");
        let digest = bytes.next32();
        let signature: ecdsa::Signature = secret.sign_prehash(&digest).expect("signs");
        let (r, s) = signature.split_bytes();
        EcdsaSample {
            key: secret
                .verifying_key()
                .as_affine()
                .to_sec1_point(is_compressed)
                .as_bytes()
                .to_vec(),
            r: r.into(),
            s: s.into(),
            digest,
        }
    }

    pub fn check(&self) -> Option<synod_sigcheck::Check> {
        synod_sigcheck::Check::ecdsa(&self.key, &der(&self.r, &self.s), self.digest)
    }

    /// What k256's own verifier says.
    pub fn reference(&self) -> bool {
        ecdsa::Signature::from_scalars(self.r, self.s).is_ok_and(|signature| self.judge(&signature))
    }

    /// What k256's own verifier and its reader of strict DER say.
    pub fn reference_of(&self, der: &[u8]) -> bool {
        ecdsa::Signature::from_der(der).is_ok_and(|signature| self.judge(&signature))
    }

    fn judge(&self, signature: &ecdsa::Signature) -> bool {
        let Ok(key) = ecdsa::VerifyingKey::from_sec1_bytes(&self.key) else {
            return false;
        };
        key.verify_prehash(&self.digest, &signature.normalize_s())
            .is_ok()
    }
}

/// A BIP340 signature.
#[derive(Clone)]
pub struct SchnorrSample {
    pub key: [u8; 32],
    pub signature: [u8; 64],
    pub message: [u8; 32],
}

impl SchnorrSample {
    pub fn random(bytes: &mut Bytes) -> Self {
        let secret = schnorr::SigningKey::from_slice(&bytes.next32()).expect("a valid secret");
        let message = bytes.next32();
        let signature = secret.sign_raw(&message, &bytes.next32()).expect("signs");
        SchnorrSample {
            key: secret.verifying_key().to_bytes().into(),
            signature: signature.to_bytes(),
            message,
        }
    }

    pub fn check(&self) -> synod_sigcheck::Check {
        synod_sigcheck::Check::schnorr(&self.key, &self.signature, self.message).expect("lengths")
    }

    /// What k256's own verifier says.
    pub fn reference(&self) -> bool {
        let Ok(key) = schnorr::VerifyingKey::from_slice(&self.key) else {
            return false;
        };
        let Ok(signature) = schnorr::Signature::try_from(&self.signature[..]) else {
            return false;
        };
        key.verify_raw(&self.message, &signature).is_ok()
    }
}

/// Strict DER of `(r, s)`.
pub fn der(r: &[u8; 32], s: &[u8; 32]) -> Vec<u8> {
    let mut body = Vec::new();
    for integer in [r, s] {
        let digits: Vec<u8> = integer
            .iter()
            .copied()
            .skip_while(|&digit| digit == 0)
            .collect();
        let needs_zero = digits.first().is_none_or(|&digit| digit >= 0x80);
        body.push(2);
        body.push(u8::try_from(digits.len() + usize::from(needs_zero)).expect("short"));
        body.extend(needs_zero.then_some(0));
        body.extend(digits);
    }
    let mut out = vec![0x30, u8::try_from(body.len()).expect("short")];
    out.extend(body);
    out
}

/// Reads hexadecimal of either case.
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).expect("hexadecimal");
    let digits: Vec<u32> = text.chars().map(digit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte"))
        .collect()
}
