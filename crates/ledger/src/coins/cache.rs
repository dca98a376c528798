//! The table of entries, and what is written of it.

use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use synod_primitives::OutPoint;

use crate::coin::Coin;
use crate::sip::HashKey;

/// Coins in memory over a table that the caller reads and writes.
///
/// Entries stand side by side in the order in which they came, apart from those that took the place
/// of one that went; only their numbers are spread over a hash table. So what a block makes lies
/// together, where the coins that it spent were not long ago, and an attempt to find a coin costs one
/// distant read.
#[derive(Clone, Debug)]
pub struct CoinsCache {
    pub(super) entries: IndexMap<OutPoint, Entry, HashKey>,
    /// Outpoints that were found to have no coin, to be forgotten after the next block.
    pub(super) absent: Vec<OutPoint>,
    /// Bytes of scripts that lie outside the table.
    pub(super) heap_bytes: usize,
}

/// What the cache knows of an outpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// The coin; `None` when it is spent or never was.
    pub(super) coin: Option<Coin>,
    pub(super) state: State,
}

/// How an entry differs from the table below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Not at all.
    Clean,
    /// The table may hold something else.
    Dirty,
    /// The table holds nothing: once it is spent, nothing need be written.
    Fresh,
}

/// An answer of the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup<'a> {
    /// The coin is there.
    Coin(&'a Coin),
    /// There is none: it is spent or never was.
    Absent,
    /// The table has to be asked.
    Unknown,
}

/// Changes to write to the table, each part sorted by outpoint.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flush {
    /// Coins to insert, or to replace where the table has the outpoint.
    pub inserts: Vec<(OutPoint, Coin)>,
    /// Coins to delete; the table may lack some.
    pub deletes: Vec<OutPoint>,
}

impl Flush {
    /// Says whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inserts.is_empty() && self.deletes.is_empty()
    }
}

impl CoinsCache {
    /// Makes an empty cache whose table is keyed against chosen ids.
    #[must_use]
    pub fn new(key: HashKey) -> Self {
        Self {
            entries: IndexMap::with_hasher(key),
            absent: Vec::new(),
            heap_bytes: 0,
        }
    }

    /// Makes room for more coins at once, where it is known that they come: a table that grows by
    /// doubling takes twice the memory, and time to move.
    pub fn reserve(&mut self, coins: usize) {
        self.entries.reserve(coins);
    }

    /// Returns the number of outpoints that the cache knows something of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Says whether the cache knows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Says what the cache knows of an outpoint.
    #[must_use]
    pub fn lookup(&self, outpoint: &OutPoint) -> Lookup<'_> {
        match self.entries.get(outpoint) {
            None => Lookup::Unknown,
            Some(Entry { coin: None, .. }) => Lookup::Absent,
            Some(Entry {
                coin: Some(coin), ..
            }) => Lookup::Coin(coin),
        }
    }

    /// Takes in what the table has at an outpoint: a coin or none.
    ///
    /// What the cache knows already stays as it is, since it may be newer. Absent ones are
    /// forgotten when the next block has been connected or refused.
    ///
    /// Correctness: the answer must be that of the table after the last
    /// [`CoinsCache::take_flush`] was written, and no block may have been connected since it
    /// was read.
    pub fn insert_fetched(&mut self, outpoint: OutPoint, coin: Option<Coin>) {
        if let Slot::Vacant(slot) = self.entries.entry(outpoint) {
            match &coin {
                Some(coin) => self.heap_bytes += coin.script_pubkey.heap_bytes(),
                None => self.absent.push(outpoint),
            }
            slot.insert(Entry {
                coin,
                state: State::Clean,
            });
        }
    }

    /// Hands over all changes since the last time, to be written in one transaction.
    ///
    /// The cache keeps the coins, now as what the table has. When writing fails, the cache is
    /// ahead of the table and must be thrown away.
    #[must_use]
    pub fn take_flush(&mut self) -> Flush {
        let mut flush = Flush::default();
        self.entries.retain(|outpoint, entry| {
            let state = std::mem::replace(&mut entry.state, State::Clean);
            match (&entry.coin, state) {
                (_, State::Clean) => true,
                (Some(coin), _) => {
                    flush.inserts.push((*outpoint, coin.clone()));
                    true
                }
                (None, _) => {
                    flush.deletes.push(*outpoint);
                    false
                }
            }
        });
        // The order of the table must not show: it depends on the key.
        flush
            .inserts
            .sort_unstable_by_key(|(outpoint, _)| *outpoint);
        flush.deletes.sort_unstable();
        flush
    }

    /// Forgets the outpoints that are known to have no coin.
    pub(crate) fn forget_absent(&mut self) {
        for outpoint in std::mem::take(&mut self.absent) {
            if let Slot::Occupied(slot) = self.entries.entry(outpoint)
                && slot.get().coin.is_none()
                && slot.get().state == State::Clean
            {
                slot.swap_remove();
            }
        }
    }
}
