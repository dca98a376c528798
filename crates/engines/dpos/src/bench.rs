//! The bench: who has missed too many of its turns and may not sit for a while.
//!
//! A miss counts when its round is final. Security: misses above the last final block differ
//! between the sides of a partition; were they counted, each side would bench the other,
//! fill the seats with its own standbys, and make blocks final that contradict the other's.
//! So while more than a third is away nobody is benched: then only votes change the seats.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use synod_primitives::{Height, Reader};
use synod_seal::{DelegateHash, Epoch};

use crate::settings::JailRule;
use crate::state_record::{put_count, read_delegate, read_height};

/// The most rounds that wait to become final; past it the oldest is never counted.
pub const MAX_PENDING_ROUNDS: usize = 1024;

/// Who had a turn in one round, and who took it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attendance {
    /// The round.
    pub(crate) round: Epoch,
    /// Its last block.
    pub(crate) last: Height,
    /// Each turn, and whether a block was made.
    pub(crate) turns: Vec<(DelegateHash, bool)>,
}

/// Since when and for how long a delegate is out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jailed {
    /// It stays out until its registration is renewed in a block above this height.
    pub since: Height,
    /// The first round that it may sit in again.
    pub until: Epoch,
}

/// How a delegate takes its turns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diligence {
    /// Its last turns that count for the bench, oldest first.
    window: VecDeque<bool>,
    /// Turns that it took, over all final rounds.
    pub made: u64,
    /// Turns that it missed, over all final rounds.
    pub missed: u64,
    /// When it was benched last.
    pub jailed: Option<Jailed>,
}

/// The diligence of all who have had a seat.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bench {
    pending: VecDeque<Arc<Attendance>>,
    records: BTreeMap<DelegateHash, Diligence>,
}

impl Bench {
    /// Appends the rounds that wait, and what is known of each delegate.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.pending.len());
        for attendance in &self.pending {
            out.extend_from_slice(&attendance.round.0.to_le_bytes());
            out.extend_from_slice(&attendance.last.0.to_le_bytes());
            put_count(out, attendance.turns.len());
            for (delegate, made) in &attendance.turns {
                out.extend_from_slice(&delegate.0);
                out.push(u8::from(*made));
            }
        }
        put_count(out, self.records.len());
        for (delegate, record) in &self.records {
            out.extend_from_slice(&delegate.0);
            record.encode(out);
        }
    }

    /// Reads what [`Bench::encode`] wrote.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let mut bench = Self::default();
        for _ in 0..reader.read_u32().ok()? {
            let mut attendance = Attendance {
                round: Epoch(reader.read_u64().ok()?),
                last: read_height(reader)?,
                turns: Vec::new(),
            };
            for _ in 0..reader.read_u32().ok()? {
                let delegate = read_delegate(reader)?;
                let made = reader.read_u8().ok()? != 0;
                attendance.turns.push((delegate, made));
            }
            bench.pending.push_back(Arc::new(attendance));
        }
        for _ in 0..reader.read_u32().ok()? {
            let delegate = read_delegate(reader)?;
            bench.records.insert(delegate, Diligence::decode(reader)?);
        }
        Some(bench)
    }

    /// Takes note of a round that has ended.
    pub(crate) fn attend(&mut self, attendance: Attendance) {
        if self.pending.len() >= MAX_PENDING_ROUNDS {
            self.pending.pop_front();
        }
        self.pending.push_back(Arc::new(attendance));
    }

    /// Judges the rounds that have become final. `ended` is the round that has just ended at
    /// `tip`; `registered` tells at which height a candidate's registration is.
    pub(crate) fn judge(
        &mut self,
        rule: &JailRule,
        last_final: Height,
        (ended, tip): (Epoch, Height),
        registered: impl Fn(&DelegateHash) -> Option<Height>,
    ) {
        let sentence = Jailed {
            since: tip,
            until: Epoch(ended.0.saturating_add(1).saturating_add(rule.rounds.into())),
        };
        while let Some(front) = self.pending.front().filter(|it| it.last <= last_final) {
            let attendance = Arc::clone(front);
            self.pending.pop_front();
            for (delegate, made) in &attendance.turns {
                let record = self.records.entry(*delegate).or_default();
                record.count(rule, attendance.round, *made, sentence);
            }
        }
        // Whoever has no bond left is forgotten, but not before its time on the bench is over.
        self.records.retain(|delegate, record| {
            let is_serving = record.jailed.is_some_and(|it| ended < it.until);
            is_serving || registered(delegate).is_some()
        });
    }

    /// Says whether a delegate with this registration is out in a round.
    pub(crate) fn is_benched(
        &self,
        delegate: &DelegateHash,
        round: Epoch,
        registered: Height,
    ) -> bool {
        let jailed = self.records.get(delegate).and_then(|it| it.jailed);
        jailed.is_some_and(|it| round < it.until || registered <= it.since)
    }

    pub(crate) fn diligence(&self, delegate: &DelegateHash) -> Option<&Diligence> {
        self.records.get(delegate)
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.records.len()
    }
}

impl Diligence {
    fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.window.len());
        out.extend(self.window.iter().map(|made| u8::from(*made)));
        out.extend_from_slice(&self.made.to_le_bytes());
        out.extend_from_slice(&self.missed.to_le_bytes());
        out.push(u8::from(self.jailed.is_some()));
        if let Some(jailed) = self.jailed {
            out.extend_from_slice(&jailed.since.0.to_le_bytes());
            out.extend_from_slice(&jailed.until.0.to_le_bytes());
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let mut window = VecDeque::new();
        for _ in 0..reader.read_u32().ok()? {
            window.push_back(reader.read_u8().ok()? != 0);
        }
        let made = reader.read_u64().ok()?;
        let missed = reader.read_u64().ok()?;
        let jailed = match reader.read_u8().ok()? {
            0 => None,
            _ => Some(Jailed {
                since: read_height(reader)?,
                until: Epoch(reader.read_u64().ok()?),
            }),
        };
        Some(Self {
            window,
            made,
            missed,
            jailed,
        })
    }

    fn count(&mut self, rule: &JailRule, round: Epoch, made: bool, sentence: Jailed) {
        let total = if made {
            &mut self.made
        } else {
            &mut self.missed
        };
        *total = total.saturating_add(1);
        // Turns that it still had before the bench took effect were paid for with it.
        if self.jailed.is_some_and(|it| round < it.until) {
            return;
        }
        self.window.push_back(made);
        let limit = usize::try_from(rule.window_slots).unwrap_or(usize::MAX);
        while self.window.len() > limit {
            self.window.pop_front();
        }
        let missed = self.window.iter().filter(|made| !**made).count();
        if u32::try_from(missed).unwrap_or(u32::MAX) >= rule.misses.max(1) {
            self.jailed = Some(sentence);
            self.window.clear();
        }
    }
}

#[cfg(test)]
#[path = "bench_tests.rs"]
mod tests;
