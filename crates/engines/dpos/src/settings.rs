//! The numbers of one chain, and its clockwork of slots and rounds.

use synod_chainspec::{ChainSpec, EngineSpec, genesis_block};
use synod_engine::Millis;
use synod_primitives::{BlockHash, Height};
use synod_seal::{Epoch, SealKey, Slot};

/// When a delegate that misses its slots is benched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JailRule {
    /// How many of its last slots are looked at.
    pub window_slots: u32,
    /// How many of them it has missed when it is benched; at least 1.
    pub misses: u32,
    /// Rounds that it stays out at the least.
    pub rounds: u32,
}

/// The settings of one chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The chain that seals are of.
    pub chain_id: [u8; 32],
    /// The block at height 0.
    pub genesis: BlockHash,
    /// The time of bootstrap block n is this plus n, in seconds.
    pub bootstrap_time: u32,
    /// The last bootstrap block.
    pub bootstrap_height: Height,
    /// Who seals the bootstrap.
    pub bootstrap_key: SealKey,
    /// Seconds of a slot; at least 1.
    pub slot_s: u32,
    /// Seats of a round, and its slots; 1 to [`MAX_SEATS`](crate::MAX_SEATS).
    pub seats: u32,
    /// When delegates are benched.
    pub jail: JailRule,
    /// Blocks for which stake that leaves stays slashable.
    pub unbonding_blocks: u32,
}

impl Settings {
    /// Returns the settings of a spec; `None` under another engine.
    #[must_use]
    pub fn of_spec(spec: &ChainSpec) -> Option<Self> {
        let EngineSpec::Dpos(dpos) = &spec.consensus.engine else {
            return None;
        };
        Some(Self {
            chain_id: spec.chain_id().0,
            genesis: genesis_block().hash(),
            bootstrap_time: spec.consensus.bootstrap?.time,
            bootstrap_height: spec.bootstrap_height(),
            bootstrap_key: SealKey(spec.consensus.bootstrap_seal.as_ref()?.key),
            slot_s: dpos.slot_s,
            seats: dpos.seats,
            jail: JailRule {
                window_slots: dpos.jail_window_slots,
                misses: dpos.jail_misses,
                rounds: dpos.jail_rounds,
            },
            unbonding_blocks: dpos.stake.unbonding_blocks,
        })
    }

    /// Returns the time of the last bootstrap block, from which slots count, in seconds.
    #[must_use]
    pub fn start_time(&self) -> u32 {
        self.bootstrap_time.saturating_add(self.bootstrap_height.0)
    }

    /// Returns the time of a slot in seconds; `None` past what a header holds.
    #[must_use]
    pub fn slot_time(&self, slot: Slot) -> Option<u32> {
        let seconds = slot.0.checked_mul(u64::from(self.slot_s))?;
        u32::try_from(seconds.checked_add(u64::from(self.start_time()))?).ok()
    }

    /// Returns the slot that is under way; 0 before the first.
    #[must_use]
    pub fn slot_at(&self, now: Millis) -> Slot {
        let since = now.seconds().saturating_sub(u64::from(self.start_time()));
        Slot(since / u64::from(self.slot_s.max(1)))
    }

    /// Returns the round of a slot: round 0 holds slots 1 to the number of seats.
    #[must_use]
    pub fn round_of(&self, slot: Slot) -> Epoch {
        Epoch(slot.0.saturating_sub(1) / u64::from(self.seats.max(1)))
    }

    /// Returns the first slot of a round.
    #[must_use]
    pub fn first_slot(&self, round: Epoch) -> Slot {
        let before = round.0.saturating_mul(u64::from(self.seats.max(1)));
        Slot(before.saturating_add(1))
    }

    /// Goes through the slots of a round.
    pub(crate) fn slots_of(&self, round: Epoch) -> impl Iterator<Item = Slot> + use<> {
        let first = self.first_slot(round).0;
        (first..first.saturating_add(u64::from(self.seats.max(1)))).map(Slot)
    }

    /// Returns how many heights a vote reaches back: three rounds.
    pub(crate) fn reach(&self) -> u32 {
        self.seats.saturating_mul(3)
    }
}
