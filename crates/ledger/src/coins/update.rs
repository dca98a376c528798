//! Changes of one block, all or none.

use indexmap::map::Entry as Slot;
use synod_primitives::OutPoint;

use super::cache::{CoinsCache, Entry, State};
use crate::coin::Coin;

/// Changes in progress. Unless they are committed, dropping them restores the cache, also
/// while a panic unwinds.
pub(crate) struct CoinsUpdate<'a> {
    cache: &'a mut CoinsCache,
    /// What was at each outpoint before it was changed, in order.
    journal: Vec<(OutPoint, Option<Entry>)>,
}

/// Why a coin could not be spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SpendError {
    /// There is none.
    Absent,
    /// The cache does not know, so the caller has not fetched it.
    Unknown,
}

impl<'a> CoinsUpdate<'a> {
    /// Starts; about `changes` changes are expected.
    pub(crate) fn new(cache: &'a mut CoinsCache, changes: usize) -> Self {
        Self {
            cache,
            journal: Vec::with_capacity(changes),
        }
    }

    /// Says whether there is a coin, without changing anything.
    pub(crate) fn has_coin(&self, outpoint: &OutPoint) -> Result<bool, SpendError> {
        let entry = self
            .cache
            .entries
            .get(outpoint)
            .ok_or(SpendError::Unknown)?;
        Ok(entry.coin.is_some())
    }

    /// Takes a coin away.
    pub(crate) fn spend(&mut self, outpoint: OutPoint) -> Result<Coin, SpendError> {
        let Slot::Occupied(mut slot) = self.cache.entries.entry(outpoint) else {
            return Err(self.why_unknown(&outpoint));
        };
        let entry = slot.get_mut();
        let coin = entry.coin.clone().ok_or(SpendError::Absent)?;
        self.cache.heap_bytes -= coin.script_pubkey.heap_bytes();
        let before = if entry.state == State::Fresh {
            // Neither memory nor the table has it now.
            slot.swap_remove()
        } else {
            let spent = Entry {
                coin: None,
                state: State::Dirty,
            };
            std::mem::replace(entry, spent)
        };
        self.journal.push((outpoint, Some(before)));
        Ok(coin)
    }

    /// Tells a coin that this block has spent from one that the cache knows nothing of.
    ///
    /// Security: goes through all changes, which is no way to waste time: the answer ends the
    /// block.
    fn why_unknown(&self, outpoint: &OutPoint) -> SpendError {
        let mut changes = self.journal.iter();
        if changes.any(|(at, before)| at == outpoint && before.is_some()) {
            SpendError::Absent
        } else {
            SpendError::Unknown
        }
    }

    /// Puts a coin in.
    ///
    /// # Errors
    /// There is one already.
    pub(crate) fn add(&mut self, outpoint: OutPoint, coin: Coin) -> Result<(), ()> {
        let heap_bytes = coin.script_pubkey.heap_bytes();
        match self.cache.entries.entry(outpoint) {
            Slot::Vacant(slot) => {
                slot.insert(Entry {
                    coin: Some(coin),
                    state: State::Fresh,
                });
                self.journal.push((outpoint, None));
            }
            Slot::Occupied(mut slot) => {
                let entry = slot.get_mut();
                if entry.coin.is_some() {
                    return Err(());
                }
                self.journal.push((outpoint, Some(entry.clone())));
                entry.coin = Some(coin);
                // A dirty entry without a coin is one that the table may still have.
                entry.state = match entry.state {
                    State::Dirty => State::Dirty,
                    State::Clean | State::Fresh => State::Fresh,
                };
            }
        }
        self.cache.heap_bytes += heap_bytes;
        Ok(())
    }

    /// Keeps the changes.
    pub(crate) fn commit(mut self) {
        self.journal.clear();
    }
}

impl Drop for CoinsUpdate<'_> {
    fn drop(&mut self) {
        let heap = |entry: &Option<Entry>| {
            let coin = entry.as_ref().and_then(|entry| entry.coin.as_ref());
            coin.map_or(0, |coin| coin.script_pubkey.heap_bytes())
        };
        for (outpoint, before) in self.journal.drain(..).rev() {
            self.cache.heap_bytes += heap(&before);
            let after = match before {
                Some(entry) => self.cache.entries.insert(outpoint, entry),
                None => self.cache.entries.swap_remove(&outpoint),
            };
            self.cache.heap_bytes -= heap(&after);
        }
        self.cache.forget_absent();
    }
}
