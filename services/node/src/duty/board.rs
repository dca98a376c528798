//! The board of duties: what keys should sign now, and who asks for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use synod_api::node::duty::MAX_DUTIES;
use synod_api::node::{SealDuty, VoteDuty};
use synod_primitives::Script;
use synod_seal::SealKey;
use tokio::sync::watch;

/// The most keys that ask at a time; the engines keep no more.
pub const MAX_ASKERS: usize = 128;
/// How long the engine works for a key after it asked last, in milliseconds: twice the longest
/// wait for a duty.
const ASKER_MS: u64 = 60_000;

/// More keys ask than a node works for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this node works for {MAX_ASKERS} keys at the most")]
pub struct TooManyKeys;

/// The duties of the keys that ask.
///
/// Invariant: cursors grow with every duty, also over a restart, where they start at the clock.
#[derive(Debug)]
pub struct Board {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    askers: BTreeMap<SealKey, Asker>,
    seals: BTreeMap<SealKey, Noted<SealDuty>>,
    votes: BTreeMap<SealKey, Noted<VoteDuty>>,
}

#[derive(Debug)]
struct Asker {
    until_ms: u64,
    payout: Option<Script>,
}

#[derive(Debug)]
struct Noted<T> {
    cursor: u64,
    duty: T,
}

/// What some keys should sign now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Open {
    /// The greatest cursor of them.
    pub newest: u64,
    /// Blocks to seal, the earliest slots first.
    pub seals: Vec<SealDuty>,
    /// Votes to sign.
    pub votes: Vec<VoteDuty>,
}

impl Board {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            inner: Mutex::default(),
            newest: watch::Sender::new(now_ms),
        }
    }

    /// Correctness: nothing in here is left half changed, so a panic elsewhere harms nobody.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that keys ask, and where their blocks pay; says whether the engine has to be
    /// told of new keys.
    ///
    /// # Errors
    /// Too many keys ask; then nothing has changed.
    pub fn ask(
        &self,
        keys: &[SealKey],
        payout: Option<&Script>,
        now_ms: u64,
    ) -> Result<bool, TooManyKeys> {
        let mut inner = self.lock();
        let gone = inner.expire_askers(now_ms);
        let new = keys.iter().filter(|it| !inner.askers.contains_key(it));
        let new = new.count();
        if inner.askers.len().saturating_add(new) > MAX_ASKERS {
            return Err(TooManyKeys);
        }
        for key in keys {
            let asker = inner.askers.entry(*key).or_insert(Asker {
                until_ms: 0,
                payout: None,
            });
            asker.until_ms = now_ms.saturating_add(ASKER_MS);
            if payout.is_some() {
                asker.payout = payout.cloned();
            }
        }
        Ok(new > 0 || gone)
    }

    /// Returns the keys that ask.
    #[must_use]
    pub fn keys(&self) -> Vec<SealKey> {
        self.lock().askers.keys().copied().collect()
    }

    /// Returns where the blocks of a key pay.
    #[must_use]
    pub fn payout(&self, key: &SealKey) -> Option<Script> {
        self.lock().askers.get(key)?.payout.clone()
    }

    /// Watches for new duties: the value is the greatest cursor.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Returns the duties of keys that are not over; blocks only where `wants_seals`.
    #[must_use]
    pub fn open(&self, keys: &[SealKey], wants_seals: bool, now_ms: u64) -> Open {
        let inner = self.lock();
        let mut open = Open::default();
        for key in keys {
            let seal = inner.seals.get(key);
            if let Some(noted) = seal.filter(|it| wants_seals && now_ms < it.duty.expires_ms) {
                open.newest = open.newest.max(noted.cursor);
                open.seals.push(noted.duty.clone());
            }
            let vote = inner.votes.get(key);
            if let Some(noted) = vote.filter(|it| now_ms < it.duty.expires_ms) {
                open.newest = open.newest.max(noted.cursor);
                open.votes.push(noted.duty);
            }
        }
        open.seals.sort_by_key(|it| (it.slot, it.key));
        open.votes.sort_by_key(|it| (it.target.epoch, it.key));
        open.seals.truncate(MAX_DUTIES);
        open.votes
            .truncate(MAX_DUTIES.saturating_sub(open.seals.len()));
        open
    }

    /// Puts up a block to seal, in place of an earlier one of its key.
    pub(super) fn want_seal(&self, key: SealKey, duty: SealDuty) {
        let mut inner = self.lock();
        if inner.seals.get(&key).is_none_or(|it| it.duty != duty) {
            let cursor = self.next_cursor();
            inner.seals.insert(key, Noted { cursor, duty });
            self.newest.send_replace(cursor);
        }
    }

    /// Puts up a vote to sign, in place of an earlier one of its key.
    pub(super) fn want_vote(&self, key: SealKey, duty: VoteDuty) {
        let mut inner = self.lock();
        if inner.votes.get(&key).is_none_or(|it| it.duty != duty) {
            let cursor = self.next_cursor();
            inner.votes.insert(key, Noted { cursor, duty });
            self.newest.send_replace(cursor);
        }
    }

    /// Takes down what is over: votes by the clock, blocks also by the height that the chain
    /// has; says whether keys ask no more.
    pub(super) fn clear(&self, now_ms: u64, height: u32) -> bool {
        let mut inner = self.lock();
        inner
            .seals
            .retain(|_, it| now_ms < it.duty.expires_ms && it.duty.height > height);
        inner.votes.retain(|_, it| now_ms < it.duty.expires_ms);
        inner.expire_askers(now_ms)
    }

    /// Takes down a vote that was signed.
    pub fn voted(&self, key: &SealKey, target: u64) {
        let mut inner = self.lock();
        let is_done = |it: &Noted<VoteDuty>| it.duty.target.epoch <= target;
        if inner.votes.get(key).is_some_and(is_done) {
            inner.votes.remove(key);
        }
    }

    /// Called under the lock, so that no two duties get the same.
    fn next_cursor(&self) -> u64 {
        self.newest.borrow().saturating_add(1)
    }
}

impl Inner {
    fn expire_askers(&mut self, now_ms: u64) -> bool {
        let before = self.askers.len();
        self.askers.retain(|_, it| now_ms <= it.until_ms);
        self.askers.len() != before
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
