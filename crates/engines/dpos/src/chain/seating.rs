//! Giving the seats away, round by round.

use std::collections::BTreeMap;
use std::sync::Arc;

use synod_primitives::Height;
use synod_seal::Epoch;

use super::{ActiveChain, MAX_KNOWN_ROUNDS, Seating};
use crate::bench::{Attendance, Bench};
use crate::round::{Round, Seat, seed};

impl ActiveChain {
    /// Seats the first two rounds by the state at the bootstrap's end.
    pub(super) fn first_seating(&self) -> Seating {
        let mut rounds = BTreeMap::new();
        for number in [Epoch(0), Epoch(1)] {
            let seats = self.elect(number, &self.bench, None);
            let seed = seed(&self.settings, number, None);
            let round = Round::new(&self.settings, number, seats, &seed);
            rounds.insert(number, Arc::new(round));
        }
        let first = Height(self.settings.bootstrap_height.0.saturating_add(1));
        let seats = rounds.get(&Epoch(0)).map(|round| Arc::clone(round.seats()));
        let seats = seats.unwrap_or_else(|| Arc::new([]));
        Seating {
            current: Epoch(0),
            since: seats.iter().map(|seat| (seat.delegate, first)).collect(),
            rounds,
        }
    }

    /// Ends the tip's round, and all rounds without blocks before `next`.
    pub(super) fn cross(&self, next: Epoch) -> Option<(Arc<Seating>, Arc<Bench>)> {
        let seating = self.seating.as_ref()?;
        let ended = seating.current;
        let mut bench = Bench::clone(&self.bench);
        // A round without any block says nothing about its delegates: the network was away.
        if let Some(round) = seating.rounds.get(&ended).filter(|_| !self.made.is_empty()) {
            bench.attend(self.attendance(round));
        }
        bench.judge(
            &self.settings.jail,
            self.votes.last_final(),
            (ended, self.tip.height),
            |delegate| self.tally.registration(delegate).map(|it| it.height),
        );
        let mut rounds = seating.rounds.clone();
        for number in [next, Epoch(next.0.saturating_add(1))] {
            if !rounds.contains_key(&number) {
                let before = rounds.last_key_value().map(|(_, round)| round.seats());
                let seats = self.elect(number, &bench, before);
                let seed = seed(&self.settings, number, Some(&self.mix));
                let round = Round::new(&self.settings, number, seats, &seed);
                rounds.insert(number, Arc::new(round));
            }
        }
        while rounds.len() > MAX_KNOWN_ROUNDS {
            rounds.pop_first();
        }
        let first = Height(self.tip.height.0.saturating_add(1));
        let seats = rounds.get(&next)?.seats().iter();
        let since = seats.map(|seat| {
            let since = seating.since.get(&seat.delegate).copied();
            (seat.delegate, since.unwrap_or(first))
        });
        let since = since.collect();
        let seating = Seating {
            current: next,
            since,
            rounds,
        };
        Some((Arc::new(seating), Arc::new(bench)))
    }

    fn attendance(&self, round: &Round) -> Attendance {
        let slots = self.settings.slots_of(round.number());
        let turns = slots.filter_map(|slot| {
            let seat = round.leader(slot)?;
            Some((seat.delegate, self.made.contains(&slot)))
        });
        Attendance {
            round: round.number(),
            last: self.tip.height,
            turns: turns.collect(),
        }
    }

    /// Gives the seats of a round to the best candidates that are not benched. Where there is
    /// none at all, those who sat before stay.
    fn elect(&self, round: Epoch, bench: &Bench, before: Option<&Arc<[Seat]>>) -> Arc<[Seat]> {
        let candidates = self.tally.ranking().filter_map(|(delegate, _)| {
            let registration = self.tally.registration(&delegate)?;
            let is_benched = bench.is_benched(&delegate, round, registration.height);
            (!is_benched).then_some(Seat {
                delegate,
                anchor: registration.anchor,
            })
        });
        let limit = usize::try_from(self.settings.seats).unwrap_or(usize::MAX);
        let seats: Arc<[Seat]> = candidates.take(limit).collect();
        match before {
            // One slice for all rounds with the same seats.
            Some(before) if seats.is_empty() || seats == *before => Arc::clone(before),
            _ => seats,
        }
    }
}
