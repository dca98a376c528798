//! The keys of a chain and what they sign.

use anyhow::{Context as _, Result};
use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::{ecdsa, schnorr};
use rayon::prelude::*;
use synod_primitives::{Script, sha256};
use synod_script::{hash160, template};

/// What every coin of a chain is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Kind {
    /// Pay to witness public key hash: an ECDSA signature an input.
    P2wpkh,
    /// Taproot spent by its key: a BIP340 signature an input.
    P2tr,
}

/// A key with what depends on it alone.
pub(crate) struct Key {
    ecdsa: ecdsa::SigningKey,
    schnorr: schnorr::SigningKey,
    public: Vec<u8>,
}

impl Key {
    fn new(index: usize) -> Result<Self> {
        let mut seed = b"synod bench key ".to_vec();
        seed.extend_from_slice(&(index as u64).to_le_bytes());
        let secret = sha256(&seed);
        let ecdsa = ecdsa::SigningKey::from_slice(&secret).context("a secret out of range")?;
        let schnorr = schnorr::SigningKey::from_slice(&secret).context("a secret out of range")?;
        let public = ecdsa.verifying_key().to_sec1_point(true);
        let public = public.as_bytes().to_vec();
        Ok(Self {
            ecdsa,
            schnorr,
            public,
        })
    }

    /// Returns the compressed public key.
    pub(crate) fn public(&self) -> &[u8] {
        &self.public
    }

    pub(crate) fn script_pubkey(&self, kind: Kind) -> Script {
        match kind {
            Kind::P2wpkh => template::p2wpkh(&hash160(&self.public)),
            Kind::P2tr => {
                let mut x_only = [0; 32];
                x_only.copy_from_slice(&self.public[1..]);
                template::p2tr(&x_only)
            }
        }
    }

    /// Returns the script code of BIP143.
    pub(crate) fn script_code(&self) -> Script {
        template::p2pkh(&hash160(&self.public))
    }

    /// Signs with ECDSA (RFC 6979) and appends the hash type ALL.
    pub(crate) fn sign_ecdsa(&self, digest: &[u8; 32]) -> Result<Vec<u8>> {
        let signature: ecdsa::Signature = self.ecdsa.sign_prehash(digest)?;
        let mut bytes = signature.normalize_s().to_der().as_bytes().to_vec();
        bytes.push(1);
        Ok(bytes)
    }

    /// Signs with BIP340 without auxiliary randomness; the hash type DEFAULT adds no byte.
    pub(crate) fn sign_schnorr(&self, digest: &[u8; 32]) -> Result<Vec<u8>> {
        let signature = self.schnorr.sign_raw(digest, &[0; 32])?;
        Ok(signature.to_bytes().to_vec())
    }
}

/// Makes the keys of a chain, on all cores.
pub(crate) fn keys(count: usize) -> Result<Vec<Key>> {
    (0..count).into_par_iter().map(Key::new).collect()
}
