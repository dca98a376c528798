//! Stake as a wallet sees it: outputs of witness version 2 and 3 whose program names an owner and
//! a delegate, the ways to spend them, and what a registration says.
//!
//! This is the wallet's own reading of the format; a test outside the wallet holds it against the
//! ledger's rules. The owner is one key of the account: `m/PURPOSE'/1'/ACCOUNT'/2/0`, beside the
//! two keychains `/0/*` and `/1/*`, so that a watch-only wallet can name it too.

mod field;
mod registration;
mod terms;

use std::fmt;

use bdk_wallet::bitcoin::{
    Address, PublicKey, ScriptBuf, Transaction, WPubkeyHash, WitnessProgram, WitnessVersion,
    bip32::KeySource,
    hashes::{Hash, hash160},
    hex::{DisplayHex, FromHex},
    opcodes::all::{OP_PUSHNUM_2, OP_PUSHNUM_3},
    script::Builder,
};
use serde::{Serialize, Serializer};

pub use self::{
    field::{PREFIX, StakeTag, find_tag, find_terms, tag_field, terms_field},
    registration::{MAX_NAME_BYTES, Registration},
    terms::StakeTerms,
};
use crate::NETWORK;

/// The chain of the account's keys that the owner is on.
pub const OWNER_CHAIN: u32 = 2;
/// The index of the owner on it.
pub const OWNER_INDEX: u32 = 0;
/// The index of the output that registers a validator or candidate; its anchor is output 0.
pub const REGISTRATION_INDEX: u32 = 1;
/// The most that moving stake may take of it, in satoshis. Chains may set less or more; their
/// nodes hold transactions against their own number.
pub const MAX_LOSS_SAT: u64 = 10_000;
/// The weight in weight units that the witness of a stake output adds, at most: the count, a
/// signature, the key, the tag.
pub const WITNESS_WEIGHT: u64 = 1 + (1 + 72) + (1 + 33) + (1 + 1);

/// The key that can take stake out, by its HASH160, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeOwner {
    key: PublicKey,
    source: KeySource,
}

impl StakeOwner {
    pub(crate) fn new(key: PublicKey, source: KeySource) -> Self {
        Self { key, source }
    }

    /// Returns the key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Returns where the key is derived.
    pub fn source(&self) -> &KeySource {
        &self.source
    }

    /// Returns the hash that stake outputs name the owner by.
    pub fn hash(&self) -> [u8; 20] {
        hash160::Hash::hash(&self.key.inner.serialize()).to_byte_array()
    }
}

/// Whom stake stands for: HASH160 of `02 || X-only sealing key`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Delegate(pub [u8; 20]);

impl Delegate {
    /// What is left of slashed stake stands for nobody.
    pub const NOBODY: Self = Self([0; 20]);

    /// Reads 40 hex digits as the hash, or 64 as the X-only sealing key itself.
    ///
    /// # Errors
    /// [`StakeError::Delegate`] for anything else, and for all zeros.
    pub fn parse(text: &str) -> Result<Self, StakeError> {
        let text = text.trim();
        let found = if let Ok(key) = <[u8; 32]>::from_hex(text) {
            let mut compressed = [2; 33];
            compressed[1..].copy_from_slice(&key);
            Self(hash160::Hash::hash(&compressed).to_byte_array())
        } else {
            Self(<[u8; 20]>::from_hex(text).map_err(|_| StakeError::Delegate)?)
        };
        if found == Self::NOBODY {
            return Err(StakeError::Delegate);
        }
        Ok(found)
    }
}

impl fmt::Display for Delegate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_lower_hex_string())
    }
}

impl fmt::Debug for Delegate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delegate({self})")
    }
}

impl Serialize for Delegate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the stake of an output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StakeKind {
    /// It counts (witness version 2).
    Bonded,
    /// It is on its way out, and can still be slashed (witness version 3).
    Unbonding,
}

/// An output's stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StakeProgram {
    /// What it does.
    pub kind: StakeKind,
    /// Who can move it: HASH160 of the owner's compressed key.
    pub owner: [u8; 20],
    /// Whom it stands for.
    pub delegate: Delegate,
}

impl StakeProgram {
    /// Reads an output script; `None` when it holds no stake.
    pub fn of_script(script: &bdk_wallet::bitcoin::Script) -> Option<Self> {
        let bytes = script.as_bytes();
        let kind = match (bytes.first()?, bytes.get(1)?) {
            (version, 40) if *version == OP_PUSHNUM_2.to_u8() => StakeKind::Bonded,
            (version, 40) if *version == OP_PUSHNUM_3.to_u8() => StakeKind::Unbonding,
            _ => return None,
        };
        let program: &[u8; 40] = bytes.get(2..)?.try_into().ok()?;
        let (owner, delegate) = program.split_at(20);
        Some(Self {
            kind,
            owner: owner.try_into().ok()?,
            delegate: Delegate(delegate.try_into().ok()?),
        })
    }

    /// Returns the output script.
    pub fn script(&self) -> ScriptBuf {
        let version = match self.kind {
            StakeKind::Bonded => WitnessVersion::V2,
            StakeKind::Unbonding => WitnessVersion::V3,
        };
        let program = [self.owner, self.delegate.0].concat();
        let program = WitnessProgram::new(version, &program)
            .expect("witness programs of later versions have 2 to 40 bytes");
        ScriptBuf::new_witness_program(&program)
    }

    /// Returns the address.
    pub fn address(&self) -> Address {
        Address::from_script(&self.script(), NETWORK)
            .expect("witness programs of later versions have addresses")
    }

    /// Returns the same stake on its way out.
    #[must_use]
    pub fn unbonding(self) -> Self {
        Self {
            kind: StakeKind::Unbonding,
            ..self
        }
    }

    /// Returns what a signature of the owner covers in place of the script: P2WPKH of the owner,
    /// whose BIP143 script code is P2PKH of the same hash.
    pub(crate) fn signed_script(&self) -> ScriptBuf {
        ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array(self.owner))
    }
}

/// Returns the script of an output that carries data.
pub(crate) fn data_script(data: &[u8]) -> ScriptBuf {
    let mut push = bdk_wallet::bitcoin::script::PushBytesBuf::new();
    push.extend_from_slice(data)
        .expect("data of stake has 75 bytes at most");
    Builder::new()
        .push_opcode(bdk_wallet::bitcoin::opcodes::all::OP_RETURN)
        .push_slice(push)
        .into_script()
}

/// A stake output to be spent, with the transaction that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeCoin {
    /// The transaction.
    pub previous: Transaction,
    /// The output's index in it.
    pub vout: u32,
    /// Its stake.
    pub program: StakeProgram,
    /// Satoshis.
    pub amount_sat: u64,
}

impl StakeCoin {
    /// Takes an output of a transaction; `None` when it holds no stake.
    pub fn of(previous: &Transaction, vout: u32) -> Option<Self> {
        let output = previous.output.get(usize::try_from(vout).ok()?)?;
        let program = StakeProgram::of_script(&output.script_pubkey)?;
        Some(Self {
            program,
            amount_sat: output.value.to_sat(),
            vout,
            previous: previous.clone(),
        })
    }

    /// Returns where the coin is.
    pub fn outpoint(&self) -> bdk_wallet::bitcoin::OutPoint {
        bdk_wallet::bitcoin::OutPoint::new(self.previous.compute_txid(), self.vout)
    }

    /// Tells whether the output registers a validator or candidate.
    pub fn is_registration(&self) -> bool {
        self.program.kind == StakeKind::Bonded && self.vout == REGISTRATION_INDEX
    }
}

/// Why something about stake was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StakeError {
    /// Neither a delegate hash nor a sealing key.
    #[error("a delegate is the 40 hex digits of its hash, or the 64 of its sealing key")]
    Delegate,
    /// Not an anchor.
    #[error("an anchor is 64 hex digits, as `synod-validator key new` prints it")]
    Anchor,
    /// Not a candidate's name.
    #[error(
        "a candidate's name is 1 to {MAX_NAME_BYTES} lower-case letters, digits, dots and dashes"
    )]
    Name,
}

impl StakeError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Delegate => "stake-delegate",
            Self::Anchor => "stake-anchor",
            Self::Name => "stake-name",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(kind: StakeKind) -> StakeProgram {
        StakeProgram {
            kind,
            owner: [1; 20],
            delegate: Delegate([2; 20]),
        }
    }

    #[test]
    fn programs_survive_their_scripts_and_addresses() {
        for (kind, start) in [
            (StakeKind::Bonded, "bcrt1z"),
            (StakeKind::Unbonding, "bcrt1r"),
        ] {
            let program = program(kind);
            assert_eq!(StakeProgram::of_script(&program.script()), Some(program));
            assert_eq!(program.script().len(), 42);
            let address = program.address();
            assert!(address.to_string().starts_with(start), "{address}");
            assert_eq!(address.script_pubkey(), program.script());
        }
    }

    #[test]
    fn other_scripts_hold_no_stake() {
        let mut longer = program(StakeKind::Bonded).script().into_bytes();
        longer.push(0);
        let mut other_version = program(StakeKind::Bonded).script().into_bytes();
        other_version[0] = 0x54;
        for bytes in [
            longer,
            other_version,
            vec![0x52],
            vec![0x52, 40],
            Vec::new(),
        ] {
            assert_eq!(StakeProgram::of_script(&ScriptBuf::from(bytes)), None);
        }
    }

    #[test]
    fn a_delegate_is_a_hash_or_the_key_that_has_it() {
        // BIP341's generator point: HASH160 of the compressed key of secret 1.
        let key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let hash = "751e76e8199196d454941c45d1b3a323f1433bd6";
        assert_eq!(Delegate::parse(key), Delegate::parse(hash));
        assert_eq!(Delegate::parse(hash).expect("a hash").to_string(), hash);
        for bad in ["", "00", &"0".repeat(40), &"g".repeat(40), &hash[1..]] {
            assert_eq!(Delegate::parse(bad), Err(StakeError::Delegate), "{bad}");
        }
    }
}
