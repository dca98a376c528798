//! The tally: who stands for election, and with how many votes, block by block.
//!
//! Every bonded output is a vote of its amount for its delegate: one coin, one vote. A
//! delegate is a candidate while one of its outputs is a registration; the oldest counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_primitives::{Amount, Height, OutPoint};
use synod_seal::{DelegateHash, StakeChange, StakeCoin, StakeMismatch, StakeTable, StakeUndo};

/// What a candidate has registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// The height of the block that it is in.
    pub height: Height,
    /// The start of the hash chain.
    pub anchor: [u8; 32],
    /// What voters call the candidate, if it has a name.
    pub name: Option<String>,
}

/// How many of a supply's satoshis vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turnout {
    /// Satoshis that vote, for anybody.
    pub voting_sat: u128,
    /// Satoshis that there are.
    pub supply_sat: u128,
}

impl Turnout {
    /// Returns the share that votes in millionths, rounded down; 0 of no supply.
    #[must_use]
    pub fn millionths(&self) -> u32 {
        let share = self.voting_sat.saturating_mul(1_000_000);
        let share = share.checked_div(self.supply_sat).unwrap_or(0);
        u32::try_from(share.min(1_000_000)).unwrap_or(1_000_000)
    }
}

/// What it takes to undo a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TallyUndo {
    change: Arc<StakeChange>,
    table: StakeUndo,
}

/// Votes and candidates at one block.
///
/// A change costs O(log n) for each output in it, whatever n is: outputs, or delegates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    table: StakeTable,
    votes: BTreeMap<DelegateHash, u128>,
    registrations: BTreeMap<DelegateHash, BTreeMap<(Height, OutPoint), Registration>>,
    /// Candidates that can be elected, best first; of equal votes the smaller hash.
    ranking: BTreeSet<(Reverse<u128>, DelegateHash)>,
    total: u128,
}

impl Tally {
    /// Goes through the candidates, best first.
    pub fn ranking(&self) -> impl Iterator<Item = (DelegateHash, u128)> + '_ {
        self.ranking
            .iter()
            .map(|(votes, delegate)| (*delegate, votes.0))
    }

    /// Returns the votes for a delegate in satoshis, whether it is a candidate or not.
    #[must_use]
    pub fn votes_for(&self, delegate: &DelegateHash) -> u128 {
        self.votes.get(delegate).copied().unwrap_or(0)
    }

    /// Returns a delegate's oldest registration that is not spent.
    #[must_use]
    pub fn registration(&self, delegate: &DelegateHash) -> Option<&Registration> {
        let all = self.registrations.get(delegate)?;
        all.first_key_value().map(|(_, registration)| registration)
    }

    /// Returns the bonded output of a delegate's oldest registration.
    pub(crate) fn registered_bond(
        &self,
        delegate: &DelegateHash,
    ) -> Option<(&OutPoint, &StakeCoin)> {
        let all = self.registrations.get(delegate)?;
        let ((_, outpoint), _) = all.first_key_value()?;
        Some((outpoint, self.table.coin(outpoint)?))
    }

    /// Goes through all bonded outputs, in the order of their outpoints.
    pub(crate) fn coins(&self) -> impl Iterator<Item = (&OutPoint, &StakeCoin)> {
        self.table.coins()
    }

    /// Goes through those who were proven guilty.
    pub(crate) fn guilty(&self) -> impl Iterator<Item = &DelegateHash> {
        self.table.guilty()
    }

    /// Returns the satoshis of all bonded outputs.
    pub(crate) fn voting_sat(&self) -> u128 {
        self.total
    }

    /// Says whether a delegate was proven guilty; then it is never elected again.
    #[must_use]
    pub fn is_guilty(&self, delegate: &DelegateHash) -> bool {
        self.table.is_guilty(delegate)
    }

    /// Returns the number of bonded outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.table.len()
    }

    /// Returns which part of the supply votes.
    #[must_use]
    pub fn turnout(&self, supply: Amount) -> Turnout {
        Turnout {
            voting_sat: self.total,
            supply_sat: sat(supply),
        }
    }

    /// Borrows the outputs that it is made of.
    pub(crate) fn table(&self) -> &StakeTable {
        &self.table
    }

    /// Counts the votes of a table.
    pub(crate) fn of(table: StakeTable) -> Self {
        let mut tally = Self::default();
        let coins: Vec<(OutPoint, StakeCoin)> = table
            .coins()
            .map(|(outpoint, coin)| (*outpoint, coin.clone()))
            .collect();
        tally.table = table;
        coins.iter().for_each(|it| tally.put(it));
        let delegates = coins.iter().map(|(_, coin)| coin.program.delegate);
        tally.enter_ranking(&delegates.collect());
        tally
    }

    /// Applies a block's change.
    ///
    /// # Errors
    /// The change is of another chain; then nothing is changed.
    pub(crate) fn apply(&mut self, change: &Arc<StakeChange>) -> Result<TallyUndo, StakeMismatch> {
        let spent = change.spent.iter();
        let spent: Vec<(OutPoint, StakeCoin)> = spent
            .filter_map(|outpoint| Some((*outpoint, self.table.coin(outpoint)?.clone())))
            .collect();
        let table = self.table.apply(change)?;
        let touched = touched(change, &spent);
        self.leave_ranking(&touched);
        spent.iter().for_each(|it| self.take(it));
        change.created.iter().for_each(|it| self.put(it));
        self.enter_ranking(&touched);
        Ok(TallyUndo {
            change: Arc::clone(change),
            table,
        })
    }

    /// Undoes the change that was applied last.
    pub(crate) fn undo(&mut self, undo: TallyUndo) {
        let change = undo.change;
        self.table.undo(undo.table);
        let spent = change.spent.iter();
        let spent: Vec<(OutPoint, StakeCoin)> = spent
            .filter_map(|outpoint| Some((*outpoint, self.table.coin(outpoint)?.clone())))
            .collect();
        let touched = touched(&change, &spent);
        self.leave_ranking(&touched);
        change.created.iter().for_each(|it| self.take(it));
        spent.iter().for_each(|it| self.put(it));
        self.enter_ranking(&touched);
    }

    fn put(&mut self, (outpoint, coin): &(OutPoint, StakeCoin)) {
        let delegate = coin.program.delegate;
        let amount = sat(coin.amount);
        let votes = self.votes.entry(delegate).or_default();
        *votes = votes.saturating_add(amount);
        self.total = self.total.saturating_add(amount);
        if let Some(anchor) = coin.anchor {
            let registration = Registration {
                height: coin.height,
                anchor,
                name: coin.candidate.clone(),
            };
            let all = self.registrations.entry(delegate).or_default();
            all.insert((coin.height, *outpoint), registration);
        }
    }

    fn take(&mut self, (outpoint, coin): &(OutPoint, StakeCoin)) {
        let delegate = coin.program.delegate;
        let amount = sat(coin.amount);
        if let Some(votes) = self.votes.get_mut(&delegate) {
            *votes = votes.saturating_sub(amount);
            if *votes == 0 {
                self.votes.remove(&delegate);
            }
        }
        self.total = self.total.saturating_sub(amount);
        if let Some(all) = self.registrations.get_mut(&delegate) {
            all.remove(&(coin.height, *outpoint));
            if all.is_empty() {
                self.registrations.remove(&delegate);
            }
        }
    }

    /// Takes the touched delegates out of the ranking, before their votes change.
    fn leave_ranking(&mut self, touched: &BTreeSet<DelegateHash>) {
        for delegate in touched {
            let votes = self.votes_for(delegate);
            self.ranking.remove(&(Reverse(votes), *delegate));
        }
    }

    /// Puts those of the touched delegates into the ranking who can be elected.
    fn enter_ranking(&mut self, touched: &BTreeSet<DelegateHash>) {
        for delegate in touched {
            if self.registrations.contains_key(delegate) && !self.is_guilty(delegate) {
                let votes = self.votes_for(delegate);
                self.ranking.insert((Reverse(votes), *delegate));
            }
        }
    }
}

/// Gathers the delegates that a change concerns.
fn touched(change: &StakeChange, spent: &[(OutPoint, StakeCoin)]) -> BTreeSet<DelegateHash> {
    let coins = change.created.iter().chain(spent);
    let delegates = coins.map(|(_, coin)| coin.program.delegate);
    delegates.chain(change.guilty.iter().copied()).collect()
}

/// Returns an amount's satoshis; the ledger lets none below zero through.
///
/// Correctness: 128 bits hold the sum of more outputs than there can be, so no sum is cut off
/// and what is put in can be taken out.
fn sat(amount: Amount) -> u128 {
    u128::try_from(amount.sat()).unwrap_or(0)
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
