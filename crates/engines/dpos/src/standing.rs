//! The candidates as voters look at them.

use synod_seal::{DelegateHash, Epoch, Slot};

use crate::bench::Jailed;
use crate::engine::DelegatedStake;

/// What a candidate does at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DelegateState {
    /// It has a seat in the round.
    Seated,
    /// It has none.
    Standby,
    /// It is on the bench, whether it still has a seat in the round or not.
    Benched(Jailed),
}

/// A candidate's place in the election.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its place by votes, from 1.
    pub rank: u32,
    /// The candidate.
    pub delegate: DelegateHash,
    /// Its name, if it has registered one.
    pub name: Option<String>,
    /// Satoshis that vote for it.
    pub votes_sat: u128,
    /// What it does in the round of the chain's tip.
    pub state: DelegateState,
    /// Turns that it took, over all final rounds.
    pub made: u64,
    /// Turns that it missed, over all final rounds.
    pub missed: u64,
}

impl DelegatedStake {
    /// Goes through the candidates at the chain's tip, best first.
    pub fn standings(&self) -> impl Iterator<Item = Standing> + '_ {
        let slot = self.chain.slot().max(Slot(1));
        let round = self.chain.round_at(slot);
        let number = self.settings.round_of(slot);
        let ranking = (1..).zip(self.chain.tally().ranking());
        ranking.map(move |(rank, (delegate, votes_sat))| {
            let registration = self.chain.tally().registration(&delegate);
            let diligence = self.chain.bench().diligence(&delegate);
            let has_seat = round.as_ref().is_some_and(|it| it.has_seat(&delegate));
            let state = match self.jailed(&delegate, number) {
                Some(jailed) => DelegateState::Benched(jailed),
                None if has_seat => DelegateState::Seated,
                None => DelegateState::Standby,
            };
            Standing {
                rank,
                delegate,
                name: registration.and_then(|it| it.name.clone()),
                votes_sat,
                state,
                made: diligence.map_or(0, |it| it.made),
                missed: diligence.map_or(0, |it| it.missed),
            }
        })
    }

    pub(crate) fn jailed(&self, delegate: &DelegateHash, round: Epoch) -> Option<Jailed> {
        let registered = self.chain.tally().registration(delegate)?.height;
        let bench = self.chain.bench();
        let jailed = bench.diligence(delegate)?.jailed?;
        bench
            .is_benched(delegate, round, registered)
            .then_some(jailed)
    }
}
