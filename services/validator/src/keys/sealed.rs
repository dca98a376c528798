//! The key file: one sealing key, encrypted under a passphrase.
//!
//! The layout is that of the wallet's keystore, with other content (services may not depend on
//! the wallet's crates, whose header and payload are a wallet's). Version 1, integers
//! little-endian:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic `SYNDKEY` and the version byte 1 |
//! | 4 | length of the header |
//! | n | header: JSON ([`KeyHeader`]) |
//! | 24 | nonce |
//! | 80 | XChaCha20-Poly1305 of the signing secret and the hash chain's, 32 bytes each, with all bytes before the nonce as associated data |
//!
//! The key is Argon2id of the passphrase with the header's salt and parameters.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use synod_api::{HashHex, NodeIdHex};
use synod_seal::SealKey;
use zeroize::Zeroizing;

use super::file::{create_private, read_private};
use super::{KdfParams, SECRET_BYTES, SealingKey};
use crate::protection::MAX_KEYS;

const MAGIC: &[u8; 8] = b"SYNDKEY\x01";
const PREFIX_BYTES: usize = 12;
const NONCE_BYTES: usize = 24;
/// The most bytes of a header.
const MAX_HEADER_BYTES: usize = 4096;
/// What key files are called after their public key.
const EXTENSION: &str = "key";

/// Why a key file cannot be used, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refused.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A link, a directory, a device.
    #[error("{0} is not a regular file; links are not followed")]
    NotRegular(PathBuf),
    /// Others may read it.
    #[error("{0} can be read by others; run chmod 600 on it")]
    Exposed(PathBuf),
    /// Not a key file, or cut short.
    #[error("not a key file: {0}")]
    Malformed(&'static str),
    /// Key derivation parameters out of range, or not enough memory for them.
    #[error("the key file's key derivation parameters are out of range, or memory is short")]
    Kdf,
    /// Wrong passphrase, or the file was changed.
    #[error("wrong passphrase, or the file {0} was changed")]
    Passphrase(PathBuf),
    /// More files than a validator has keys.
    #[error("{0} holds more than {MAX_KEYS} key files")]
    TooMany(PathBuf),
    /// The operating system has no randomness.
    #[error("no randomness for a key")]
    Random,
}

/// The public part of a key file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHeader {
    /// The key, X-only.
    pub key: HashHex,
    /// What its first reveal hashes to.
    pub anchor: HashHex,
    /// The reveals of its hash chain.
    pub chain_length: u32,
    /// How the passphrase becomes the key.
    pub kdf: KdfParams,
    /// The salt.
    salt: NodeIdHex,
}

impl KeyHeader {
    /// Returns the public key.
    #[must_use]
    pub fn public(&self) -> SealKey {
        SealKey(self.key.to_bytes())
    }
}

/// A key file that was read and not opened.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
    header: KeyHeader,
    associated: Vec<u8>,
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

impl KeyFile {
    /// Encrypts a key into a new file of a directory; it is on the disk when this returns.
    ///
    /// # Errors
    /// There is a file for this key, or the system refuses.
    pub fn create(
        directory: &Path,
        key: &SealingKey,
        passphrase: &str,
    ) -> Result<PathBuf, KeyFileError> {
        let mut random = [0; 16 + NONCE_BYTES];
        getrandom::fill(&mut random).map_err(|_| KeyFileError::Random)?;
        let (salt, nonce) = random.split_at(16);
        let salt: [u8; 16] = salt.try_into().map_err(|_| KeyFileError::Random)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| KeyFileError::Random)?;
        let header = KeyHeader {
            key: HashHex::from_bytes(key.public().0),
            anchor: HashHex::from_bytes(key.anchor()),
            chain_length: key.chain_length(),
            kdf: KdfParams::default(),
            salt: NodeIdHex::from_bytes(salt),
        };
        let bytes = seal(&header, key, passphrase, nonce)?;
        let path = directory.join(format!("{}.{EXTENSION}", key.public()));
        make_directory(directory)?;
        create_private(&path, &bytes)?;
        Ok(path)
    }

    /// Reads a file, and checks all that needs no passphrase.
    ///
    /// # Errors
    /// It is no key file, or others may read it.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let bytes = read_private(path)?;
        let short = || KeyFileError::Malformed("cut short");
        let (prefix, rest) = bytes.split_at_checked(PREFIX_BYTES).ok_or_else(short)?;
        let (magic, length) = prefix.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(KeyFileError::Malformed("it starts with something else"));
        }
        let length = u32::from_le_bytes(length.try_into().map_err(|_| short())?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_HEADER_BYTES {
            return Err(KeyFileError::Malformed("its header is too long"));
        }
        let (header, rest) = rest.split_at_checked(length).ok_or_else(short)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or_else(short)?;
        let header: KeyHeader = serde_json::from_slice(header)
            .map_err(|_| KeyFileError::Malformed("its header is damaged"))?;
        header.kdf.check()?;
        Ok(Self {
            path: path.to_owned(),
            header,
            associated: bytes[..PREFIX_BYTES + length].to_vec(),
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
        })
    }

    /// Reads all key files of a directory, in the order of their keys; none if there is no
    /// directory.
    ///
    /// # Errors
    /// As [`KeyFile::read`]; also for more files than there can be keys.
    pub fn read_all(directory: &Path) -> Result<Vec<Self>, KeyFileError> {
        let io = |error| KeyFileError::Io {
            path: directory.to_owned(),
            error,
        };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|it| it == EXTENSION) {
                files.push(Self::read(&path)?);
            }
            if files.len() > MAX_KEYS {
                return Err(KeyFileError::TooMany(directory.to_owned()));
            }
        }
        files.sort_by_key(|file| file.header.key);
        Ok(files)
    }

    /// Returns the public part, which is not proven until the file is opened.
    #[must_use]
    pub fn header(&self) -> &KeyHeader {
        &self.header
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// The passphrase is wrong, or the file was changed.
    pub fn open(&self, passphrase: &str) -> Result<SealingKey, KeyFileError> {
        let wrong = || KeyFileError::Passphrase(self.path.clone());
        let derived = self
            .header
            .kdf
            .derive(passphrase, &self.header.salt.to_bytes())?;
        let message = Payload {
            msg: &self.ciphertext,
            aad: &self.associated,
        };
        let plain = XChaCha20Poly1305::new(&(*derived).into())
            .decrypt(&XNonce::from(self.nonce), message)
            .map(Zeroizing::new)
            .map_err(|_| wrong())?;
        let secrets: &[u8; SECRET_BYTES] = plain.as_slice().try_into().map_err(|_| wrong())?;
        SealingKey::from_secrets(secrets, self.header.chain_length)
            .filter(|key| key.public() == self.header.public())
            .ok_or_else(wrong)
    }
}

fn make_directory(directory: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| KeyFileError::Io {
            path: directory.to_owned(),
            error,
        })
}

fn seal(
    header: &KeyHeader,
    key: &SealingKey,
    passphrase: &str,
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, KeyFileError> {
    let json = serde_json::to_vec(header).map_err(|_| KeyFileError::Malformed("header"))?;
    let length = u32::try_from(json.len()).map_err(|_| KeyFileError::Malformed("header"))?;
    let mut bytes = [MAGIC.as_slice(), &length.to_le_bytes(), &json].concat();
    let derived = header.kdf.derive(passphrase, &header.salt.to_bytes())?;
    let message = Payload {
        msg: key.secrets(),
        aad: &bytes,
    };
    let ciphertext = XChaCha20Poly1305::new(&(*derived).into())
        .encrypt(&XNonce::from(nonce), message)
        .map_err(|_| KeyFileError::Malformed("payload"))?;
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&ciphertext);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn created() -> (tempfile::TempDir, PathBuf, SealingKey) {
        let folder = tempfile::tempdir().expect("a folder");
        let key = SealingKey::from_secrets(&[7; 64], 100).expect("a key");
        let path = KeyFile::create(folder.path(), &key, "right").expect("created");
        (folder, path, key)
    }

    #[test]
    fn a_key_file_opens_with_its_passphrase_only_and_is_its_owners_alone() {
        let (folder, path, key) = created();
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let file = KeyFile::read(&path).expect("readable");
        assert_eq!(file.header().public(), key.public());
        let opened = file.open("right").expect("opens");
        assert_eq!(
            (opened.public(), opened.anchor()),
            (key.public(), key.anchor())
        );
        assert!(matches!(
            file.open("wrong"),
            Err(KeyFileError::Passphrase(_))
        ));
        let again = KeyFile::create(folder.path(), &key, "other");
        assert!(
            matches!(again, Err(KeyFileError::Io { .. })),
            "never replaced"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        assert!(matches!(
            KeyFile::read(&path),
            Err(KeyFileError::Exposed(_))
        ));
    }

    #[test]
    fn a_changed_or_shorter_key_file_is_refused() {
        let (_folder, path, _) = created();
        let bytes = fs::read(&path).expect("a file");
        for length in 0..bytes.len() - 96 {
            fs::write(&path, &bytes[..length]).expect("written");
            assert!(KeyFile::read(&path).is_err(), "length {length}");
        }
        // A byte of each part: magic, length, header, nonce, ciphertext, tag.
        let end = bytes.len();
        for at in [0, 7, 8, 20, end - 100, end - 50, end - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).expect("written");
            let opened = KeyFile::read(&path).and_then(|it| it.open("right"));
            assert!(opened.is_err(), "byte {at}");
        }
    }

    #[test]
    fn links_and_other_files_are_not_followed() {
        let (folder, path, _) = created();
        let link = folder.path().join("link.key");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert!(matches!(
            KeyFile::read(&link),
            Err(KeyFileError::NotRegular(_))
        ));
        fs::remove_file(link).expect("removed");
        fs::write(folder.path().join("readme"), "not a key").expect("written");
        assert_eq!(KeyFile::read_all(folder.path()).expect("readable").len(), 1);
        let nowhere = folder.path().join("nowhere");
        assert!(KeyFile::read_all(&nowhere).expect("none").is_empty());
    }
}
