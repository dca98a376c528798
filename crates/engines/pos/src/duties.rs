//! What own keys have to do: a block in the slots that they lead, a vote in every epoch.

use std::collections::BTreeMap;

use synod_engine::{Millis, Output, Proposal, RequestId, TimerId};
use synod_primitives::{Block, Height};
use synod_seal::{Checkpoint, Epoch, Mode, Seal, SealKey, Sections, Slot, Vote, VoteLink};

use crate::ProofOfStake;
use crate::finality::vote_message;
use crate::record::{Done, MAX_KEYS, duties_record};

/// Fires at the start of every slot.
const SLOT_TIMER: TimerId = TimerId(1);

/// Own keys and what they have done.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    keys: Vec<SealKey>,
    done: BTreeMap<SealKey, Done>,
    /// The record of what was done could not be read: nothing is signed any more.
    is_blind: bool,
    /// The block that is being made.
    request: Option<RequestId>,
    requests: u64,
}

impl Duties {
    pub(crate) fn restore(&mut self, done: Option<BTreeMap<SealKey, Done>>) {
        self.is_blind = done.is_none();
        self.done = done.unwrap_or_default();
    }

    fn done(&self, key: &SealKey) -> Done {
        self.done.get(key).copied().unwrap_or_default()
    }
}

impl ProofOfStake {
    pub(crate) fn set_keys(&mut self, mut keys: Vec<SealKey>) -> Vec<Output> {
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(MAX_KEYS);
        self.duties.keys = keys;
        Vec::new()
    }

    /// Sets the timer to the start of the next slot.
    pub(crate) fn next_tick(&self) -> Output {
        let schedule = &self.rules.schedule;
        let next = Slot(schedule.slot_at(self.now).0.saturating_add(1));
        let at = schedule.time_of(next).map_or(u64::MAX, u64::from);
        Output::SetTimer {
            id: SLOT_TIMER,
            at: Millis::from_seconds(at),
        }
    }

    pub(crate) fn tick(&mut self, timer: TimerId) -> Vec<Output> {
        if timer != SLOT_TIMER {
            return Vec::new();
        }
        let mut outputs = Vec::new();
        let slot = self.rules.schedule.slot_at(self.now);
        let may_sign = !self.duties.is_blind && self.checkpoints.finality.is_some();
        if slot > Slot(0) && may_sign {
            for key in self.duties.keys.clone() {
                outputs.extend(self.propose(key, slot));
                outputs.extend(self.vote(key, slot));
            }
        }
        outputs.push(self.next_tick());
        outputs
    }

    /// Asks for a block when the slot is this key's.
    fn propose(&mut self, key: SealKey, slot: Slot) -> Vec<Output> {
        let state = &self.active.state;
        let done = self.duties.done(&key);
        if state.slot >= slot || done.slot >= slot {
            return Vec::new();
        }
        let tip = state.tip.hash;
        let epoch = self.rules.schedule.epoch_of(slot);
        let snapshot = self.snapshot(&tip, epoch);
        let leader = snapshot.as_ref().and_then(|it| it.leader(slot));
        let leader = leader.filter(|it| it.delegate == key.delegate_hash());
        let (Some(leader), Some(time)) = (leader, self.rules.schedule.time_of(slot)) else {
            return Vec::new();
        };
        let seal = Seal {
            mode: Mode::Pos,
            slot,
            round: 0,
            previously_sealed: Height::GENESIS,
            prevoted: Height::GENESIS,
            reveal: state.expected_reveal(&leader.registration, leader.anchor),
            key,
            signature: [0; 64],
            sections: self.news(),
        };
        self.duties.requests += 1;
        let request = RequestId(self.duties.requests);
        self.duties.request = Some(request);
        let persist = self.note(key, Done { slot, ..done });
        let proposal = Proposal {
            request,
            parent: tip,
            time,
            seal,
        };
        vec![persist, Output::BuildBlock(Box::new(proposal))]
    }

    /// Returns votes that no block of the active chain carries yet.
    fn news(&self) -> Sections {
        let included = &self.active.state.included;
        let is_new = |vote: &&Vote| !included.contains(&(vote.link, vote.key));
        let votes: Vec<Vote> = self.votes.iter().filter(is_new).copied().collect();
        Sections::from_votes(&votes)
    }

    fn note(&mut self, key: SealKey, done: Done) -> Output {
        self.duties.done.insert(key, done);
        Output::Persist {
            records: vec![duties_record(&self.duties.done)],
            barrier: true,
        }
    }

    pub(crate) fn take_template(&mut self, request: RequestId, block: Box<Block>) -> Vec<Output> {
        let is_asked_for = self.duties.request == Some(request);
        self.duties.request = None;
        if is_asked_for {
            vec![Output::CheckBlock(block)]
        } else {
            Vec::new()
        }
    }

    /// Votes once an epoch, from its second slot on, when its checkpoint has had time to come.
    fn vote(&mut self, key: SealKey, slot: Slot) -> Vec<Output> {
        let schedule = self.rules.schedule;
        let epoch = schedule.epoch_of(slot);
        let is_time = slot.0 > schedule.checkpoint_slot(epoch).0 + 1;
        if epoch == Epoch(0) || !is_time {
            return Vec::new();
        }
        let done = self.duties.done(&key);
        if let Some(link) = done.link.filter(|it| it.target.epoch == epoch) {
            return self.repeat_vote(key, link);
        }
        let Some(link) = self.link_to(epoch, &done) else {
            return Vec::new();
        };
        let tip = self.active.state.tip.hash;
        let snapshot = self.snapshot(&tip, epoch);
        let is_validator = snapshot.is_some_and(|it| it.find(&key.delegate_hash()).is_some());
        if !is_validator {
            return Vec::new();
        }
        let link_done = Some(link);
        let persist = self.note(
            key,
            Done {
                link: link_done,
                ..done
            },
        );
        vec![persist, Output::SignVote { key, link }]
    }

    /// Returns the link from the highest justified checkpoint to an epoch's own, unless it
    /// would contradict what the key has voted for.
    fn link_to(&self, epoch: Epoch, done: &Done) -> Option<VoteLink> {
        let tip = self.active.state.tip.hash;
        let slot = self.rules.schedule.checkpoint_slot(epoch);
        let target = Checkpoint {
            epoch,
            hash: self.tree.last_at(&tip, slot)?,
        };
        let source = self.highest_on(&self.checkpoints.justified, &target.hash)?;
        let is_after =
            |before: VoteLink| before.target.epoch < epoch && before.source.epoch <= source.epoch;
        let is_allowed = source.epoch < epoch && done.link.is_none_or(is_after);
        is_allowed.then_some(VoteLink { source, target })
    }

    /// Asks again for a vote that was never signed, and sends again one that may have been lost
    /// while its target is not justified.
    fn repeat_vote(&self, key: SealKey, link: VoteLink) -> Vec<Output> {
        if self.checkpoints.justified.contains(&link.target) {
            return Vec::new();
        }
        let vote = self
            .votes
            .iter()
            .find(|it| it.key == key && it.link == link);
        match vote {
            Some(vote) => vec![Output::Broadcast(vote_message(vote))],
            None => vec![Output::SignVote { key, link }],
        }
    }

    /// Takes in what an own key has signed: exactly what it was asked for.
    pub(crate) fn take_own_vote(&mut self, vote: Vote) -> Vec<Output> {
        let is_asked_for = self.duties.done(&vote.key).link == Some(vote.link);
        let is_news = self.votes.is_news(&vote);
        if !is_asked_for || !is_news || !vote.is_signed(&self.rules.chain_id) {
            return Vec::new();
        }
        let mut outputs: Vec<Output> = self.add_vote(vote).into_iter().collect();
        outputs.push(Output::Broadcast(vote_message(&vote)));
        outputs.extend(self.evaluate());
        outputs
    }
}
