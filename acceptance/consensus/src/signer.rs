//! Keys and signatures by libsecp256k1.

use bitcoin::secp256k1::{All, XOnlyPublicKey};
use bitcoin::secp256k1::{Keypair, Message, PublicKey, Scalar, Secp256k1, SecretKey};

/// How many keys there are.
pub const KEYS: usize = 20;

/// A ring of fixed keys.
pub struct Signer {
    secp: Secp256k1<All>,
    keys: Vec<Keypair>,
}

/// How a key is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyForm {
    /// 33 bytes.
    Compressed,
    /// 65 bytes.
    Full,
    /// 65 bytes with the parity in the prefix.
    Hybrid,
}

impl Default for Signer {
    fn default() -> Self {
        let secp = Secp256k1::new();
        let keys = (1..=KEYS)
            .map(|number| {
                let secret = SecretKey::from_slice(&[number as u8; 32]).expect("below the order");
                Keypair::from_secret_key(&secp, &secret)
            })
            .collect();
        Self { secp, keys }
    }
}

impl Signer {
    /// Returns a key as ECDSA knows it.
    #[must_use]
    pub fn key(&self, index: usize, form: KeyForm) -> Vec<u8> {
        let key: PublicKey = self.keys[index].public_key();
        let mut bytes = match form {
            KeyForm::Compressed => return key.serialize().to_vec(),
            KeyForm::Full | KeyForm::Hybrid => key.serialize_uncompressed().to_vec(),
        };
        if form == KeyForm::Hybrid {
            bytes[0] = 6 | (bytes[64] & 1);
        }
        bytes
    }

    /// Returns a key as BIP340 knows it.
    #[must_use]
    pub fn x_only(&self, index: usize) -> [u8; 32] {
        self.keys[index].x_only_public_key().0.serialize()
    }

    /// Signs by ECDSA, DER with a low S.
    #[must_use]
    pub fn ecdsa(&self, index: usize, digest: [u8; 32]) -> Vec<u8> {
        let message = Message::from_digest(digest);
        let signature = self
            .secp
            .sign_ecdsa(&message, &self.keys[index].secret_key());
        signature.serialize_der().to_vec()
    }

    /// Signs by ECDSA, DER with a high S.
    #[must_use]
    pub fn ecdsa_high(&self, index: usize, digest: [u8; 32]) -> Vec<u8> {
        let message = Message::from_digest(digest);
        let signature = self
            .secp
            .sign_ecdsa(&message, &self.keys[index].secret_key());
        let mut compact = signature.serialize_compact();
        let low = SecretKey::from_slice(&compact[32..]).expect("S is a scalar");
        compact[32..].copy_from_slice(&low.negate().secret_bytes());
        let high = bitcoin::secp256k1::ecdsa::Signature::from_compact(&compact);
        high.expect("both are scalars").serialize_der().to_vec()
    }

    /// Signs by BIP340.
    #[must_use]
    pub fn schnorr(&self, index: usize, digest: [u8; 32]) -> Vec<u8> {
        self.sign_with(&self.keys[index], digest)
    }

    /// Signs by BIP340 with a key that a tweak was added to.
    #[must_use]
    pub fn schnorr_tweaked(&self, index: usize, tweak: [u8; 32], digest: [u8; 32]) -> Vec<u8> {
        let tweak = Scalar::from_be_bytes(tweak).expect("below the order");
        let tweaked = self.keys[index].add_xonly_tweak(&self.secp, &tweak);
        self.sign_with(&tweaked.expect("not at infinity"), digest)
    }

    fn sign_with(&self, keys: &Keypair, digest: [u8; 32]) -> Vec<u8> {
        let message = Message::from_digest(digest);
        let signature = self.secp.sign_schnorr_no_aux_rand(&message, keys);
        signature.serialize().to_vec()
    }

    /// Adds a tweak to a key; answers the X coordinate and whether Y is odd.
    #[must_use]
    pub fn tweak(&self, index: usize, tweak: [u8; 32]) -> ([u8; 32], bool) {
        let tweak = Scalar::from_be_bytes(tweak).expect("below the order");
        let key: XOnlyPublicKey = self.keys[index].x_only_public_key().0;
        let (key, parity) = key.add_tweak(&self.secp, &tweak).expect("not at infinity");
        (key.serialize(), parity == bitcoin::secp256k1::Parity::Odd)
    }
}
