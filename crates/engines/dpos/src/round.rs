//! Rounds: who sits on which seat, and in which order they seal.

use std::sync::Arc;

use synod_primitives::{Reader, sha256, tagged_hash};
use synod_seal::{DelegateHash, Epoch, Slot};

use crate::settings::Settings;
use crate::state_record::{put_count, read_delegate};

/// The most seats of a round.
pub const MAX_SEATS: u32 = 101;

/// The tag of a round's seed.
const SEED_TAG: &str = "synod/dpos/seed/1";

/// Who sits on a seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seat {
    /// The delegate.
    pub delegate: DelegateHash,
    /// The start of the hash chain that it had registered when the seats were given away.
    pub anchor: [u8; 32],
}

/// One round's seats and their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    number: Epoch,
    first_slot: Slot,
    seats: Arc<[Seat]>,
    /// For each turn an index into the seats.
    order: Vec<u8>,
}

impl Round {
    /// Puts the seats, best first, into the order that follows from the seed.
    pub(crate) fn new(
        settings: &Settings,
        number: Epoch,
        seats: Arc<[Seat]>,
        seed: &[u8; 32],
    ) -> Self {
        let order = shuffle(seed, seats.len());
        Self {
            number,
            first_slot: settings.first_slot(number),
            seats,
            order,
        }
    }

    /// Appends number, seats and order.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.0.to_le_bytes());
        put_count(out, self.seats.len());
        for seat in self.seats.iter() {
            out.extend_from_slice(&seat.delegate.0);
            out.extend_from_slice(&seat.anchor);
        }
        put_count(out, self.order.len());
        out.extend_from_slice(&self.order);
    }

    /// Reads what [`Round::encode`] wrote.
    pub(crate) fn decode(settings: &Settings, reader: &mut Reader<'_>) -> Option<Self> {
        let number = Epoch(reader.read_u64().ok()?);
        let mut seats = Vec::new();
        for _ in 0..reader.read_u32().ok()? {
            seats.push(Seat {
                delegate: read_delegate(reader)?,
                anchor: reader.read_array().ok()?,
            });
        }
        let count = usize::try_from(reader.read_u32().ok()?).ok()?;
        Some(Self {
            number,
            first_slot: settings.first_slot(number),
            seats: seats.into(),
            order: reader.read_bytes(count).ok()?.to_vec(),
        })
    }

    /// Returns the round's number.
    #[must_use]
    pub fn number(&self) -> Epoch {
        self.number
    }

    /// Borrows the seats, best first.
    #[must_use]
    pub fn seats(&self) -> &Arc<[Seat]> {
        &self.seats
    }

    /// Returns whose turn a slot of this round is; `None` where nobody has a seat. Where
    /// there are fewer delegates than slots, the order starts anew.
    #[must_use]
    pub fn leader(&self, slot: Slot) -> Option<&Seat> {
        let turns = u64::try_from(self.order.len()).ok()?;
        let turn = slot
            .0
            .checked_sub(self.first_slot.0)?
            .checked_rem(turns.max(1))?;
        let index = self.order.get(usize::try_from(turn).ok()?)?;
        self.seats.get(usize::from(*index))
    }

    /// Says whether a delegate has a seat.
    #[must_use]
    pub fn has_seat(&self, delegate: &DelegateHash) -> bool {
        self.seats.iter().any(|seat| seat.delegate == *delegate)
    }

    /// Returns how many delegates are a quorum of this round: more than two thirds.
    #[must_use]
    pub fn quorum(&self) -> u32 {
        quorum(u32::try_from(self.seats.len()).unwrap_or(u32::MAX))
    }
}

/// Returns the least number that is more than two thirds of `delegates` (LIP-0014).
#[must_use]
pub fn quorum(delegates: u32) -> u32 {
    let thirds = u64::from(delegates) * 2 / 3 + 1;
    u32::try_from(thirds).unwrap_or(u32::MAX)
}

/// Computes a round's seed from the reveals up to the end of the round before the last;
/// without them for the first two rounds.
pub(crate) fn seed(settings: &Settings, round: Epoch, mix: Option<&[u8; 32]>) -> [u8; 32] {
    let number = round.0.to_le_bytes();
    match mix {
        Some(mix) => tagged_hash(SEED_TAG, &[&settings.chain_id, &number, mix]),
        None => tagged_hash(SEED_TAG, &[&settings.chain_id, &number]),
    }
}

/// Takes a reveal into the sum of all reveals before.
pub(crate) fn mix(before: &[u8; 32], reveal: &[u8; 32]) -> [u8; 32] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(before);
    both[32..].copy_from_slice(reveal);
    sha256(&both)
}

/// Shuffles `count` indices (Fisher and Yates, Durstenfeld 1964): for i from the last down to
/// 1 the elements i and j change places, where j is the first 8 bytes of `SHA256(seed || i)`,
/// little-endian, modulo i + 1; i has 4 bytes, little-endian.
///
/// Reducing 64 bits by at most 101 favours no index by more than 2^-57.
pub(crate) fn shuffle(seed: &[u8; 32], count: usize) -> Vec<u8> {
    let last = u8::try_from(count).unwrap_or(u8::MAX);
    let mut order: Vec<u8> = (0..last).collect();
    for i in (1..last).rev() {
        let mut input = [0; 36];
        input[..32].copy_from_slice(seed);
        input[32..].copy_from_slice(&u32::from(i).to_le_bytes());
        let digest = sha256(&input);
        let drawn = u64::from_le_bytes(std::array::from_fn(|at| digest[at]));
        let j = u8::try_from(drawn % (u64::from(i) + 1)).unwrap_or(0);
        order.swap(usize::from(i), usize::from(j));
    }
    order
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
