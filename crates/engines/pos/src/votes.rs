//! The checkpoint votes that are known and not yet behind the final checkpoint.

use std::collections::BTreeMap;

use synod_seal::{Epoch, SealKey, Vote, VoteLink, contradicts_votes};

/// The most votes that are kept of one key for one target epoch: one, and one that proves its
/// key guilty and counts as well, so that all nodes can come to the same sum.
const MAX_VOTES_PER_KEY: usize = 2;
/// The most target epochs that votes are kept for.
pub(crate) const MAX_VOTE_EPOCHS: usize = 64;
/// The most keys whose votes are kept for one target epoch: two full sets of validators, as
/// branches can differ.
const MAX_KEYS_PER_EPOCH: usize = 256;
/// The most votes in memory.
pub(crate) const MAX_VOTES: usize = MAX_VOTE_EPOCHS * MAX_KEYS_PER_EPOCH * MAX_VOTES_PER_KEY;

/// Votes by target epoch and key.
#[derive(Debug, Default)]
pub(crate) struct Votes {
    epochs: BTreeMap<Epoch, BTreeMap<SealKey, Vec<Vote>>>,
}

/// What a vote adds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was known, or there is no room.
    Nothing,
    /// It is new.
    New,
    /// It is new, and contradicts this one of the same key.
    Contradiction(Box<Vote>),
}

impl Votes {
    /// Takes in a vote whose signature holds.
    pub(crate) fn add(&mut self, vote: Vote) -> Added {
        let other = self.contradicted(&vote);
        let epoch = vote.link.target.epoch;
        if !self.epochs.contains_key(&epoch) && self.epochs.len() >= MAX_VOTE_EPOCHS {
            return Added::Nothing;
        }
        let keys = self.epochs.entry(epoch).or_default();
        if !keys.contains_key(&vote.key) && keys.len() >= MAX_KEYS_PER_EPOCH {
            return Added::Nothing;
        }
        let votes = keys.entry(vote.key).or_default();
        let is_known = votes.iter().any(|it| it.link == vote.link);
        if is_known || votes.len() >= MAX_VOTES_PER_KEY {
            return Added::Nothing;
        }
        votes.push(vote);
        other.map_or(Added::New, |it| Added::Contradiction(Box::new(it)))
    }

    /// Says whether a vote would add something, before its signature is looked at.
    pub(crate) fn is_news(&self, vote: &Vote) -> bool {
        let keys = self.epochs.get(&vote.link.target.epoch);
        let votes = keys.and_then(|it| it.get(&vote.key));
        votes.is_none_or(|votes| {
            votes.len() < MAX_VOTES_PER_KEY && votes.iter().all(|it| it.link != vote.link)
        })
    }

    fn contradicted(&self, vote: &Vote) -> Option<Vote> {
        let of_key = self.epochs.values().filter_map(|keys| keys.get(&vote.key));
        of_key
            .flatten()
            .find(|it| contradicts_votes(&it.link, &vote.link))
            .copied()
    }

    /// Goes through all votes, earlier target epochs first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Vote> {
        self.epochs
            .values()
            .flat_map(|keys| keys.values().flatten())
    }

    /// Returns who votes for each link, earlier target epochs first.
    pub(crate) fn by_link(&self) -> BTreeMap<(Epoch, VoteLink), Vec<SealKey>> {
        let mut links: BTreeMap<_, Vec<SealKey>> = BTreeMap::new();
        for vote in self.iter() {
            let link = (vote.link.target.epoch, vote.link);
            links.entry(link).or_default().push(vote.key);
        }
        links
    }

    /// Returns the votes for a link.
    pub(crate) fn of_link(&self, link: &VoteLink) -> Vec<Vote> {
        self.iter().filter(|it| it.link == *link).copied().collect()
    }

    /// Forgets votes whose target is not after an epoch.
    pub(crate) fn prune(&mut self, finalized: Epoch) {
        self.epochs.retain(|epoch, _| *epoch > finalized);
    }

    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }
}
