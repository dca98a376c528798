//! What the cache occupies, and how it gets smaller.

use std::collections::BTreeMap;

use synod_primitives::OutPoint;

use super::cache::{CoinsCache, Entry, State};

/// Bytes of a slot: the entry with its key and its hash, and its number in the hash table with a
/// byte of control.
const SLOT_BYTES: usize = size_of::<(u64, OutPoint, Entry)>() + size_of::<usize>() + 1;

/// The hash table fills at most 7 of 8 slots and has a power of two of them.
const FILLED: usize = 7;
const FILLED_OF: usize = 8;

impl CoinsCache {
    /// Returns the bytes that the cache occupies, empty slots of its table included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.slots() * SLOT_BYTES + self.loose_bytes()
    }

    /// Says whether the cache occupies more than `limit_bytes`, or soon would: a table that is
    /// nearly full doubles, and holds both sizes while it does.
    ///
    /// Then it is time to write [`CoinsCache::take_flush`] and to
    /// [`evict`](CoinsCache::evict_clean).
    #[must_use]
    pub fn is_over(&self, limit_bytes: usize) -> bool {
        let table = self.slots() * SLOT_BYTES;
        let is_nearly_full = self.entries.len() > self.entries.capacity() / FILLED_OF * FILLED;
        let soon = if is_nearly_full { 3 * table } else { table };
        soon + self.loose_bytes() > limit_bytes
    }

    fn slots(&self) -> usize {
        match self.entries.capacity() {
            0 => 0,
            capacity => (capacity * FILLED_OF / FILLED).next_power_of_two(),
        }
    }

    fn loose_bytes(&self) -> usize {
        self.heap_bytes + self.absent.capacity() * size_of::<OutPoint>()
    }

    /// Drops coins that need not be written until the cache is well below `limit_bytes`, or as
    /// near to it as changes that are not written yet allow; does nothing unless
    /// [`CoinsCache::is_over`].
    ///
    /// The oldest coins go first: young ones are spent sooner. Which ones go depends on the
    /// coins alone, not on the order of the table.
    pub fn evict_clean(&mut self, limit_bytes: usize) {
        if !self.is_over(limit_bytes) {
            return;
        }
        self.forget_absent();
        self.absent.shrink_to_fit();
        // Half of what the largest table within the limit can hold while it doubles.
        let slots = (limit_bytes / SLOT_BYTES / 3 + 1).next_power_of_two() / 2;
        let keep_entries = slots / 2;
        let excess = self.entries.len().saturating_sub(keep_entries);
        let first_kept = self.height_above_oldest(excess);
        let heap_bytes = &mut self.heap_bytes;
        self.entries.retain(|_, entry| {
            let Entry {
                coin: Some(coin),
                state: State::Clean,
            } = entry
            else {
                return true;
            };
            let keeps = first_kept.is_some_and(|first| coin.height.0 >= first);
            if !keeps {
                *heap_bytes -= coin.script_pubkey.heap_bytes();
            }
            keeps
        });
        self.entries.shrink_to(keep_entries.max(self.entries.len()));
    }

    /// Returns the least height such that at least `count` clean coins are below it; `None`
    /// when there are not more than those.
    fn height_above_oldest(&self, count: usize) -> Option<u32> {
        let mut at_height: BTreeMap<u32, usize> = BTreeMap::new();
        for entry in self.entries.values() {
            if let Entry {
                coin: Some(coin),
                state: State::Clean,
            } = entry
            {
                *at_height.entry(coin.height.0).or_default() += 1;
            }
        }
        let mut below = 0;
        for (height, coins) in at_height {
            if below >= count {
                return Some(height);
            }
            below += coins;
        }
        None
    }
}
