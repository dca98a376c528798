//! The tables of spec files that are about stake.

use serde::{Deserialize, Serialize};
use synod_primitives::hex;

use crate::{BootstrapBond, BootstrapSeal, Dpos, Pos, SpecError, StakeSettings};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PosFile {
    slot_s: u32,
    epoch_slots: u32,
    max_validators: u32,
    min_bond_sat: u64,
    min_age_epochs: u32,
    max_age_epochs: u32,
    unbonding_blocks: u32,
    slash_percent: u32,
    reporter_divisor: u32,
    fee_cap_sat: u64,
}

impl PosFile {
    pub(crate) fn into_settings(self) -> Pos {
        Pos {
            slot_s: self.slot_s,
            epoch_slots: self.epoch_slots,
            max_validators: self.max_validators,
            min_age_epochs: self.min_age_epochs,
            max_age_epochs: self.max_age_epochs,
            stake: StakeSettings {
                min_bond_sat: self.min_bond_sat,
                unbonding_blocks: self.unbonding_blocks,
                slash_percent: self.slash_percent,
                reporter_divisor: self.reporter_divisor,
                fee_cap_sat: self.fee_cap_sat,
            },
        }
    }
}

impl From<&Pos> for PosFile {
    fn from(pos: &Pos) -> Self {
        Self {
            slot_s: pos.slot_s,
            epoch_slots: pos.epoch_slots,
            max_validators: pos.max_validators,
            min_bond_sat: pos.stake.min_bond_sat,
            min_age_epochs: pos.min_age_epochs,
            max_age_epochs: pos.max_age_epochs,
            unbonding_blocks: pos.stake.unbonding_blocks,
            slash_percent: pos.stake.slash_percent,
            reporter_divisor: pos.stake.reporter_divisor,
            fee_cap_sat: pos.stake.fee_cap_sat,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DposFile {
    slot_s: u32,
    seats: u32,
    min_bond_sat: u64,
    min_vote_sat: u64,
    jail_window_slots: u32,
    jail_misses: u32,
    jail_rounds: u32,
    unbonding_blocks: u32,
    slash_percent: u32,
    reporter_divisor: u32,
    fee_cap_sat: u64,
}

impl DposFile {
    pub(crate) fn into_settings(self) -> Dpos {
        Dpos {
            slot_s: self.slot_s,
            seats: self.seats,
            min_vote_sat: self.min_vote_sat,
            jail_window_slots: self.jail_window_slots,
            jail_misses: self.jail_misses,
            jail_rounds: self.jail_rounds,
            stake: StakeSettings {
                min_bond_sat: self.min_bond_sat,
                unbonding_blocks: self.unbonding_blocks,
                slash_percent: self.slash_percent,
                reporter_divisor: self.reporter_divisor,
                fee_cap_sat: self.fee_cap_sat,
            },
        }
    }
}

impl From<&Dpos> for DposFile {
    fn from(dpos: &Dpos) -> Self {
        Self {
            slot_s: dpos.slot_s,
            seats: dpos.seats,
            min_bond_sat: dpos.stake.min_bond_sat,
            min_vote_sat: dpos.min_vote_sat,
            jail_window_slots: dpos.jail_window_slots,
            jail_misses: dpos.jail_misses,
            jail_rounds: dpos.jail_rounds,
            unbonding_blocks: dpos.stake.unbonding_blocks,
            slash_percent: dpos.stake.slash_percent,
            reporter_divisor: dpos.stake.reporter_divisor,
            fee_cap_sat: dpos.stake.fee_cap_sat,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BondFile {
    owner: String,
    delegate: String,
    anchor: String,
    amount_sat: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
}

impl From<&BootstrapBond> for BondFile {
    fn from(bond: &BootstrapBond) -> Self {
        Self {
            owner: hex::encode(bond.owner),
            delegate: hex::encode(bond.delegate),
            anchor: hex::encode(bond.anchor),
            amount_sat: bond.amount_sat,
            name: bond.name.clone(),
        }
    }
}

/// Reads who seals the bootstrap and the bonds that it makes.
pub(crate) fn bootstrap_seal(key: &str, bonds: &[BondFile]) -> Result<BootstrapSeal, SpecError> {
    let bond = |file: &BondFile| -> Result<BootstrapBond, SpecError> {
        Ok(BootstrapBond {
            owner: bytes(&file.owner)?,
            delegate: bytes(&file.delegate)?,
            anchor: bytes(&file.anchor)?,
            amount_sat: file.amount_sat,
            name: file.name.clone(),
        })
    };
    Ok(BootstrapSeal {
        key: bytes(key)?,
        bonds: bonds.iter().map(bond).collect::<Result<_, _>>()?,
    })
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], SpecError> {
    hex::decode_array(text).map_err(|_| {
        SpecError::Value(
            "keys and anchors are 64 hex digits, the hashes of owners and delegates 40",
        )
    })
}
