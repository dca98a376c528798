//! Votes become justified and final checkpoints.

use bytes::Bytes;
use synod_engine::{Output, PeerId};
use synod_seal::{Checkpoint, Epoch, Evidence, SealKey, Statement, Vote, VoteLink};

use crate::ProofOfStake;
use crate::record::Finality;
use crate::snapshot::Snapshot;
use crate::votes::Added;

/// The kind of a message that carries a vote.
const KIND_VOTE: u8 = 1;

/// How sure it is that a link has the votes of two thirds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Support {
    None,
    /// By validators of another block than the one that decides.
    Supposed,
    Sure,
}

pub(crate) fn vote_message(vote: &Vote) -> Bytes {
    let mut out = vec![KIND_VOTE];
    out.extend_from_slice(&vote.encode());
    out.into()
}

impl ProofOfStake {
    /// Takes in a vote that a peer has sent, and passes it on when it is new.
    pub(crate) fn take_message(&mut self, from: PeerId, bytes: &[u8]) -> Vec<Output> {
        let vote = match bytes.split_first() {
            Some((&KIND_VOTE, body)) => Vote::decode(body).ok(),
            _ => None,
        };
        let Some(vote) = vote else {
            return vec![Output::Punish(from)];
        };
        // Security: everything cheap comes before the signature.
        if !self.may_vote(&vote) || !self.votes.is_news(&vote) {
            return Vec::new();
        }
        if !vote.is_signed(&self.rules.chain_id) {
            return vec![Output::Punish(from)];
        }
        let mut outputs: Vec<Output> = self.add_vote(vote).into_iter().collect();
        outputs.push(Output::Broadcast(vote_message(&vote)));
        outputs.extend(self.evaluate());
        outputs
    }

    /// Says whether a vote is one that could count: for an epoch between the final one and the
    /// next, by a validator of the active chain.
    fn may_vote(&self, vote: &Vote) -> bool {
        let schedule = &self.rules.schedule;
        let current = schedule.epoch_of(schedule.slot_at(self.now));
        let epoch = vote.link.target.epoch;
        let finalized = self.checkpoints.finality.map_or(Epoch(0), |it| it.epoch);
        let is_near = epoch > finalized && epoch.0 <= current.0.saturating_add(1);
        is_near && {
            let tip = self.active.state.tip.hash;
            let snapshot = self.snapshot(&tip, epoch);
            snapshot.is_some_and(|it| it.find(&vote.key.delegate_hash()).is_some())
        }
    }

    /// Adds a vote whose signature holds; one that contradicts another proves its key guilty.
    pub(crate) fn add_vote(&mut self, vote: Vote) -> Option<Output> {
        let finalized = self.checkpoints.finality.map_or(Epoch(0), |it| it.epoch);
        if vote.link.target.epoch <= finalized {
            return None;
        }
        self.recent.see(vote.key, Some(vote.link.target.epoch));
        match self.votes.add(vote) {
            Added::Nothing | Added::New => None,
            Added::Contradiction(other) => Some(Output::Misbehaviour(Box::new(Evidence {
                first: Statement::Vote(other),
                second: Statement::Vote(Box::new(vote)),
            }))),
        }
    }

    /// Finds out which checkpoints are justified and final by the votes that are known.
    pub(crate) fn evaluate(&mut self) -> Vec<Output> {
        let before = std::mem::take(&mut self.checkpoints.supposed);
        self.checkpoints.supposed = self.checkpoints.justified.clone();
        let mut outputs = Vec::new();
        // Earlier targets first, so that a source is judged before what builds on it.
        for ((_, link), voters) in self.votes.by_link() {
            let support = self.support(&link, &voters);
            if support == Support::None {
                continue;
            }
            if self.checkpoints.supposed.contains(&link.source) {
                self.checkpoints.supposed.insert(link.target);
            }
            if support == Support::Sure && self.checkpoints.justified.contains(&link.source) {
                self.checkpoints.justified.insert(link.target);
                outputs.extend(self.finalize(&link));
            }
        }
        let tip = self.active.state.tip.hash;
        let supposed = &self.checkpoints.supposed;
        let is_new_elsewhere =
            |it: &&Checkpoint| !before.contains(it) && !self.tree.is_ancestor(&it.hash, &tip);
        let elsewhere = supposed.iter().filter(is_new_elsewhere);
        let connects: Vec<Output> = elsewhere.map(|it| Output::Connect(it.hash)).collect();
        outputs.extend(connects);
        outputs
    }

    fn support(&self, link: &VoteLink, voters: &[SealKey]) -> Support {
        let (source, target) = (&link.source, &link.target);
        let slot = self.tree.slot_of(&target.hash);
        let is_checkpoint =
            slot.is_some_and(|it| it <= self.rules.schedule.checkpoint_slot(target.epoch));
        if !is_checkpoint || !self.tree.is_ancestor(&source.hash, &target.hash) {
            return Support::None;
        }
        if let Some(snapshot) = self.snapshot(&target.hash, target.epoch) {
            return if has_two_thirds(&snapshot, voters) {
                Support::Sure
            } else {
                Support::None
            };
        }
        match self.nearest_snapshot(target) {
            Some(snapshot) if has_two_thirds(snapshot, voters) => Support::Supposed,
            _ => Support::None,
        }
    }

    /// Returns the latest known validators before an epoch on the branch of a checkpoint.
    fn nearest_snapshot(&self, target: &Checkpoint) -> Option<&Snapshot> {
        let taken = self.snapshots.taken.values().rev();
        let rooted = self.snapshots.rooted.values().rev();
        let mut known = taken.chain(rooted).filter(|it| it.epoch <= target.epoch);
        known
            .find(|it| self.tree.is_ancestor(&it.at, &target.hash))
            .or_else(|| self.snapshots.rooted.values().next_back())
            .map(|it| &**it)
    }

    /// Makes the source of a justified link final, when its target is the next epoch's.
    fn finalize(&mut self, link: &VoteLink) -> Vec<Output> {
        let source = link.source;
        let finality = self.checkpoints.finality;
        let is_next = source.epoch.0.checked_add(1) == Some(link.target.epoch.0);
        let is_later = finality.is_none_or(|it| source.epoch > it.epoch);
        let tip = self.active.state.tip.hash;
        if !is_next || !is_later || !self.tree.is_ancestor(&source.hash, &tip) {
            return Vec::new();
        }
        let slot = self.tree.slot_of(&source.hash);
        let height = match self.tree.find(&source.hash) {
            Some(node) => node.block.height,
            None => self.tree.root.height,
        };
        let Some(slot) = slot else {
            return Vec::new();
        };
        let block = synod_engine::FinalBlock {
            height,
            hash: source.hash,
        };
        let finality = Finality {
            block,
            epoch: source.epoch,
            slot,
        };
        let outputs = self.set_final(finality, &self.votes.of_link(link));
        self.settle_root();
        outputs
    }

    /// Notes what is final; it is written down before anybody is told.
    ///
    /// The proof is the votes for the link that makes it final, one after the other.
    pub(crate) fn set_final(&mut self, finality: Finality, proof: &[Vote]) -> Vec<Output> {
        let before = self.checkpoints.finality.replace(finality);
        let persist = Output::Persist {
            records: vec![finality.record()],
            barrier: true,
        };
        if before.is_some_and(|it| it.block == finality.block) {
            // An epoch without blocks has the same checkpoint as the one before.
            return vec![persist];
        }
        let proof: Vec<u8> = proof.iter().flat_map(Vote::encode).collect();
        let block = finality.block;
        let proof = proof.into();
        vec![persist, Output::Final { block, proof }]
    }
}

fn has_two_thirds(snapshot: &Snapshot, voters: &[SealKey]) -> bool {
    let amounts = voters
        .iter()
        .filter_map(|key| snapshot.find(&key.delegate_hash()))
        .map(|it| u128::from(it.amount));
    3 * amounts.sum::<u128>() > 2 * u128::from(snapshot.total)
}
