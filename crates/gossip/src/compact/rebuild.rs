//! Putting a block together from what the sender gave and the mempool has.

use std::collections::HashMap;

use bytes::Bytes;
use synod_primitives::{Block, Header, Transaction, Wtxid, merkle, usual_order};

use super::{CompactBlock, ShortIds, reduce};
use crate::wire::WireError;

/// The most ways of putting a block together that are tried, each of which costs its Merkle tree.
pub const MAX_CHOICES: usize = 8;

/// A block being put together.
#[derive(Debug)]
pub struct Reconstruction {
    header: Header,
    coinbase: Bytes,
    /// By rank.
    slots: Vec<Slot>,
    places: Option<Vec<u16>>,
}

#[derive(Clone, Debug)]
enum Slot {
    Missing,
    Known(Bytes),
    /// More of the mempool than of the block have this short id.
    OneOf(Vec<Bytes>),
}

/// What came of putting a block together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rebuilt {
    /// The block; its transactions give the header's Merkle root.
    Whole(Bytes),
    /// The transactions of these ranks are missing.
    Missing(Vec<u32>),
    /// Short ids collided: the whole block is needed.
    Collided,
}

impl Reconstruction {
    /// Puts together what the sender gave and `pool` has.
    pub fn start<'a>(
        compact: &CompactBlock,
        pool: impl IntoIterator<Item = (Wtxid, &'a Bytes)>,
    ) -> Self {
        let ids = &compact.ids;
        let keys = ShortIds::new(&compact.header, compact.nonce);
        let mut found: HashMap<u64, Vec<(u64, &Bytes)>> =
            ids.iter().map(|id| (*id, Vec::new())).collect();
        for (wtxid, raw) in pool {
            let hash = keys.hash(&wtxid);
            if let Some(candidates) = found.get_mut(&reduce(hash, ids.len(), compact.rice)) {
                candidates.push((hash, raw));
            }
        }
        let mut slots = vec![Slot::Missing; ids.len()];
        let mut start = 0;
        for same in ids.chunk_by(|a, b| a == b) {
            let slots = &mut slots[start..start + same.len()];
            start += same.len();
            let candidates = found.get_mut(&same[0]).expect("every id is a key");
            candidates.sort_unstable_by_key(|it| it.0);
            candidates.dedup_by_key(|it| it.0);
            if candidates.len() == slots.len() {
                for (slot, (_, raw)) in slots.iter_mut().zip(candidates) {
                    *slot = Slot::Known(raw.clone());
                }
            } else if let [slot] = slots
                && (2..=MAX_CHOICES).contains(&candidates.len())
            {
                *slot = Slot::OneOf(candidates.iter().map(|it| it.1.clone()).collect());
            }
        }
        let mut block = Self {
            header: compact.header,
            coinbase: compact.coinbase.clone(),
            slots,
            places: compact.places.clone(),
        };
        let choices = block.choices();
        let is_missing = block.slots.iter().any(|it| matches!(it, Slot::Missing));
        if is_missing || choices > MAX_CHOICES {
            // Somebody has to be asked anyway.
            block.forget_choices();
        }
        block
    }

    /// Returns how many ways there are to put the block together.
    fn choices(&self) -> usize {
        self.slots.iter().fold(1, |ways: usize, slot| match slot {
            Slot::OneOf(candidates) => ways.saturating_mul(candidates.len()),
            Slot::Known(_) | Slot::Missing => ways,
        })
    }

    fn forget_choices(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot, Slot::OneOf(_)) {
                *slot = Slot::Missing;
            }
        }
    }

    /// Returns the ranks of the transactions that are missing.
    #[must_use]
    pub fn missing(&self) -> Vec<u32> {
        let ranks = self.slots.iter().zip(0..);
        ranks
            .filter_map(|(slot, rank)| matches!(slot, Slot::Missing).then_some(rank))
            .collect()
    }

    /// Adds the missing transactions, in the order of their ranks.
    ///
    /// # Errors
    /// Another number of transactions than are missing.
    pub fn fill(&mut self, transactions: Vec<Bytes>) -> Result<(), WireError> {
        let mut given = transactions.into_iter();
        for slot in &mut self.slots {
            if matches!(slot, Slot::Missing) {
                *slot = Slot::Known(given.next().ok_or(WireError::Truncated)?);
            }
        }
        given.next().map_or(Ok(()), |_| Err(WireError::TooLong))
    }

    /// Puts the block together. Where no choice gives the Merkle root, what there was to choose from
    /// counts as missing from then on.
    pub fn finish(&mut self) -> Rebuilt {
        let missing = self.missing();
        if !missing.is_empty() {
            return Rebuilt::Missing(missing);
        }
        let Some(candidates) = self.decode() else {
            return Rebuilt::Collided;
        };
        let Ok(coinbase) = Transaction::decode(&self.coinbase) else {
            return Rebuilt::Collided;
        };
        let choices = self.choices();
        for choice in 0..choices {
            let chosen = choose(&candidates, choice);
            let order = self.order(&chosen);
            let others = order.iter().map(|rank| chosen[*rank as usize]);
            let leaves = std::iter::once(&coinbase).chain(others.clone());
            let root = merkle::root(leaves.map(|it| it.txid().to_bytes()).collect());
            if !root.is_mutated && root.hash == *self.header.merkle_root.as_bytes() {
                let all = std::iter::once(coinbase.clone()).chain(others.cloned());
                let block = Block::new(self.header, all.collect());
                return Rebuilt::Whole(block.raw().clone());
            }
        }
        self.forget_choices();
        match self.missing() {
            none if none.is_empty() => Rebuilt::Collided,
            missing => Rebuilt::Missing(missing),
        }
    }

    /// Decodes what may stand at each rank; `None` for bytes that are no transaction.
    fn decode(&self) -> Option<Vec<Vec<Transaction>>> {
        let decode = |raw: &Bytes| Transaction::decode(raw).ok();
        let of_slot = |slot: &Slot| match slot {
            Slot::Missing => None,
            Slot::Known(raw) => Some(vec![decode(raw)?]),
            Slot::OneOf(raws) => raws.iter().map(decode).collect(),
        };
        self.slots.iter().map(of_slot).collect()
    }

    /// Returns the ranks in the block's order.
    fn order(&self, chosen: &[&Transaction]) -> Vec<u32> {
        let Some(places) = &self.places else {
            return usual_order(chosen);
        };
        let mut order = vec![0; places.len()];
        for (place, rank) in places.iter().zip(0..) {
            order[usize::from(*place)] = rank;
        }
        order
    }
}

/// Picks the `choice`-th way of taking one of each.
fn choose(candidates: &[Vec<Transaction>], mut choice: usize) -> Vec<&Transaction> {
    let pick = |of_slot: &'_ Vec<Transaction>| {
        let at = choice % of_slot.len();
        choice /= of_slot.len();
        at
    };
    let picks: Vec<usize> = candidates.iter().map(pick).collect();
    let pairs = candidates.iter().zip(picks);
    pairs.map(|(of_slot, at)| &of_slot[at]).collect()
}
