//! Who seals: `GET /v1/validators`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{BlockRef, OutputRef};
use crate::{AmountSat, HashHex, KeyHashHex};

/// The code of the problem document that routes of stake answer with 409 under an engine
/// without stake.
pub const NO_STAKE: &str = "engine-without-stake";
/// The code of the problem document that routes of finality answer with 409 under an engine
/// whose blocks are never final.
pub const NO_FINALITY_ENGINE: &str = "engine-without-finality";
/// The most validators of one page.
pub const MAX_VALIDATORS_PAGE: u32 = 500;
/// The slots past over which `sealed` and `missed` are counted, at most.
pub const COUNTED_SLOTS: u64 = 1024;
/// The most slots to come that one answer names.
pub const MAX_TURNS: usize = 256;

/// Which validators are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ValidatorsQuery {
    /// The `next_cursor` of the page before.
    #[serde(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many, 50 by default, 500 at most.
    #[serde(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// The validators (candidates under `dpos`) as of a block, the greatest amounts first, of equal
/// ones the smaller delegate hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorPage {
    /// The engine: `pos` or `dpos`.
    pub engine: String,
    /// The tip that all of this is as of.
    pub tip: BlockRef,
    /// The slot that is under way by the node's clock; 0 before the first.
    pub slot: u64,
    /// The epoch (`pos`) or round (`dpos`) of that slot.
    pub epoch: u64,
    /// The moment T0 from which slots count, in Unix seconds: slot n begins at
    /// `start_time + n * slot_s`.
    pub start_time: u32,
    /// Seconds of a slot.
    pub slot_s: u32,
    /// Slots of an epoch or round.
    pub epoch_slots: u64,
    /// The most validators of an epoch, or the seats of a round.
    pub seats: u32,
    /// The slots before the tip's, and its own, over which `sealed` and `missed` are counted:
    /// fewer than 1024 while the chain is young.
    pub counted_slots: u64,
    /// Sums over all validators, not only those of this page.
    pub totals: StakeTotals,
    /// Whose the next slots are, as far as it is decided; 256 at most.
    pub turns: Vec<Turn>,
    /// The validators of this page.
    pub validators: Vec<ValidatorBody>,
    /// What `cursor` takes for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Sums over all validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StakeTotals {
    /// Validators that are listed.
    pub validators: u64,
    /// All bonded outputs that count: bonds and, under `dpos`, votes.
    pub bonded_sat: AmountSat,
    /// The weight of those that are active in this epoch or round.
    pub active_sat: AmountSat,
    /// Coins that there are.
    pub supply_sat: AmountSat,
    /// The share of the supply that is bonded, in millionths, rounded down.
    pub turnout_ppm: u32,
}

/// Whose a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Turn {
    /// The slot.
    pub slot: u64,
    /// When it begins, in Unix seconds.
    pub time: u32,
    /// Whose it is.
    pub delegate: KeyHashHex,
}

/// A validator or candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorBody {
    /// HASH160 of `02 || X-only sealing key`.
    pub delegate: KeyHashHex,
    /// The X-only sealing key; null until it has signed something.
    pub key: Option<HashHex>,
    /// The candidate's name, if it has registered one.
    pub name: Option<String>,
    /// What it is.
    pub status: ValidatorStanding,
    /// The place by amount, from 1.
    pub rank: u32,
    /// The place in the seating of this epoch or round, from 0; null without a seat.
    pub seat: Option<u32>,
    /// HASH160 of the key that can take the registering bond back; null when that is gone.
    pub owner: Option<KeyHashHex>,
    /// The bond that registers it; null when that is gone.
    pub bond: Option<OutputRef>,
    /// What that bond holds.
    pub bond_sat: AmountSat,
    /// Other bonded outputs for the same key.
    pub delegated_sat: AmountSat,
    /// Its weight: in this epoch's votes under `pos`, the votes for it as of the tip under `dpos`;
    /// 0 without a seat.
    pub active_sat: AmountSat,
    /// The height of the block with the registering bond.
    pub since_height: Option<u32>,
    /// The first round in which it may sit again; only of the benched.
    pub benched_until: Option<u64>,
    /// Its blocks among the counted slots.
    pub sealed: u64,
    /// Its counted slots that stayed empty.
    pub missed: u64,
    /// The last slot of a block of its on this chain that the node remembers.
    pub last_slot: Option<u64>,
    /// The target epoch of the last vote of its that the node has seen; only under `pos`.
    pub last_vote_epoch: Option<u64>,
    /// Its next slot among `turns` and the rest of what is decided.
    pub next_slot: Option<u64>,
}

/// What a validator is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValidatorStanding {
    /// It is registered; its first epoch or round with a seat is decided by a later block.
    Pending,
    /// It seals in this epoch or round.
    Active,
    /// It is registered, and others have more.
    Standby,
    /// It has missed too many slots.
    Benched,
    /// It still has a seat, and its bond has been taken back.
    Unbonding,
    /// It was proven guilty, and never seals again.
    Slashed,
}

impl ValidatorStanding {
    /// Returns its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Standby => "standby",
            Self::Benched => "benched",
            Self::Unbonding => "unbonding",
            Self::Slashed => "slashed",
        }
    }
}
