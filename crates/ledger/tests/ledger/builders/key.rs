//! Keys that sign.

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::{ecdsa, schnorr};
use synod_primitives::{Script, sha256};
use synod_script::{hash160, template};

/// The form of an output that a key owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    P2pkh,
    P2shP2wpkh,
    P2wpkh,
    /// The key path; the key itself is the output key.
    P2tr,
}

impl Form {
    pub(crate) const ALL: [Self; 4] = [Self::P2pkh, Self::P2shP2wpkh, Self::P2wpkh, Self::P2tr];
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    secret: [u8; 32],
}

impl Key {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let secret = sha256(&seed.to_le_bytes());
        Self { secret }
    }

    fn signer(&self) -> ecdsa::SigningKey {
        ecdsa::SigningKey::from_slice(&self.secret).expect("a valid secret")
    }

    pub(crate) fn public(&self) -> Vec<u8> {
        self.signer()
            .verifying_key()
            .to_sec1_point(true)
            .as_bytes()
            .to_vec()
    }

    fn x_only(&self) -> [u8; 32] {
        self.public()[1..].try_into().expect("33 bytes")
    }

    fn key_hash(&self) -> [u8; 20] {
        hash160(&self.public())
    }

    /// The script code that legacy and version 0 signatures of the key commit to.
    pub(crate) fn script_code(&self) -> Script {
        template::p2pkh(&self.key_hash())
    }

    /// The redeem script of the form P2SH-P2WPKH.
    pub(crate) fn redeem_script(&self) -> Script {
        template::p2wpkh(&self.key_hash())
    }

    pub(crate) fn script_pubkey(&self, form: Form) -> Script {
        match form {
            Form::P2pkh => self.script_code(),
            Form::P2wpkh => self.redeem_script(),
            Form::P2shP2wpkh => template::p2sh(&hash160(self.redeem_script().as_bytes())),
            Form::P2tr => template::p2tr(&self.x_only()),
        }
    }

    /// Signs and appends the hash type ALL.
    pub(crate) fn sign_ecdsa(&self, digest: [u8; 32]) -> Vec<u8> {
        let signature: ecdsa::Signature = self.signer().sign_prehash(&digest).expect("signs");
        let mut bytes = signature.normalize_s().to_der().as_bytes().to_vec();
        bytes.push(1);
        bytes
    }

    /// Signs with the larger of the two values of S and appends the hash type ALL.
    pub(crate) fn sign_ecdsa_high_s(&self, digest: [u8; 32]) -> Vec<u8> {
        let signature: ecdsa::Signature = self.signer().sign_prehash(&digest).expect("signs");
        let (r, s) = signature.normalize_s().split_scalars();
        let high = ecdsa::Signature::from_scalars(*r, -*s).expect("both are in range");
        let mut bytes = high.to_der().as_bytes().to_vec();
        bytes.push(1);
        bytes
    }

    pub(crate) fn sign_schnorr(&self, digest: [u8; 32]) -> Vec<u8> {
        let key = schnorr::SigningKey::from_slice(&self.secret).expect("a valid secret");
        let signature = key.sign_raw(&digest, &[0; 32]).expect("signs");
        signature.to_bytes().to_vec()
    }
}
