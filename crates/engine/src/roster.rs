//! What an engine shows of those who seal and vote, and of what is final: for people, not for
//! agreement. Nothing here decides anything.

use synod_primitives::{Amount, Height, OutPoint};
use synod_seal::{Checkpoint, DelegateHash, Epoch, OwnerHash, SealKey, Slot, VoteLink};

use crate::header::FinalBlock;

/// The most turns to come that a roster names.
pub const MAX_TURNS: usize = 256;
/// The most links of checkpoints that one answer tells the votes of.
pub const MAX_LINKS: usize = 16;

/// Who seals, as of the block connected last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roster {
    /// The block.
    pub at: FinalBlock,
    /// The slot that is under way; 0 before the first.
    pub slot: Slot,
    /// Its epoch or round.
    pub epoch: Epoch,
    /// The moment from which slots count, in seconds since 1970.
    pub start_time: u32,
    /// Seconds of a slot.
    pub slot_s: u32,
    /// Slots of an epoch or round.
    pub epoch_slots: u32,
    /// The most validators of an epoch, or the seats of a round.
    pub seats: u32,
    /// The slots up to the block's over which `sealed` and `missed` are counted.
    pub counted_slots: u64,
    /// Satoshis of all bonded outputs that count.
    pub bonded_sat: u128,
    /// Whose the next slots are, as far as it is decided, the nearest first.
    pub turns: Vec<Turn>,
    /// Everybody who is registered, has a seat or was proven guilty; the greatest amounts first,
    /// of equal ones the smaller hash.
    pub members: Vec<Member>,
}

/// Whose a slot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The slot.
    pub slot: Slot,
    /// Whose it is.
    pub delegate: DelegateHash,
}

/// A validator or candidate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// By the hash of its key.
    pub delegate: DelegateHash,
    /// The key, once it has signed something.
    pub key: Option<SealKey>,
    /// Its name, if it has registered one.
    pub name: Option<String>,
    /// What it is.
    pub state: MemberState,
    /// Its place in the seating, from 0.
    pub seat: Option<u32>,
    /// What registers it.
    pub registration: Option<MemberBond>,
    /// Satoshis of all bonded outputs for it.
    pub amount_sat: u128,
    /// Its weight with a seat, in satoshis.
    pub active_sat: u128,
    /// Its blocks among the counted slots.
    pub sealed: u64,
    /// Its counted slots without a block.
    pub missed: u64,
    /// The slot of its last block that is remembered.
    pub last_slot: Option<Slot>,
    /// The target of its last vote that was seen.
    pub last_vote: Option<Epoch>,
    /// The first of its slots to come that is decided.
    pub next_slot: Option<Slot>,
}

/// The bond that registers a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemberBond {
    /// The output.
    pub outpoint: OutPoint,
    /// Who can take it back.
    pub owner: OwnerHash,
    /// What it holds.
    pub amount: Amount,
    /// The height of its block.
    pub height: Height,
}

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberState {
    /// Registered; a block to come decides on its first seat.
    Pending,
    /// With a seat.
    Active,
    /// Registered, and others have more.
    Standby,
    /// On the bench until this round, or longer if it does not renew its registration.
    Benched(Epoch),
    /// With a seat, and without a bond.
    Unbonding,
    /// Proven guilty.
    Slashed,
}

/// What is final, and how far the votes for more have come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finality {
    /// The block connected last.
    pub at: FinalBlock,
    /// The last final block.
    pub finalized: Option<FinalBlock>,
    /// The epoch that it is the checkpoint of.
    pub finalized_epoch: Option<Epoch>,
    /// The highest justified checkpoint of the active chain.
    pub justified: Option<Place>,
    /// The greatest height with a quorum of prevotes.
    pub prevoted: Option<Height>,
    /// Blocks that the rule takes at the least when nobody is away.
    pub lag_blocks: u32,
    /// Seconds of a slot.
    pub slot_s: u32,
    /// Votes by link, the latest target first.
    pub links: Vec<LinkVotes>,
}

/// A checkpoint and its height, where the block is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Its height.
    pub height: Option<Height>,
}

/// The votes for a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkVotes {
    /// The link.
    pub link: VoteLink,
    /// The height of its source.
    pub source_height: Option<Height>,
    /// The height of its target.
    pub target_height: Option<Height>,
    /// Who has voted, counted.
    pub votes: u32,
    /// Their satoshis.
    pub weight_sat: u64,
    /// All who may vote, counted, and their satoshis; `None` where they are not known.
    pub electorate: Option<(u32, u64)>,
    /// The target is justified.
    pub is_justified: bool,
}
