//! The two public descriptors of an account: receiving (`/0/*`) and change (`/1/*`).
//!
//! Invariant: both are of one kind and of one extended public key of a test network, unhardened.

use std::str::FromStr;

use bdk_wallet::{
    KeychainKind,
    bitcoin::{
        Address, NetworkKind, PublicKey, ScriptBuf, XOnlyPublicKey,
        bip32::{ChildNumber, DerivationPath, Fingerprint, KeySource, Xpub},
        key::Secp256k1,
    },
    miniscript::{
        Descriptor, DescriptorPublicKey,
        descriptor::{DefiniteDescriptorKey, DescriptorType, DescriptorXKey, Wildcard},
    },
};

use crate::{
    NETWORK,
    keys::ScriptKind,
    stake::{OWNER_CHAIN, OWNER_INDEX, StakeOwner},
};

/// Longest descriptor text that is read, in bytes.
pub const MAX_DESCRIPTOR_BYTES: usize = 4096;

/// Why descriptors were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// The text is no descriptor.
    #[error("not a descriptor: {0}")]
    Malformed(String),
    /// The text holds a private key.
    #[error("the descriptor holds a private key; a watch-only wallet takes public ones only")]
    PrivateKey,
    /// Not one of the four supported kinds.
    #[error("only wpkh, tr (key path), sh(wpkh) and pkh with one key are supported")]
    Kind,
    /// The key is not an extended public key with `/0/*` and `/1/*`.
    #[error(
        "the key must be an extended public key ending in /<0;1>/*, or /0/* and /1/* in two descriptors"
    )]
    KeyShape,
    /// The key belongs to the main network.
    #[error("the extended key belongs to another network")]
    Network,
    /// Receiving and change descriptor do not belong together.
    #[error("receiving and change descriptor are not of one account")]
    Mismatch,
    /// The account number is 2^31 or more.
    #[error("account {0} is out of range")]
    AccountNumber(u32),
    /// The address index is 2^31 or more.
    #[error("address index {0} is out of range")]
    Index(u32),
    /// The seed makes no keys.
    #[error("the seed makes no valid keys")]
    Seed,
}

impl DescriptorError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "descriptor-malformed",
            Self::PrivateKey => "descriptor-private-key",
            Self::Kind => "descriptor-kind",
            Self::KeyShape => "descriptor-key-shape",
            Self::Network => "wrong-network",
            Self::Mismatch => "descriptor-mismatch",
            Self::AccountNumber(_) => "account-out-of-range",
            Self::Index(_) => "index-out-of-range",
            Self::Seed => "seed-invalid",
        }
    }
}

/// The public side of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptors {
    kind: ScriptKind,
    external: Descriptor<DescriptorPublicKey>,
    internal: Descriptor<DescriptorPublicKey>,
    origin: KeySource,
}

impl Descriptors {
    /// Makes the descriptors of an account key with its origin.
    ///
    /// # Errors
    /// When the key belongs to another network.
    pub fn from_xpub(
        kind: ScriptKind,
        fingerprint: Fingerprint,
        path: &DerivationPath,
        xpub: Xpub,
    ) -> Result<Self, DescriptorError> {
        let key = |chain: u32| format!("[{fingerprint}/{path:#}]{xpub}/{chain}/*");
        let wrap = |key: String| match kind {
            ScriptKind::Wpkh => format!("wpkh({key})"),
            ScriptKind::Tr => format!("tr({key})"),
            ScriptKind::ShWpkh => format!("sh(wpkh({key}))"),
            ScriptKind::Pkh => format!("pkh({key})"),
        };
        Self::parse(&wrap(key(0)), &wrap(key(1)))
    }

    /// Reads a receiving and a change descriptor, with or without checksum.
    ///
    /// # Errors
    /// See [`DescriptorError`].
    pub fn parse(external: &str, internal: &str) -> Result<Self, DescriptorError> {
        let (external, internal) = (parse_public(external)?, parse_public(internal)?);
        Self::from_pair(external, internal)
    }

    /// Reads one descriptor whose key ends in `/<0;1>/*` (BIP389).
    ///
    /// # Errors
    /// See [`DescriptorError`].
    pub fn parse_multipath(text: &str) -> Result<Self, DescriptorError> {
        let multi = parse_public(text)?;
        if !multi.is_multipath() {
            return Err(DescriptorError::KeyShape);
        }
        let parts = multi
            .into_single_descriptors()
            .map_err(|e| DescriptorError::Malformed(e.to_string()))?;
        let [external, internal] =
            <[_; 2]>::try_from(parts).map_err(|_| DescriptorError::KeyShape)?;
        Self::from_pair(external, internal)
    }

    fn from_pair(
        external: Descriptor<DescriptorPublicKey>,
        internal: Descriptor<DescriptorPublicKey>,
    ) -> Result<Self, DescriptorError> {
        let kind = kind_of(&external)?;
        let (key, change_key) = (account_key(&external, 0)?, account_key(&internal, 1)?);
        if kind_of(&internal)? != kind
            || key.xkey != change_key.xkey
            || key.origin != change_key.origin
        {
            return Err(DescriptorError::Mismatch);
        }
        let origin = key
            .origin
            .clone()
            .unwrap_or_else(|| (key.xkey.fingerprint(), DerivationPath::master()));
        Ok(Self {
            kind,
            external,
            internal,
            origin,
        })
    }

    /// Returns the kind of outputs.
    pub fn kind(&self) -> ScriptKind {
        self.kind
    }

    /// Returns the receiving descriptor as text with its checksum.
    pub fn external(&self) -> String {
        self.external.to_string()
    }

    /// Returns the change descriptor as text with its checksum.
    pub fn internal(&self) -> String {
        self.internal.to_string()
    }

    /// Returns the fingerprint of the master key (of the account key where no origin is known).
    pub fn fingerprint(&self) -> Fingerprint {
        self.origin.0
    }

    /// Derives the descriptor of one address.
    ///
    /// # Errors
    /// When the index is outside 0 to 2^31 - 1.
    pub fn at(
        &self,
        keychain: KeychainKind,
        index: u32,
    ) -> Result<Descriptor<DefiniteDescriptorKey>, DescriptorError> {
        let descriptor = match keychain {
            KeychainKind::External => &self.external,
            KeychainKind::Internal => &self.internal,
        };
        descriptor
            .at_derivation_index(index)
            .map_err(|_| DescriptorError::Index(index))
    }

    /// Derives the output script of one address.
    ///
    /// # Errors
    /// When the index is outside 0 to 2^31 - 1.
    pub fn script_at(
        &self,
        keychain: KeychainKind,
        index: u32,
    ) -> Result<ScriptBuf, DescriptorError> {
        Ok(self.at(keychain, index)?.script_pubkey())
    }

    /// Derives one address.
    ///
    /// # Errors
    /// When the index is outside 0 to 2^31 - 1.
    pub fn address_at(
        &self,
        keychain: KeychainKind,
        index: u32,
    ) -> Result<Address, DescriptorError> {
        let address = self.at(keychain, index)?.address(NETWORK);
        Ok(address.expect("all four kinds have addresses"))
    }

    /// Derives the key that owns this wallet's stake: `/2/0` of the account.
    ///
    /// # Errors
    /// Never for keys that exist: the derivation fails with a chance of 2^-127.
    pub fn stake_owner(&self) -> Result<StakeOwner, DescriptorError> {
        let account = account_key(&self.external, 0)?.xkey;
        let steps = [OWNER_CHAIN, OWNER_INDEX].map(|index| ChildNumber::Normal { index });
        let secp = Secp256k1::verification_only();
        let derived = account
            .derive_pub(&secp, &steps)
            .map_err(|_| DescriptorError::Index(OWNER_INDEX))?;
        let path = self.origin.1.extend(steps);
        let source = (self.origin.0, path);
        Ok(StakeOwner::new(PublicKey::new(derived.public_key), source))
    }

    /// Reads a key source of a PSBT as a claim that a key is this account's: keychain and index.
    ///
    /// It is only a claim: whoever relies on it compares the script that the descriptor derives there.
    pub fn claimed_place(&self, source: &KeySource) -> Option<(KeychainKind, u32)> {
        if source.0 != self.origin.0 {
            return None;
        }
        let steps: &[ChildNumber] = source.1.as_ref();
        match steps.strip_prefix(self.origin.1.as_ref())? {
            [
                ChildNumber::Normal { index: 0 },
                ChildNumber::Normal { index },
            ] => Some((KeychainKind::External, *index)),
            [
                ChildNumber::Normal { index: 1 },
                ChildNumber::Normal { index },
            ] => Some((KeychainKind::Internal, *index)),
            _ => None,
        }
    }

    /// Derives the public key of one address, x-only (BIP340).
    ///
    /// # Errors
    /// When the index is outside 0 to 2^31 - 1.
    pub fn x_only_key_at(
        &self,
        keychain: KeychainKind,
        index: u32,
    ) -> Result<XOnlyPublicKey, DescriptorError> {
        let key = account_key(&self.external, 0)?.xkey;
        let child =
            ChildNumber::from_normal_idx(index).map_err(|_| DescriptorError::Index(index))?;
        let chain = ChildNumber::Normal {
            index: u32::from(keychain == KeychainKind::Internal),
        };
        let secp = Secp256k1::verification_only();
        let derived = key
            .derive_pub(&secp, &[chain, child])
            .map_err(|_| DescriptorError::Index(index))?;
        Ok(derived.to_x_only_pub())
    }
}

/// Parses a descriptor that holds no private key.
fn parse_public(text: &str) -> Result<Descriptor<DescriptorPublicKey>, DescriptorError> {
    let text = text.trim();
    if text.len() > MAX_DESCRIPTOR_BYTES {
        return Err(DescriptorError::Malformed(format!(
            "longer than {MAX_DESCRIPTOR_BYTES} bytes"
        )));
    }
    Descriptor::<DescriptorPublicKey>::from_str(text).map_err(|e| {
        // Security: the text must not be repeated in the message when it holds a private key.
        let private =
            text.contains("prv") || Descriptor::parse_descriptor(&Secp256k1::new(), text).is_ok();
        if private {
            DescriptorError::PrivateKey
        } else {
            DescriptorError::Malformed(e.to_string())
        }
    })
}

fn kind_of(descriptor: &Descriptor<DescriptorPublicKey>) -> Result<ScriptKind, DescriptorError> {
    match (descriptor.desc_type(), descriptor) {
        (DescriptorType::Wpkh, _) => Ok(ScriptKind::Wpkh),
        (DescriptorType::ShWpkh, _) => Ok(ScriptKind::ShWpkh),
        (DescriptorType::Pkh, _) => Ok(ScriptKind::Pkh),
        (DescriptorType::Tr, Descriptor::Tr(tr)) if tr.tap_tree().is_none() => Ok(ScriptKind::Tr),
        _ => Err(DescriptorError::Kind),
    }
}

/// Returns the one extended key of a descriptor and checks its shape.
fn account_key(
    descriptor: &Descriptor<DescriptorPublicKey>,
    chain: u32,
) -> Result<DescriptorXKey<Xpub>, DescriptorError> {
    let key = match descriptor {
        Descriptor::Wpkh(inner) => inner.as_inner().clone(),
        Descriptor::Pkh(inner) => inner.as_inner().clone(),
        Descriptor::Tr(inner) => inner.internal_key().clone(),
        Descriptor::Sh(inner) => match inner.as_inner() {
            bdk_wallet::miniscript::descriptor::ShInner::Wpkh(inner) => inner.as_inner().clone(),
            _ => return Err(DescriptorError::Kind),
        },
        _ => return Err(DescriptorError::Kind),
    };
    let DescriptorPublicKey::XPub(key) = key else {
        return Err(DescriptorError::KeyShape);
    };
    let expected: DerivationPath = vec![ChildNumber::Normal { index: chain }].into();
    if key.wildcard != Wildcard::Unhardened || key.derivation_path != expected {
        return Err(DescriptorError::KeyShape);
    }
    if key.xkey.network != NetworkKind::Test {
        return Err(DescriptorError::Network);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::AccountKeys, mnemonic::SeedWords};

    fn about(kind: ScriptKind) -> AccountKeys {
        let words = "abandon ".repeat(11) + "about";
        let seed = SeedWords::parse(&words).expect("valid words").seed();
        AccountKeys::from_seed(&seed[..], kind, 0).expect("keys")
    }

    #[test]
    fn known_words_give_the_known_addresses() {
        let first = |kind| {
            let address = about(kind)
                .descriptors()
                .address_at(KeychainKind::External, 0);
            address.expect("address").to_string()
        };
        assert_eq!(
            first(ScriptKind::Wpkh),
            "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
        );
        assert_eq!(
            first(ScriptKind::Tr),
            "bcrt1p8wpt9v4frpf3tkn0srd97pksgsxc5hs52lafxwru9kgeephvs7rqjeprhg"
        );
        // BIP49's own test vector and the BIP44 address of the same words on test networks.
        assert_eq!(
            first(ScriptKind::ShWpkh),
            "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"
        );
        assert_eq!(first(ScriptKind::Pkh), "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV");
    }

    #[test]
    fn private_and_public_derivation_agree() {
        for kind in ScriptKind::ALL {
            let (keys, descriptors) = (about(kind), about(kind).descriptors());
            for (keychain, index) in [(KeychainKind::External, 0), (KeychainKind::Internal, 7)] {
                let own = keys
                    .keypair(keychain, index)
                    .expect("key")
                    .x_only_public_key()
                    .0;
                assert_eq!(
                    Ok(own),
                    descriptors.x_only_key_at(keychain, index),
                    "{kind}"
                );
            }
        }
    }

    #[test]
    fn the_owner_of_stake_is_one_key_that_watch_only_wallets_know_too() {
        for kind in ScriptKind::ALL {
            let (keys, descriptors) = (about(kind), about(kind).descriptors());
            let owner = descriptors.stake_owner().expect("an owner");
            let private = keys.stake_keypair().expect("a key");
            assert_eq!(owner.key().inner, private.public_key(), "{kind}");
            let (fingerprint, path) = owner.source();
            assert_eq!(*fingerprint, descriptors.fingerprint());
            assert_eq!(path.to_string(), format!("{}'/1'/0'/2/0", kind.purpose()));
        }
    }

    #[test]
    fn descriptors_survive_their_text_form() {
        for kind in ScriptKind::ALL {
            let descriptors = about(kind).descriptors();
            assert_eq!(
                Descriptors::parse(&descriptors.external(), &descriptors.internal()),
                Ok(descriptors.clone())
            );
            let plain = descriptors
                .external()
                .split('#')
                .next()
                .expect("text")
                .replace("/0/*", "/<0;1>/*");
            assert_eq!(Descriptors::parse_multipath(&plain), Ok(descriptors));
        }
    }

    #[test]
    fn foreign_shapes_are_refused_by_name() {
        let wpkh = about(ScriptKind::Wpkh).descriptors();
        let code = |a: &str, b: &str| Descriptors::parse(a, b).map_err(|e| e.code());
        let bare = wpkh.external().split('#').next().expect("text").to_owned();
        assert_eq!(
            code(&wpkh.internal(), &wpkh.external()),
            Err("descriptor-key-shape")
        );
        assert_eq!(code(&bare, &bare), Err("descriptor-key-shape"));
        assert_eq!(
            code(&bare, &about(ScriptKind::Tr).descriptors().internal()),
            Err("descriptor-mismatch")
        );
        assert_eq!(code("wsh(pk(x))", "x"), Err("descriptor-malformed"));
        let main = "wpkh(xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V/0/*)";
        assert_eq!(
            code(main, &main.replace("/0/*", "/1/*")),
            Err("wrong-network")
        );
    }

    #[test]
    fn a_private_key_in_a_descriptor_is_refused_and_not_repeated() {
        let text = "wpkh(tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK/0/*)";
        let error = Descriptors::parse(text, text).expect_err("private");
        assert_eq!(error, DescriptorError::PrivateKey);
        assert!(!error.to_string().contains("tprv"));
    }

    #[test]
    fn only_unhardened_places_of_this_account_are_claims() {
        let descriptors = about(ScriptKind::Wpkh).descriptors();
        let fingerprint = descriptors.fingerprint();
        let claim =
            |path: &str| descriptors.claimed_place(&(fingerprint, path.parse().expect("path")));
        assert_eq!(claim("84'/1'/0'/1/5"), Some((KeychainKind::Internal, 5)));
        assert_eq!(claim("84'/1'/0'/1/5'"), None);
        assert_eq!(claim("84'/1'/0'/2/5"), None);
        assert_eq!(claim("84'/1'/1'/1/5"), None);
        assert_eq!(claim("84'/1'/0'/1"), None);
        let other = (
            Fingerprint::default(),
            "84'/1'/0'/1/5".parse().expect("path"),
        );
        assert_eq!(descriptors.claimed_place(&other), None);
    }
}
