//! What the engine shows to people: validators, turns, finality.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_engine::{
    Finality, LinkVotes, MAX_LINKS, MAX_TURNS, Member, MemberBond, MemberState, Millis, Place,
    Roster, Turn, TurnCount,
};
use synod_primitives::Height;
use synod_seal::{Checkpoint, DelegateHash, Epoch, Slot, StakeCoin};

use crate::ProofOfStake;
use crate::snapshot::Snapshot;

/// What is bonded for one delegate.
#[derive(Default)]
struct Bonds {
    amount: u128,
    registration: Option<MemberBond>,
}

impl Bonds {
    fn add(&mut self, outpoint: synod_primitives::OutPoint, coin: &StakeCoin) {
        let amount = u128::from(coin.amount.to_sat_unsigned());
        self.amount = self.amount.saturating_add(amount);
        if coin.anchor.is_none() {
            return;
        }
        let bond = MemberBond {
            outpoint,
            owner: coin.program.owner,
            amount: coin.amount,
            height: coin.height,
        };
        let order = |it: &MemberBond| (it.height, it.outpoint);
        if self.registration.is_none_or(|it| order(&bond) < order(&it)) {
            self.registration = Some(bond);
        }
    }
}

/// What the members of a roster are told by.
struct Seen {
    current: Option<Arc<Snapshot>>,
    /// Who would be validators if an epoch were decided by the tip.
    coming: Snapshot,
    counts: BTreeMap<DelegateHash, TurnCount>,
    next: BTreeMap<DelegateHash, Slot>,
}

impl ProofOfStake {
    pub(crate) fn show_roster(&self, now: Millis) -> Roster {
        let state = &self.active.state;
        let schedule = &self.rules.schedule;
        let slot = schedule.slot_at(now);
        let epoch = schedule.epoch_of(slot);
        let bonds = self.bonds();
        let turns = self.turns(slot);
        let mut next = BTreeMap::new();
        for turn in &turns {
            next.entry(turn.delegate).or_insert(turn.slot);
        }
        let current = self.snapshot(&state.tip.hash, epoch);
        let seen = Seen {
            current: current.filter(|_| state.tip.height.0 >= self.rules.bootstrap.blocks),
            coming: Snapshot::clone(&self.take(Epoch(epoch.0.saturating_add(2)))),
            counts: self.recent.count(state.slot),
            next,
        };
        let seated = seen.current.iter().flat_map(|it| it.validators());
        let mut listed: BTreeSet<DelegateHash> = seated.map(|it| it.delegate).collect();
        listed.extend(state.table.guilty());
        let registered = bonds.iter().filter(|(_, it)| it.registration.is_some());
        listed.extend(registered.map(|(delegate, _)| *delegate));
        let members = listed.iter().map(|it| self.member(it, &bonds, &seen));
        let mut members: Vec<Member> = members.collect();
        members.sort_by_key(|it| (std::cmp::Reverse(it.amount_sat), it.delegate));
        Roster {
            at: state.tip,
            slot,
            epoch,
            start_time: schedule.start_time,
            slot_s: schedule.slot_s,
            epoch_slots: schedule.epoch_slots,
            seats: self.rules.settings.max_validators,
            counted_slots: self.recent.counted(state.slot),
            bonded_sat: bonds.values().map(|it| it.amount).sum(),
            turns,
            members,
        }
    }

    fn bonds(&self) -> BTreeMap<DelegateHash, Bonds> {
        let mut bonds: BTreeMap<DelegateHash, Bonds> = BTreeMap::new();
        for (outpoint, coin) in self.active.state.table.coins() {
            let of_delegate = bonds.entry(coin.program.delegate).or_default();
            of_delegate.add(*outpoint, coin);
        }
        bonds
    }

    /// Returns whose the slots are that no block can be missing of any more to decide them: those
    /// of the epoch under way and of the next one.
    fn turns(&self, slot: Slot) -> Vec<Turn> {
        let state = &self.active.state;
        if state.tip.height.0 < self.rules.bootstrap.blocks {
            return Vec::new();
        }
        let schedule = &self.rules.schedule;
        let first = Slot(slot.0.max(state.slot.0.saturating_add(1)).max(1));
        let last = schedule.checkpoint_slot(Epoch(schedule.epoch_of(slot).0.saturating_add(2)));
        let mut turns = Vec::new();
        let mut known: Option<(Epoch, Option<Arc<Snapshot>>)> = None;
        for slot in (first.0..=last.0).map(Slot).take(MAX_TURNS) {
            let epoch = schedule.epoch_of(slot);
            let snapshot = match &known {
                Some((it, snapshot)) if *it == epoch => snapshot.clone(),
                _ => self.snapshot(&state.tip.hash, epoch),
            };
            let leader = snapshot.as_ref().and_then(|it| it.leader(slot));
            turns.extend(leader.map(|it| Turn {
                slot,
                delegate: it.delegate,
            }));
            known = Some((epoch, snapshot));
        }
        turns
    }

    fn member(
        &self,
        delegate: &DelegateHash,
        bonds: &BTreeMap<DelegateHash, Bonds>,
        seen: &Seen,
    ) -> Member {
        let bonds = bonds.get(delegate);
        let registration = bonds.and_then(|it| it.registration);
        let current = seen.current.as_ref();
        let seat = current.and_then(|it| it.seat_of(delegate));
        let validator = current.and_then(|it| it.find(delegate));
        let count = seen.counts.get(delegate).copied().unwrap_or_default();
        let known = self.recent.seen(delegate);
        let state = if self.active.state.table.is_guilty(delegate) {
            MemberState::Slashed
        } else if seat.is_some() && registration.is_none() {
            MemberState::Unbonding
        } else if seat.is_some() {
            MemberState::Active
        } else if seen.coming.find(delegate).is_some() {
            MemberState::Pending
        } else {
            MemberState::Standby
        };
        Member {
            delegate: *delegate,
            key: known.map(|it| it.key),
            name: None,
            state,
            seat,
            registration,
            amount_sat: bonds.map_or(0, |it| it.amount),
            active_sat: validator.map_or(0, |it| it.amount.into()),
            sealed: count.sealed,
            missed: count.missed,
            last_slot: count.last_slot,
            last_vote: known.and_then(|it| it.vote),
            next_slot: seen.next.get(delegate).copied(),
        }
    }

    pub(crate) fn show_finality(&self) -> Finality {
        let finality = self.checkpoints.finality;
        let place = |checkpoint: Checkpoint| Place {
            checkpoint,
            height: self.height_of(&checkpoint),
        };
        let schedule = &self.rules.schedule;
        let links = self.votes.by_link().into_iter().rev().take(MAX_LINKS);
        let links = links.map(|((_, link), voters)| {
            let snapshot = self.snapshot(&link.target.hash, link.target.epoch);
            let weights = voters.iter().filter_map(|key| {
                let snapshot = snapshot.as_ref()?;
                Some(snapshot.find(&key.delegate_hash())?.amount)
            });
            LinkVotes {
                link,
                source_height: self.height_of(&link.source),
                target_height: self.height_of(&link.target),
                votes: u32::try_from(voters.len()).unwrap_or(u32::MAX),
                weight_sat: weights.fold(0, u64::saturating_add),
                electorate: snapshot.as_ref().map(|it| {
                    let count = u32::try_from(it.validators().len()).unwrap_or(u32::MAX);
                    (count, it.total)
                }),
                is_justified: self.checkpoints.justified.contains(&link.target),
            }
        });
        Finality {
            at: self.active.state.tip,
            finalized: finality.map(|it| it.block),
            finalized_epoch: finality.map(|it| it.epoch),
            justified: self.justified().map(place),
            prevoted: None,
            lag_blocks: schedule.epoch_slots.saturating_add(1),
            slot_s: schedule.slot_s,
            links: links.collect(),
        }
    }

    fn height_of(&self, checkpoint: &Checkpoint) -> Option<Height> {
        let root = &self.tree.root;
        if checkpoint.hash == root.hash {
            return Some(root.height);
        }
        self.tree.find(&checkpoint.hash).map(|it| it.block.height)
    }

    /// Counts a block's turn and the empty slots before it; its parent is still the tip.
    pub(crate) fn count_turns(&mut self, slot: Slot, key: synod_seal::SealKey) {
        let before = self.active.state.slot;
        let tip = self.active.state.tip.hash;
        let schedule = self.rules.schedule;
        let first = before.0.saturating_add(1);
        let first = first.max(slot.0.saturating_sub(synod_engine::COUNTED_SLOTS));
        let mut leaders = BTreeMap::new();
        let mut known: Option<(Epoch, Option<Arc<Snapshot>>)> = None;
        for empty in (first..slot.0).map(Slot) {
            let epoch = schedule.epoch_of(empty);
            let snapshot = match &known {
                Some((it, snapshot)) if *it == epoch => snapshot.clone(),
                _ => self.snapshot(&tip, epoch),
            };
            if let Some(leader) = snapshot.as_ref().and_then(|it| it.leader(empty)) {
                leaders.insert(empty, leader.delegate);
            }
            known = Some((epoch, snapshot));
        }
        self.recent
            .connect(before, slot, key, |it| leaders.get(&it).copied());
    }
}
