//! The private keys of one account (BIP44, 49, 84, 86; coin type 1).

use std::{fmt, str::FromStr};

use bdk_wallet::{
    KeychainKind,
    bitcoin::{
        bip32::{ChildNumber, DerivationPath, Fingerprint, Xpriv, Xpub},
        key::Secp256k1,
        secp256k1::{All, Keypair},
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    NETWORK,
    descriptors::{DescriptorError, Descriptors},
    stake::{OWNER_CHAIN, OWNER_INDEX},
};

/// BIP44's coin type of every test network.
pub const COIN_TYPE: u32 = 1;

/// What the outputs of a wallet look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptKind {
    /// Native segwit, version 0 (BIP84).
    #[default]
    Wpkh,
    /// Taproot key path (BIP86).
    Tr,
    /// Segwit version 0 within P2SH (BIP49).
    ShWpkh,
    /// Pay to public key hash (BIP44).
    Pkh,
}

impl ScriptKind {
    /// Every kind, the default first.
    pub const ALL: [Self; 4] = [Self::Wpkh, Self::Tr, Self::ShWpkh, Self::Pkh];

    /// Returns the purpose field of the derivation path (BIP43).
    pub fn purpose(self) -> u32 {
        match self {
            Self::Wpkh => 84,
            Self::Tr => 86,
            Self::ShWpkh => 49,
            Self::Pkh => 44,
        }
    }

    /// Returns the weight in weight units that a signature adds to an unsigned input, at most.
    pub fn signature_weight(self) -> u64 {
        match self {
            // One count byte, two length bytes, a DER signature of at most 72 bytes, a key of 33.
            Self::Wpkh => 1 + 1 + 72 + 1 + 33,
            Self::Tr => 1 + 1 + 64,
            // The same, and a push of the 22-byte program in the script signature.
            Self::ShWpkh => (1 + 1 + 72 + 1 + 33) + 4 * 23,
            Self::Pkh => 4 * (1 + 72 + 1 + 33),
        }
    }
}

impl fmt::Display for ScriptKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wpkh => "wpkh",
            Self::Tr => "tr",
            Self::ShWpkh => "sh-wpkh",
            Self::Pkh => "pkh",
        })
    }
}

impl FromStr for ScriptKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("'{text}' is none of wpkh, tr, sh-wpkh, pkh"))
    }
}

/// The private key of an account, from which every key of its two keychains is derived.
pub struct AccountKeys {
    kind: ScriptKind,
    fingerprint: Fingerprint,
    path: DerivationPath,
    account: Xpriv,
    secp: Secp256k1<All>,
}

impl AccountKeys {
    /// Derives an account from a seed (BIP32: 16 to 64 bytes).
    ///
    /// # Errors
    /// When the seed or the account number cannot make keys.
    pub fn from_seed(seed: &[u8], kind: ScriptKind, account: u32) -> Result<Self, DescriptorError> {
        let secp = Secp256k1::new();
        let master = Xpriv::new_master(NETWORK, seed).map_err(|_| DescriptorError::Seed)?;
        let hardened = |n| {
            ChildNumber::from_hardened_idx(n).map_err(|_| DescriptorError::AccountNumber(account))
        };
        let path: DerivationPath = vec![
            hardened(kind.purpose())?,
            hardened(COIN_TYPE)?,
            hardened(account)?,
        ]
        .into();
        let derived = master
            .derive_priv(&secp, &path)
            .map_err(|_| DescriptorError::Seed)?;
        Ok(Self {
            kind,
            fingerprint: master.fingerprint(&secp),
            path,
            account: derived,
            secp,
        })
    }

    /// Returns the public descriptors of the account.
    pub fn descriptors(&self) -> Descriptors {
        let xpub = Xpub::from_priv(&self.secp, &self.account);
        Descriptors::from_xpub(self.kind, self.fingerprint, &self.path, xpub)
            .expect("an account key of our own derivation makes valid descriptors")
    }

    /// Derives the key of one address.
    ///
    /// # Errors
    /// When the index is outside 0 to 2^31 - 1.
    pub fn keypair(&self, keychain: KeychainKind, index: u32) -> Result<Keypair, DescriptorError> {
        let child =
            ChildNumber::from_normal_idx(index).map_err(|_| DescriptorError::Index(index))?;
        let chain = ChildNumber::Normal {
            index: u32::from(keychain == KeychainKind::Internal),
        };
        let key = self
            .account
            .derive_priv(&self.secp, &[chain, child])
            .map_err(|_| DescriptorError::Index(index))?;
        Ok(key.to_keypair(&self.secp))
    }

    /// Derives the key that owns the account's stake.
    ///
    /// # Errors
    /// Never for keys that exist: the derivation fails with a chance of 2^-127.
    pub fn stake_keypair(&self) -> Result<Keypair, DescriptorError> {
        let steps = [OWNER_CHAIN, OWNER_INDEX].map(|index| ChildNumber::Normal { index });
        let key = self
            .account
            .derive_priv(&self.secp, &steps)
            .map_err(|_| DescriptorError::Index(OWNER_INDEX))?;
        Ok(key.to_keypair(&self.secp))
    }

    /// Returns the kind of the account's outputs.
    pub fn kind(&self) -> ScriptKind {
        self.kind
    }

    /// Returns the signing context.
    pub fn secp(&self) -> &Secp256k1<All> {
        &self.secp
    }
}

impl Drop for AccountKeys {
    fn drop(&mut self) {
        self.account.private_key.non_secure_erase();
    }
}

impl fmt::Debug for AccountKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AccountKeys({}, {}/{})",
            self.kind, self.fingerprint, self.path
        )
    }
}
