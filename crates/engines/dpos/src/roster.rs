//! What the engine shows to people: candidates, turns, finality.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_engine::{
    COUNTED_SLOTS, Finality, MAX_TURNS, Member, MemberBond, MemberState, Millis, Roster, Turn,
    TurnCount,
};
use synod_primitives::OutPoint;
use synod_seal::{DelegateHash, Epoch, Slot, StakeCoin};

use crate::engine::DelegatedStake;
use crate::round::{Round, quorum};

/// What the members of a roster are told by.
struct Seen {
    round: Option<Arc<Round>>,
    number: Epoch,
    counts: BTreeMap<DelegateHash, TurnCount>,
    next: BTreeMap<DelegateHash, Slot>,
}

impl DelegatedStake {
    pub(crate) fn show_roster(&self, now: Millis) -> Roster {
        let settings = &self.settings;
        let tally = self.chain.tally();
        let slot = settings.slot_at(now);
        // The seats of rounds before the tip's are not kept.
        let shown = slot.max(self.chain.slot()).max(Slot(1));
        let turns = self.turns(shown);
        let mut next = BTreeMap::new();
        for turn in &turns {
            next.entry(turn.delegate).or_insert(turn.slot);
        }
        let seen = Seen {
            round: self.chain.round_at(shown),
            number: settings.round_of(shown),
            counts: self.recent.count(self.chain.slot()),
            next,
        };
        let mut listed: BTreeSet<DelegateHash> = tally.guilty().copied().collect();
        listed.extend(tally.ranking().map(|(delegate, _)| delegate));
        let seats = seen.round.iter().flat_map(|it| it.seats().iter());
        listed.extend(seats.map(|it| it.delegate));
        let elected = self.electable(seen.number);
        let members = listed.iter().map(|it| self.member(it, &elected, &seen));
        let mut members: Vec<Member> = members.collect();
        members.sort_by_key(|it| (std::cmp::Reverse(it.amount_sat), it.delegate));
        Roster {
            at: self.chain.tip(),
            slot,
            epoch: settings.round_of(slot),
            start_time: settings.start_time(),
            slot_s: settings.slot_s,
            epoch_slots: settings.seats,
            seats: settings.seats,
            counted_slots: self.recent.counted(self.chain.slot()),
            bonded_sat: tally.voting_sat(),
            turns,
            members,
        }
    }

    /// Returns who would get a seat if a later round were decided by the tip.
    fn electable(&self, round: Epoch) -> BTreeSet<DelegateHash> {
        let tally = self.chain.tally();
        let later = Epoch(round.0.saturating_add(2));
        let candidates = tally.ranking().map(|(delegate, _)| delegate);
        let free = candidates.filter(|delegate| {
            let registered = tally.registration(delegate).map(|it| it.height);
            registered.is_some_and(|it| !self.chain.bench().is_benched(delegate, later, it))
        });
        let seats = usize::try_from(self.settings.seats).unwrap_or(usize::MAX);
        free.take(seats).collect()
    }

    /// Returns whose the slots of this round and the next are.
    fn turns(&self, slot: Slot) -> Vec<Turn> {
        let settings = &self.settings;
        let first = slot.max(Slot(self.chain.slot().0.saturating_add(1)));
        let end = settings.first_slot(Epoch(settings.round_of(slot).0.saturating_add(2)));
        let slots = (first.0..end.0).map(Slot).take(MAX_TURNS);
        self.leaders(slots)
            .into_iter()
            .map(|(slot, delegate)| Turn { slot, delegate })
            .collect()
    }

    fn leaders(&self, slots: impl Iterator<Item = Slot>) -> BTreeMap<Slot, DelegateHash> {
        let mut leaders = BTreeMap::new();
        let mut known: Option<(Epoch, Option<Arc<Round>>)> = None;
        for slot in slots {
            let number = self.settings.round_of(slot);
            let round = match &known {
                Some((it, round)) if *it == number => round.clone(),
                _ => self.chain.round_at(slot),
            };
            if let Some(seat) = round.as_ref().and_then(|it| it.leader(slot)) {
                leaders.insert(slot, seat.delegate);
            }
            known = Some((number, round));
        }
        leaders
    }

    fn member(
        &self,
        delegate: &DelegateHash,
        elected: &BTreeSet<DelegateHash>,
        seen: &Seen,
    ) -> Member {
        let tally = self.chain.tally();
        let registration = tally.registered_bond(delegate);
        let seats = seen.round.as_ref().map(|it| it.seats());
        let seat = seats.and_then(|it| it.iter().position(|seat| seat.delegate == *delegate));
        let amount_sat = tally.votes_for(delegate);
        let count = seen.counts.get(delegate).copied().unwrap_or_default();
        let known = self.recent.seen(delegate);
        Member {
            delegate: *delegate,
            key: known.map(|it| it.key),
            name: tally.registration(delegate).and_then(|it| it.name.clone()),
            state: if tally.is_guilty(delegate) {
                MemberState::Slashed
            } else if let Some(jailed) = self.jailed(delegate, seen.number) {
                MemberState::Benched(jailed.until)
            } else if seat.is_some() && registration.is_none() {
                MemberState::Unbonding
            } else if seat.is_some() {
                MemberState::Active
            } else if elected.contains(delegate) {
                MemberState::Pending
            } else {
                MemberState::Standby
            },
            seat: seat.and_then(|it| u32::try_from(it).ok()),
            registration: registration.map(|(outpoint, coin)| member_bond(*outpoint, coin)),
            amount_sat,
            active_sat: if seat.is_some() { amount_sat } else { 0 },
            sealed: count.sealed,
            missed: count.missed,
            last_slot: count.last_slot,
            last_vote: None,
            next_slot: seen.next.get(delegate).copied(),
        }
    }

    pub(crate) fn show_finality(&self) -> Finality {
        let settings = &self.settings;
        let round = self.chain.round_at(self.chain.slot().max(Slot(1)));
        let quorum = round.map_or_else(|| quorum(settings.seats), |it| it.quorum());
        Finality {
            at: self.chain.tip(),
            finalized: self.finalized,
            finalized_epoch: None,
            justified: None,
            prevoted: Some(self.prevoted()),
            lag_blocks: quorum.saturating_mul(2).saturating_sub(1),
            slot_s: settings.slot_s,
            links: Vec::new(),
        }
    }

    /// Returns whose the slots between the tip and a block on it are, as far as they are counted.
    pub(crate) fn leaders_between(&self, before: Slot, slot: Slot) -> BTreeMap<Slot, DelegateHash> {
        let first = before.0.saturating_add(1);
        let first = first.max(slot.0.saturating_sub(COUNTED_SLOTS));
        self.leaders((first..slot.0).map(Slot))
    }
}

fn member_bond(outpoint: OutPoint, coin: &StakeCoin) -> MemberBond {
    MemberBond {
        outpoint,
        owner: coin.program.owner,
        amount: coin.amount,
        height: coin.height,
    }
}
