//! The bytes of a keystore file: header in clear, payload sealed.

use bdk_wallet::bitcoin::hex::{DisplayHex, FromHex};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload as Message},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KdfParams, KeystoreError, Payload};
use crate::{NETWORK, descriptors::Descriptors};

/// The format's version.
pub const VERSION: u8 = 1;
/// Longest header, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

const MAGIC: &[u8; 7] = b"SYNDWLT";
const PREFIX_BYTES: usize = 12;
const NONCE_BYTES: usize = 24;
const SALT_BYTES: usize = 16;

/// The public part of a keystore: readable without the password, sealed as associated data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The network, always `regtest`.
    pub network: String,
    /// How the password becomes the key.
    pub kdf: KdfParams,
    /// The salt, 16 bytes in hex.
    salt: String,
    /// The receiving descriptor.
    pub external: String,
    /// The change descriptor.
    pub internal: String,
    /// The height before which the wallet has no coins.
    pub birthday: u32,
}

impl Header {
    pub(super) fn new(
        descriptors: &Descriptors,
        birthday: u32,
        kdf: KdfParams,
    ) -> Result<Self, KeystoreError> {
        let mut salt = [0u8; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| crate::mnemonic::MnemonicError::NoEntropy)?;
        Ok(Self {
            network: NETWORK.to_string(),
            kdf,
            salt: salt.to_lower_hex_string(),
            external: descriptors.external(),
            internal: descriptors.internal(),
            birthday,
        })
    }

    /// Returns the descriptors.
    ///
    /// # Errors
    /// When they are not of a supported form.
    pub fn descriptors(&self) -> Result<Descriptors, KeystoreError> {
        Ok(Descriptors::parse(&self.external, &self.internal)?)
    }

    pub(super) fn derive_key(&self, password: &str) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        let salt = <[u8; SALT_BYTES]>::from_hex(&self.salt)
            .map_err(|_| KeystoreError::Malformed("salt"))?;
        self.kdf.derive(password, &salt)
    }

    fn check(&self) -> Result<(), KeystoreError> {
        if self.network != NETWORK.to_string() {
            return Err(KeystoreError::WrongNetwork(crate::text::displayable(
                &self.network,
            )));
        }
        self.kdf.check_for_reading()?;
        self.descriptors().map(|_| ())
    }
}

/// A keystore file taken apart, its header read and checked, its payload still sealed.
pub(super) struct Sealed<'a> {
    pub(super) header: Header,
    associated: &'a [u8],
    nonce: [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
}

pub(super) fn split(bytes: &[u8]) -> Result<Sealed<'_>, KeystoreError> {
    let (prefix, rest) = bytes
        .split_at_checked(PREFIX_BYTES)
        .ok_or(KeystoreError::Malformed("cut short"))?;
    if &prefix[..7] != MAGIC {
        return Err(KeystoreError::Malformed("no magic"));
    }
    if prefix[7] != VERSION {
        return Err(KeystoreError::UnknownVersion(prefix[7]));
    }
    let length = u32::from_le_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]) as usize;
    if length > MAX_HEADER_BYTES {
        return Err(KeystoreError::Malformed("header too long"));
    }
    let (header, rest) = rest
        .split_at_checked(length)
        .ok_or(KeystoreError::Malformed("cut short"))?;
    let (nonce, ciphertext) = rest
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(KeystoreError::Malformed("cut short"))?;
    let header: Header =
        serde_json::from_slice(header).map_err(|_| KeystoreError::Malformed("header"))?;
    header.check()?;
    Ok(Sealed {
        header,
        associated: &bytes[..PREFIX_BYTES + length],
        nonce: *nonce,
        ciphertext,
    })
}

pub(super) fn open(sealed: &Sealed<'_>, key: &[u8; 32]) -> Result<Payload, KeystoreError> {
    let message = Message {
        msg: sealed.ciphertext,
        aad: sealed.associated,
    };
    let plain = cipher(key)
        .decrypt(&XNonce::from(sealed.nonce), message)
        .map(Zeroizing::new)
        .map_err(|_| KeystoreError::BadPassword)?;
    serde_json::from_slice(&plain).map_err(|_| KeystoreError::Malformed("payload"))
}

pub(super) fn seal(
    header: &Header,
    key: &[u8; 32],
    payload: &Payload,
) -> Result<Vec<u8>, KeystoreError> {
    let mut nonce = [0u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| crate::mnemonic::MnemonicError::NoEntropy)?;
    seal_with_nonce(header, key, payload, nonce)
}

pub(super) fn seal_with_nonce(
    header: &Header,
    key: &[u8; 32],
    payload: &Payload,
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, KeystoreError> {
    let json = serde_json::to_vec(header).map_err(|_| KeystoreError::Malformed("header"))?;
    let length =
        u32::try_from(json.len()).map_err(|_| KeystoreError::Malformed("header too long"))?;
    let mut file = [MAGIC.as_slice(), &[VERSION], &length.to_le_bytes(), &json].concat();
    let plain = Zeroizing::new(
        serde_json::to_vec(payload).map_err(|_| KeystoreError::Malformed("payload"))?,
    );
    let message = Message {
        msg: &plain,
        aad: &file,
    };
    let ciphertext = cipher(key)
        .encrypt(&XNonce::from(nonce), message)
        .map_err(|_| KeystoreError::Full("payload"))?;
    file.extend_from_slice(&nonce);
    file.extend_from_slice(&ciphertext);
    Ok(file)
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key).into())
}
