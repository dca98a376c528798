//! Who has sealed and missed which of the last slots, and which keys were seen: for people, not
//! for agreement.

use std::collections::{BTreeMap, VecDeque};

use synod_seal::{DelegateHash, Epoch, SealKey, Slot};

/// The slots over which turns are counted.
pub const COUNTED_SLOTS: u64 = 1024;
/// Turns that are remembered beyond those that are counted, so that a branch can be left.
const SPARE_TURNS: usize = 1024;
/// The most keys that are remembered; when there are more, those without a turn are forgotten.
const MAX_KEYS: usize = 1024;

/// The last slots of the active chain.
#[derive(Clone, Debug, Default)]
pub struct RecentTurns {
    turns: VecDeque<Taken>,
    keys: BTreeMap<DelegateHash, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    slot: Slot,
    delegate: DelegateHash,
    made: bool,
}

/// A key that was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The key.
    pub key: SealKey,
    /// The target of its last vote.
    pub vote: Option<Epoch>,
}

/// How somebody took its turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TurnCount {
    /// Slots with its block.
    pub sealed: u64,
    /// Slots without.
    pub missed: u64,
    /// The slot of its last block.
    pub last_slot: Option<Slot>,
}

impl RecentTurns {
    /// Takes in a block in `slot` on one in `before`; `leader` says whose the slots between were.
    pub fn connect(
        &mut self,
        before: Slot,
        slot: Slot,
        key: SealKey,
        leader: impl Fn(Slot) -> Option<DelegateHash>,
    ) {
        let first = before.0.saturating_add(1);
        let first = first.max(slot.0.saturating_sub(COUNTED_SLOTS));
        for empty in (first..slot.0).map(Slot) {
            if let Some(delegate) = leader(empty) {
                self.push(empty, delegate, false);
            }
        }
        self.push(slot, key.delegate_hash(), true);
        self.see(key, None);
    }

    /// Forgets what came after the slot of the block that is the last now.
    pub fn disconnect(&mut self, tip: Slot) {
        while self.turns.pop_back_if(|it| it.slot > tip).is_some() {}
    }

    /// Takes note of a vote whose signature holds.
    pub fn see(&mut self, key: SealKey, vote: Option<Epoch>) {
        let delegate = key.delegate_hash();
        if !self.keys.contains_key(&delegate) && self.keys.len() >= MAX_KEYS {
            let turns = &self.turns;
            self.keys
                .retain(|it, _| turns.iter().any(|turn| turn.delegate == *it));
            if self.keys.len() >= MAX_KEYS {
                return;
            }
        }
        let seen = self.keys.entry(delegate).or_insert(Seen { key, vote });
        seen.vote = seen.vote.max(vote);
    }

    /// Returns what was seen of a delegate.
    #[must_use]
    pub fn seen(&self, delegate: &DelegateHash) -> Option<&Seen> {
        self.keys.get(delegate)
    }

    /// Returns how many slots up to `tip` are counted.
    #[must_use]
    pub fn counted(&self, tip: Slot) -> u64 {
        let first = self.counted_turns(tip).next();
        first.map_or(0, |it| tip.0.saturating_sub(it.slot.0).saturating_add(1))
    }

    /// Counts the turns of the last slots up to `tip`.
    #[must_use]
    pub fn count(&self, tip: Slot) -> BTreeMap<DelegateHash, TurnCount> {
        let mut counts: BTreeMap<_, TurnCount> = BTreeMap::new();
        for turn in self.counted_turns(tip) {
            let count = counts.entry(turn.delegate).or_default();
            if turn.made {
                count.sealed = count.sealed.saturating_add(1);
                count.last_slot = Some(turn.slot);
            } else {
                count.missed = count.missed.saturating_add(1);
            }
        }
        counts
    }

    /// Returns the number of items in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.turns.len() + self.keys.len()
    }

    /// Says whether nothing was taken in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn counted_turns(&self, tip: Slot) -> impl Iterator<Item = &Taken> {
        let after = Slot(tip.0.saturating_sub(COUNTED_SLOTS));
        self.turns.iter().filter(move |it| it.slot > after)
    }

    fn push(&mut self, slot: Slot, delegate: DelegateHash, made: bool) {
        let limit = usize::try_from(COUNTED_SLOTS).unwrap_or(usize::MAX);
        if self.turns.len() >= limit.saturating_add(SPARE_TURNS) {
            self.turns.pop_front();
        }
        self.turns.push_back(Taken {
            slot,
            delegate,
            made,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> SealKey {
        SealKey([number; 32])
    }

    fn leader(slot: Slot) -> Option<DelegateHash> {
        Some(key(u8::try_from(slot.0 % 2).expect("small")).delegate_hash())
    }

    #[test]
    fn empty_slots_are_missed_by_whose_they_were_and_a_left_branch_is_forgotten() {
        let mut turns = RecentTurns::default();
        turns.connect(Slot(0), Slot(1), key(1), leader);
        turns.connect(Slot(1), Slot(4), key(0), leader);
        let counts = turns.count(Slot(4));
        let one = counts[&key(1).delegate_hash()];
        assert_eq!((one.sealed, one.missed), (1, 1), "slots 1 and 3");
        let zero = counts[&key(0).delegate_hash()];
        assert_eq!((zero.sealed, zero.missed), (1, 1), "slots 4 and 2");
        assert_eq!(zero.last_slot, Some(Slot(4)));
        assert_eq!(turns.counted(Slot(4)), 4);
        turns.disconnect(Slot(1));
        assert_eq!(turns.counted(Slot(1)), 1);
        assert_eq!(turns.count(Slot(1)).len(), 1);
    }

    #[test]
    fn only_the_last_slots_count_and_memory_is_bounded() {
        let mut turns = RecentTurns::default();
        for slot in 1..=5000 {
            turns.connect(Slot(slot - 1), Slot(slot), key(1), leader);
        }
        assert_eq!(turns.counted(Slot(5000)), COUNTED_SLOTS);
        let counts = turns.count(Slot(5000));
        assert_eq!(counts[&key(1).delegate_hash()].sealed, COUNTED_SLOTS);
        assert_eq!(turns.turns.len(), 2048);
        // A long gap costs no more than what is counted.
        turns.connect(Slot(5000), Slot(u64::MAX), key(1), leader);
        assert_eq!(turns.turns.len(), 2048);
    }

    #[test]
    fn the_latest_vote_stays_and_keys_without_turns_make_room() {
        let mut turns = RecentTurns::default();
        turns.connect(Slot(0), Slot(1), key(1), leader);
        turns.see(key(1), Some(Epoch(5)));
        turns.see(key(1), Some(Epoch(3)));
        let seen = turns.seen(&key(1).delegate_hash()).expect("seen");
        assert_eq!((seen.key, seen.vote), (key(1), Some(Epoch(5))));
        for number in 0..3000_u16 {
            let mut bytes = [7; 32];
            bytes[..2].copy_from_slice(&number.to_le_bytes());
            turns.see(SealKey(bytes), None);
        }
        assert!(turns.keys.len() <= MAX_KEYS);
        assert!(turns.seen(&key(1).delegate_hash()).is_some());
    }
}
