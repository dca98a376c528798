//! A network whose blocks are sealed: its spec, and the keys that follow from the network's seed.
//!
//! The seed file gives the key of the bootstrap, the validators' keys and the owner of the first
//! bonds, so that a start that broke off goes on where it was.

use std::fmt::Write as _;

use anyhow::{Context, Result, anyhow, ensure};
use k256::schnorr::SigningKey;
use synod_chainspec::{ChainSpec, EngineSpec};
use synod_primitives::{hex, tagged_hash};
use synod_seal::{SealKey, Signature};
use synod_validator::keys::{DEFAULT_CHAIN_LENGTH, SealingKey};
use synod_wallet_core::keys::{AccountKeys, ScriptKind};

use super::args::Engine;

/// The validators of a new network.
const DEFAULT_VALIDATORS: u16 = 4;
/// Seconds of a slot.
const DEFAULT_SLOT_S: u32 = 2;
/// Slots of an epoch under proof of stake: with two seconds each, blocks are final after half a
/// minute.
const DEFAULT_EPOCH_SLOTS: u32 = 8;

/// The least bond: what the faucet pays at once.
const MIN_BOND_SAT: u64 = 1_000_000_000;

/// What whoever makes a network may choose.
pub(super) struct Choices {
    /// The time of the last bootstrap block; slots count from it.
    pub(super) time: u32,
    pub(super) validators: Option<u16>,
    pub(super) slot_s: Option<u32>,
    pub(super) epoch_slots: Option<u32>,
}

/// The secrets of a network that its process keeps.
pub(super) struct Sealing {
    bootstrap: SigningKey,
    /// The validators' keys in the order of their bonds.
    pub(super) validators: Vec<SealingKey>,
}

impl Sealing {
    /// Derives the keys of a network's spec.
    ///
    /// # Errors
    /// The spec was made with another seed.
    pub(super) fn open(spec: &ChainSpec, seed: &[u8; 32]) -> Result<Self> {
        let fixed = spec.consensus.bootstrap_seal.as_ref();
        let fixed = fixed.context("the spec has no bootstrap key")?;
        let bootstrap = bootstrap_key(seed)?;
        let is_ours = public(&bootstrap).0 == fixed.key;
        let validators = (1..=fixed.bonds.len()).map(|number| validator_key(seed, number));
        let validators = validators.collect::<Result<Vec<_>>>()?;
        let mut pairs = validators.iter().zip(&fixed.bonds);
        let are_ours = pairs.all(|(key, bond)| key.public().delegate_hash().0 == bond.delegate);
        ensure!(
            is_ours && are_ours,
            "faucet.seed is not the seed that network.toml was made with"
        );
        Ok(Self {
            bootstrap,
            validators,
        })
    }

    /// Returns the bootstrap's public key and what signs with it (BIP340, zero auxiliary
    /// randomness).
    pub(super) fn bootstrap_signer(&self) -> (SealKey, impl FnMut([u8; 32]) -> Signature + use<>) {
        let key = self.bootstrap.clone();
        let sign = move |digest: [u8; 32]| {
            let signature = key.sign_raw(&digest, &[0; 32]);
            signature
                .expect("a nonce of zero has a chance of 2^-256")
                .to_bytes()
        };
        (public(&self.bootstrap), sign)
    }
}

/// Makes the spec of a new network.
///
/// # Errors
/// The choices contradict what the engine allows.
pub(super) fn new_spec(engine: Engine, choices: &Choices, seed: &[u8; 32]) -> Result<ChainSpec> {
    let base = ChainSpec::preset("sealed")?.consensus;
    let blocks = base.bootstrap.map_or(0, |it| it.blocks);
    let validators = choices.validators.unwrap_or(DEFAULT_VALIDATORS);
    let slot_s = choices.slot_s.unwrap_or(DEFAULT_SLOT_S);
    let own = match engine {
        // As many seats as there are delegates from the start; whoever comes later is elected.
        Engine::Dpos => {
            ensure!(
                choices.epoch_slots.is_none(),
                "--epoch-slots is for --engine pos; a round of dpos has a slot for each delegate"
            );
            format!("seats = {validators}\nmin_bond_sat = {MIN_BOND_SAT}\n")
        }
        _ => {
            let slots = choices.epoch_slots.unwrap_or(DEFAULT_EPOCH_SLOTS);
            format!("epoch_slots = {slots}\nmin_bond_sat = {MIN_BOND_SAT}\n")
        }
    };
    let name = engine.name();
    let mut text = format!(
        "base = \"sealed\"\nengine = \"{name}\"\n[{name}]\nslot_s = {slot_s}\n{own}\
         [bootstrap]\ntime = {}\nblocks = {blocks}\nkey = \"{}\"\n",
        choices.time - blocks,
        public(&bootstrap_key(seed)?),
    );
    let keys = AccountKeys::from_seed(seed, ScriptKind::Wpkh, 0)?;
    let owner = keys.descriptors().stake_owner()?;
    for number in 1..=usize::from(validators) {
        let key = validator_key(seed, number)?;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "[[bootstrap.bonds]]\nowner = \"{}\"\ndelegate = \"{}\"\nanchor = \"{}\"\namount_sat = {}\n",
            hex::encode(owner.hash()),
            key.public().delegate_hash(),
            hex::encode(key.anchor()),
            base.subsidy.initial_sat,
        );
        if engine == Engine::Dpos {
            let _ = writeln!(text, "name = \"{}\"", validator_name(number));
        }
    }
    let spec = ChainSpec::parse(&text)?;
    debug_assert!(!matches!(spec.consensus.engine, EngineSpec::Pow(_)));
    Ok(spec)
}

/// Returns the name of a validator, counted from 1.
pub(super) fn validator_name(number: usize) -> String {
    format!("validator-{number}")
}

fn public(key: &SigningKey) -> SealKey {
    SealKey(key.verifying_key().to_bytes().into())
}

fn bootstrap_key(seed: &[u8; 32]) -> Result<SigningKey> {
    let secret = tagged_hash("synod/up/bootstrap", &[seed]);
    SigningKey::from_slice(&secret).map_err(|_| anyhow!("the seed makes no key; use another"))
}

fn validator_key(seed: &[u8; 32], number: usize) -> Result<SealingKey> {
    let number = u64::try_from(number)?.to_le_bytes();
    let mut secrets = [0; 64];
    let (signing, chain) = secrets.split_at_mut(32);
    signing.copy_from_slice(&tagged_hash("synod/up/validator", &[seed, &number]));
    chain.copy_from_slice(&tagged_hash("synod/up/reveals", &[seed, &number]));
    SealingKey::from_secrets(&secrets, DEFAULT_CHAIN_LENGTH)
        .context("the seed makes no key; use another")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Choices {
        Choices {
            time: 1_800_000_000,
            validators: None,
            slot_s: Some(1),
            epoch_slots: None,
        }
    }

    #[test]
    fn a_new_network_has_a_bond_for_every_validator() {
        let pos = new_spec(Engine::Pos, &choices(), &[1; 32]).expect("a spec");
        let EngineSpec::Pos(settings) = &pos.consensus.engine else {
            panic!("pos was asked for");
        };
        assert_eq!((settings.slot_s, settings.epoch_slots), (1, 8));
        let bootstrap = pos.consensus.bootstrap.expect("a bootstrap");
        assert_eq!(bootstrap.time + bootstrap.blocks, 1_800_000_000);
        let many = Choices {
            validators: Some(32),
            ..choices()
        };
        let dpos = new_spec(Engine::Dpos, &many, &[1; 32]).expect("a spec");
        let EngineSpec::Dpos(settings) = &dpos.consensus.engine else {
            panic!("dpos was asked for");
        };
        assert_eq!(settings.seats, 32);
        let seal = dpos.consensus.bootstrap_seal.as_ref().expect("sealed");
        assert_eq!(seal.bonds.len(), 32);
        assert_eq!(seal.bonds[31].name, "validator-32");
    }

    #[test]
    fn the_keys_of_a_network_follow_from_its_seed_and_no_other() {
        let spec = new_spec(Engine::Pos, &choices(), &[1; 32]).expect("a spec");
        let keys = Sealing::open(&spec, &[1; 32]).expect("the same seed");
        assert_eq!(keys.validators.len(), 4);
        assert!(Sealing::open(&spec, &[2; 32]).is_err());
    }

    #[test]
    fn epochs_are_for_proof_of_stake() {
        let with_epochs = Choices {
            epoch_slots: Some(4),
            ..choices()
        };
        assert!(new_spec(Engine::Dpos, &with_epochs, &[1; 32]).is_err());
        assert!(new_spec(Engine::Pos, &with_epochs, &[1; 32]).is_ok());
    }
}
