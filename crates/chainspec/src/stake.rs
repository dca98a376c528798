//! Settings of stake, of the engines that live on it, and of the blocks that start them.

use crate::SpecError;

/// What holds for bonds under every engine with stake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StakeSettings {
    /// The least amount of a bond that makes somebody a validator or candidate, in satoshis.
    pub min_bond_sat: u64,
    /// Blocks after which unbonding stake can be withdrawn.
    pub unbonding_blocks: u32,
    /// How much of a guilty bond is lost, in hundredths.
    pub slash_percent: u32,
    /// Who shows evidence gets the penalty divided by this.
    pub reporter_divisor: u32,
    /// The greatest fee of a transaction that moves bonds, in satoshis. Security: a bond that
    /// could be paid out as a fee would not bind.
    pub fee_cap_sat: u64,
}

/// Settings of proof of stake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pos {
    /// Seconds of a slot.
    pub slot_s: u32,
    /// Slots of an epoch.
    pub epoch_slots: u32,
    /// The most validators of an epoch: the ones with the greatest bonds.
    pub max_validators: u32,
    /// Epochs after which a bond counts for proposing.
    pub min_age_epochs: u32,
    /// Epochs past which a bond's age does not grow; at most twice the least age.
    pub max_age_epochs: u32,
    /// Of bonds.
    pub stake: StakeSettings,
}

/// Settings of delegated proof of stake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dpos {
    /// Seconds of a slot.
    pub slot_s: u32,
    /// Delegates of a round, and slots of a round.
    pub seats: u32,
    /// The least amount of an output that counts as a vote, in satoshis.
    pub min_vote_sat: u64,
    /// How many of its last slots are looked at to jail a delegate.
    pub jail_window_slots: u32,
    /// How many of them it may miss, less one.
    pub jail_misses: u32,
    /// Rounds that a jailed delegate stays out.
    pub jail_rounds: u32,
    /// Of bonds.
    pub stake: StakeSettings,
}

/// Who seals the bootstrap's blocks, and the bonds that they make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootstrapSeal {
    /// The X-only key that seals blocks 1 to H.
    pub key: [u8; 32],
    /// The bonds: the coinbase of block n makes the n-th.
    pub bonds: Vec<BootstrapBond>,
}

/// A bond that the chain starts with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootstrapBond {
    /// HASH160 of the key that can unbond it.
    pub owner: [u8; 20],
    /// HASH160 of the key that it stands for.
    pub delegate: [u8; 20],
    /// The start of the delegate's hash chain.
    pub anchor: [u8; 32],
    /// Satoshis.
    pub amount_sat: u64,
    /// What voters call a candidate; may be empty.
    pub name: String,
}

/// The most seconds of a slot: a day.
const MAX_SLOT_S: u32 = 86_400;
/// The most slots of an epoch.
const MAX_EPOCH_SLOTS: u32 = 65_536;
/// The most validators: what one seal carries votes of, and one epoch is drawn from.
const MAX_VALIDATORS: u32 = 128;
/// The most epochs of an age.
const MAX_AGE_EPOCHS: u32 = 10_000;
/// The most blocks that stake takes to unbond.
const MAX_UNBONDING_BLOCKS: u32 = 10_000_000;
/// The most seats of a round.
const MAX_SEATS: u32 = 101;
/// The most slots that a delegate is jailed by.
const MAX_JAIL_WINDOW: u32 = 1024;
/// The longest name of a candidate in bytes.
const MAX_CANDIDATE_NAME: usize = 19;
/// Satoshis of 21 million coins.
const MAX_MONEY_SAT: u64 = 2_100_000_000_000_000;

fn refuse(condition: bool, reason: &'static str) -> Result<(), SpecError> {
    if condition {
        Err(SpecError::Value(reason))
    } else {
        Ok(())
    }
}

fn is_outside(value: u32, least: u32, most: u32) -> bool {
    !(least..=most).contains(&value)
}

impl StakeSettings {
    fn check(&self) -> Result<(), SpecError> {
        refuse(
            self.min_bond_sat == 0 || self.min_bond_sat > MAX_MONEY_SAT,
            "min_bond_sat is at least 1 and at most 21 million coins",
        )?;
        refuse(
            is_outside(self.unbonding_blocks, 1, MAX_UNBONDING_BLOCKS),
            "unbonding_blocks is 1 to 10,000,000",
        )?;
        refuse(
            is_outside(self.slash_percent, 1, 100),
            "slash_percent is 1 to 100",
        )?;
        // Security: a reward near the penalty would let the guilty launder it by their own hand.
        refuse(self.reporter_divisor < 2, "reporter_divisor is at least 2")?;
        refuse(
            self.fee_cap_sat >= self.min_bond_sat,
            "fee_cap_sat is less than min_bond_sat",
        )
    }
}

impl Pos {
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        refuse(
            is_outside(self.slot_s, 1, MAX_SLOT_S),
            "pos.slot_s is 1 to 86,400",
        )?;
        refuse(
            is_outside(self.epoch_slots, 2, MAX_EPOCH_SLOTS),
            "pos.epoch_slots is 2 to 65,536",
        )?;
        refuse(
            is_outside(self.max_validators, 1, MAX_VALIDATORS),
            "pos.max_validators is 1 to 128",
        )?;
        refuse(
            is_outside(self.min_age_epochs, 1, MAX_AGE_EPOCHS),
            "pos.min_age_epochs is 1 to 10,000",
        )?;
        // Security: whoever lets stake grow old before a burst gains twice its share at most.
        refuse(
            is_outside(
                self.max_age_epochs,
                self.min_age_epochs,
                2 * self.min_age_epochs,
            ),
            "pos.max_age_epochs is pos.min_age_epochs to twice that",
        )?;
        self.stake.check()
    }

    pub(crate) fn encode(&self) -> [u64; 10] {
        let stake = &self.stake;
        [
            self.slot_s.into(),
            self.epoch_slots.into(),
            self.max_validators.into(),
            self.min_age_epochs.into(),
            self.max_age_epochs.into(),
            stake.min_bond_sat,
            stake.unbonding_blocks.into(),
            stake.slash_percent.into(),
            stake.reporter_divisor.into(),
            stake.fee_cap_sat,
        ]
    }
}

impl Dpos {
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        refuse(
            is_outside(self.slot_s, 1, MAX_SLOT_S),
            "dpos.slot_s is 1 to 86,400",
        )?;
        refuse(
            is_outside(self.seats, 1, MAX_SEATS),
            "dpos.seats is 1 to 101",
        )?;
        refuse(
            self.min_vote_sat == 0 || self.min_vote_sat > self.stake.min_bond_sat,
            "dpos.min_vote_sat is 1 to dpos.min_bond_sat",
        )?;
        refuse(
            is_outside(self.jail_window_slots, 1, MAX_JAIL_WINDOW),
            "dpos.jail_window_slots is 1 to 1,024",
        )?;
        refuse(
            is_outside(self.jail_misses, 1, self.jail_window_slots),
            "dpos.jail_misses is 1 to dpos.jail_window_slots",
        )?;
        refuse(self.jail_rounds == 0, "dpos.jail_rounds is at least 1")?;
        self.stake.check()
    }

    pub(crate) fn encode(&self) -> [u64; 11] {
        let stake = &self.stake;
        [
            self.slot_s.into(),
            self.seats.into(),
            self.min_vote_sat,
            self.jail_window_slots.into(),
            self.jail_misses.into(),
            self.jail_rounds.into(),
            stake.min_bond_sat,
            stake.unbonding_blocks.into(),
            stake.slash_percent.into(),
            stake.reporter_divisor.into(),
            stake.fee_cap_sat,
        ]
    }
}

impl BootstrapSeal {
    /// Checks the bonds against what a block may pay and what makes a validator.
    pub(crate) fn check(
        &self,
        blocks: u32,
        subsidy_sat: u64,
        stake: &StakeSettings,
        has_names: bool,
    ) -> Result<(), SpecError> {
        let is_valid = |bond: &BootstrapBond| bond.amount_sat >= stake.min_bond_sat;
        refuse(
            !self.bonds.iter().any(is_valid),
            "the bootstrap holds no valid bond: nobody could seal the first slot",
        )?;
        let count = u32::try_from(self.bonds.len()).unwrap_or(u32::MAX);
        refuse(
            count > blocks,
            "there are more bootstrap.bonds than bootstrap.blocks",
        )?;
        for bond in &self.bonds {
            refuse(
                bond.amount_sat > subsidy_sat,
                "a bootstrap bond is at most the subsidy of its block",
            )?;
            refuse(
                bond.delegate == [0; 20],
                "a bootstrap bond's delegate is not zero",
            )?;
            refuse(
                !has_names && !bond.name.is_empty(),
                "a bootstrap bond has a name under dpos only",
            )?;
            let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
            refuse(
                bond.name.len() > MAX_CANDIDATE_NAME || !bond.name.bytes().all(is_allowed),
                "a candidate's name is at most 19 lower-case letters, digits, dots and dashes",
            )?;
        }
        let mut delegates: Vec<_> = self.bonds.iter().map(|bond| bond.delegate).collect();
        delegates.sort_unstable();
        refuse(
            delegates.windows(2).any(|pair| pair[0] == pair[1]),
            "two bootstrap bonds register the same delegate",
        )
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&(self.bonds.len() as u64).to_le_bytes());
        for bond in &self.bonds {
            out.extend_from_slice(&bond.owner);
            out.extend_from_slice(&bond.delegate);
            out.extend_from_slice(&bond.anchor);
            out.extend_from_slice(&bond.amount_sat.to_le_bytes());
            out.extend_from_slice(&(bond.name.len() as u64).to_le_bytes());
            out.extend_from_slice(bond.name.as_bytes());
        }
    }
}
