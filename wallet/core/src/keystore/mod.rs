//! The keystore: one file that holds a wallet's secrets, sealed under a password.
//!
//! Format, version 1 (frozen by a golden test; all integers little-endian):
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic `SYNDWLT` and the version byte 1 |
//! | 4 | length of the header |
//! | n | header: JSON ([`Header`]): network, key derivation, salt, public descriptors, birthday |
//! | 24 | nonce |
//! | rest | XChaCha20-Poly1305 of the payload (JSON, [`Payload`]), with all bytes before the nonce as associated data |
//!
//! The key is Argon2id of the password with the header's salt and parameters. Each save takes a
//! fresh random nonce, so one key may seal many versions of the file.
//!
//! Invariant: what is returned by [`Keystore::open`] was sealed by someone who knew the password,
//! header included; nothing of a file that fails its tag is ever used.

mod file;
mod format;
mod kdf;
mod payload;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

pub use self::{
    file::{MAX_FILE_BYTES, write_private_file},
    format::{Header, MAX_HEADER_BYTES, VERSION},
    kdf::KdfParams,
    payload::{MAX_LABEL_BYTES, MAX_LABELS, MAX_SIGNED_RECORDS, Payload, Revealed, SignedRecord},
};
use crate::{
    descriptors::{DescriptorError, Descriptors},
    keys::{AccountKeys, ScriptKind},
    mnemonic::{MnemonicError, SeedWords},
};

/// Why a keystore could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A file of that name is there already.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// No such file.
    #[error("{0} does not exist")]
    NotFound(PathBuf),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path is a symbolic link or no regular file.
    #[error("{0} is not a regular file; links are not followed")]
    NotRegular(PathBuf),
    /// Others may read the file.
    #[error("{0} can be read by others; run chmod 600 on it")]
    Permissions(PathBuf),
    /// Longer than [`MAX_FILE_BYTES`].
    #[error("{0} is longer than a keystore can be")]
    TooLarge(PathBuf),
    /// Not a keystore, cut short, or the header is damaged.
    #[error("not a keystore: {0}")]
    Malformed(&'static str),
    /// A version that this program does not know.
    #[error("keystore version {0} is not known to this program")]
    UnknownVersion(u8),
    /// The file belongs to another network.
    #[error("the keystore belongs to the network '{0}'")]
    WrongNetwork(String),
    /// Key derivation parameters below the floor or above the cap.
    #[error("the keystore's key derivation parameters are out of range: {0}")]
    KdfOutOfRange(&'static str),
    /// Not enough memory for the key derivation.
    #[error("the key derivation failed")]
    Kdf,
    /// Wrong password, or the file was changed.
    #[error("wrong password, or the file was changed")]
    BadPassword,
    /// The password is empty.
    #[error("an empty password is refused")]
    EmptyPassword,
    /// A limit on what the file may hold was reached.
    #[error("the keystore is full: {0}")]
    Full(&'static str),
    /// The seed words are bad.
    #[error(transparent)]
    Mnemonic(#[from] MnemonicError),
    /// The descriptors are bad.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
}

impl KeystoreError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "wallet-exists",
            Self::NotFound(_) => "wallet-not-found",
            Self::Io { .. } => "keystore-io",
            Self::NotRegular(_) => "keystore-not-regular",
            Self::Permissions(_) => "keystore-permissions",
            Self::TooLarge(_) => "keystore-too-large",
            Self::Malformed(_) => "keystore-malformed",
            Self::UnknownVersion(_) => "keystore-version",
            Self::WrongNetwork(_) => "wrong-network",
            Self::KdfOutOfRange(_) => "keystore-kdf-out-of-range",
            Self::Kdf => "keystore-kdf",
            Self::BadPassword => "bad-password",
            Self::EmptyPassword => "empty-password",
            Self::Full(_) => "keystore-full",
            Self::Mnemonic(e) => e.code(),
            Self::Descriptor(e) => e.code(),
        }
    }
}

/// What a new keystore is made of.
#[derive(Debug)]
pub struct NewKeystore {
    /// The seed words.
    pub words: SeedWords,
    /// The kind of outputs.
    pub kind: ScriptKind,
    /// The account number (BIP44).
    pub account: u32,
    /// The height before which the wallet has no coins.
    pub birthday: u32,
    /// How the password is turned into a key.
    pub kdf: KdfParams,
}

/// An opened keystore. A lock file keeps a second program from writing between its load and its save.
pub struct Keystore {
    path: PathBuf,
    header: Header,
    key: Zeroizing<[u8; 32]>,
    payload: Payload,
    _lock: File,
}

impl std::fmt::Debug for Keystore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keystore({})", self.path.display())
    }
}

impl Keystore {
    /// Makes a new keystore file; it is durable when this returns.
    ///
    /// # Errors
    /// When the file exists, the parameters are below the floor, or the system refuses.
    pub fn create(path: &Path, new: &NewKeystore, password: &str) -> Result<Self, KeystoreError> {
        if password.is_empty() {
            return Err(KeystoreError::EmptyPassword);
        }
        new.kdf.check_for_creation()?;
        let keys = AccountKeys::from_seed(&new.words.seed()[..], new.kind, new.account)?;
        let descriptors = keys.descriptors();
        let header = Header::new(&descriptors, new.birthday, new.kdf)?;
        let key = header.derive_key(password)?;
        let payload = Payload::new(&new.words, new.kind, new.account);
        let lock = file::lock(path)?;
        file::create(path, &format::seal(&header, &key, &payload)?)?;
        Ok(Self {
            path: path.to_owned(),
            header,
            key,
            payload,
            _lock: lock,
        })
    }

    /// Reads the public part of a keystore, which needs no password and is therefore not proven.
    ///
    /// # Errors
    /// When the file is missing, damaged, of another network or readable by others.
    pub fn read_header(path: &Path) -> Result<Header, KeystoreError> {
        let bytes = file::read(path)?;
        Ok(format::split(&bytes)?.header)
    }

    /// Opens a keystore; waits while another program holds it.
    ///
    /// # Errors
    /// When the password is wrong or the file was changed, is missing, damaged or readable by others.
    pub fn open(path: &Path, password: &str) -> Result<Self, KeystoreError> {
        // The file is looked at first, so that no lock file is made for a wallet that does not exist.
        file::read(path)?;
        let lock = file::lock(path)?;
        let bytes = file::read(path)?;
        let sealed = format::split(&bytes)?;
        let key = sealed.header.derive_key(password)?;
        let payload = format::open(&sealed, &key)?;
        let keystore = Self {
            path: path.to_owned(),
            header: sealed.header,
            key,
            payload,
            _lock: lock,
        };
        keystore.check_descriptors()?;
        Ok(keystore)
    }

    /// Writes the payload back, atomically and durably.
    ///
    /// # Errors
    /// When the system refuses; the old file is then still whole.
    pub fn save(&self) -> Result<(), KeystoreError> {
        file::replace(
            &self.path,
            &format::seal(&self.header, &self.key, &self.payload)?,
        )
    }

    /// Seals the keystore under another password, with a new salt.
    ///
    /// # Errors
    /// As [`Keystore::create`].
    pub fn change_password(&mut self, password: &str, kdf: KdfParams) -> Result<(), KeystoreError> {
        if password.is_empty() {
            return Err(KeystoreError::EmptyPassword);
        }
        kdf.check_for_creation()?;
        let header = Header::new(&self.descriptors()?, self.header.birthday, kdf)?;
        let key = header.derive_key(password)?;
        file::replace(&self.path, &format::seal(&header, &key, &self.payload)?)?;
        self.header = header;
        self.key = key;
        Ok(())
    }

    /// Returns the public part.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the public descriptors.
    ///
    /// # Errors
    /// When the header holds none that are supported.
    pub fn descriptors(&self) -> Result<Descriptors, KeystoreError> {
        self.header.descriptors()
    }

    /// Returns the secret part.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Returns the secret part to change it; [`Keystore::save`] makes the change durable.
    pub fn payload_mut(&mut self) -> &mut Payload {
        &mut self.payload
    }

    /// Derives the account's private keys.
    ///
    /// # Errors
    /// When the stored seed words make none.
    pub fn keys(&self) -> Result<AccountKeys, KeystoreError> {
        let words = SeedWords::parse(self.payload.words())?;
        Ok(AccountKeys::from_seed(
            &words.seed()[..],
            self.payload.kind(),
            self.payload.account(),
        )?)
    }

    /// Correctness: an address shown from the header must be one that the seed can sign for.
    fn check_descriptors(&self) -> Result<(), KeystoreError> {
        if self.keys()?.descriptors() == self.descriptors()? {
            Ok(())
        } else {
            Err(KeystoreError::Malformed(
                "the descriptors are not those of the seed",
            ))
        }
    }
}
