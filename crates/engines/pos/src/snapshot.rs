//! The validators of an epoch, and who leads its slots.

use std::collections::BTreeMap;

use synod_chainspec::Pos;
use synod_primitives::{BlockHash, OutPoint, Reader, tagged_hash};
use synod_seal::{DelegateHash, Epoch, Slot};

use crate::state::ChainState;
use crate::state_record::read_outpoint;

/// A validator of an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Validator {
    pub(crate) delegate: DelegateHash,
    /// The bond that registered it.
    pub(crate) registration: OutPoint,
    /// The start of its hash chain.
    pub(crate) anchor: [u8; 32],
    /// Satoshis of all its bonds: its weight in votes.
    pub(crate) amount: u64,
    /// Amount times age: its weight in the draw of leaders.
    weight: u128,
}

/// The validators of one epoch on one branch, by their delegate hashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Snapshot {
    pub(crate) epoch: Epoch,
    /// The block that they were taken at.
    pub(crate) at: BlockHash,
    seed: [u8; 32],
    validators: Vec<Validator>,
    /// The sum of all amounts.
    pub(crate) total: u64,
    total_weight: u128,
}

impl Snapshot {
    /// Takes the validators of `epoch` from the state at a block.
    pub(crate) fn take(
        state: &ChainState,
        at: BlockHash,
        epoch: Epoch,
        settings: &Pos,
        chain_id: &[u8; 32],
    ) -> Self {
        let mut validators = candidates(state, epoch, settings);
        // The greatest amounts stay; of equal ones the smaller hash.
        validators.sort_by_key(|it| (std::cmp::Reverse(it.amount), it.delegate));
        validators.truncate(settings.max_validators as usize);
        validators.sort_by_key(|it| it.delegate);
        if validators.iter().all(|it| it.weight == 0) {
            // Nobody's bond is old enough: the chain goes on by amounts alone.
            for validator in &mut validators {
                validator.weight = u128::from(validator.amount);
            }
        }
        let mix: &[u8] = if epoch.0 < 2 { &[] } else { &state.mix };
        Self {
            epoch,
            at,
            seed: tagged_hash("synod/seed/1", &[chain_id, &epoch.0.to_le_bytes(), mix]),
            total: validators.iter().map(|it| it.amount).sum(),
            total_weight: validators.iter().map(|it| it.weight).sum(),
            validators,
        }
    }

    /// Appends the snapshot: block, epoch, seed, the number of validators in 4 bytes, and each.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.at.as_bytes());
        out.extend_from_slice(&self.epoch.0.to_le_bytes());
        out.extend_from_slice(&self.seed);
        let count = u32::try_from(self.validators.len()).expect("the settings bound them");
        out.extend_from_slice(&count.to_le_bytes());
        for validator in &self.validators {
            out.extend_from_slice(&validator.delegate.0);
            out.extend_from_slice(validator.registration.txid.as_bytes());
            out.extend_from_slice(&validator.registration.vout.to_le_bytes());
            out.extend_from_slice(&validator.anchor);
            out.extend_from_slice(&validator.amount.to_le_bytes());
            out.extend_from_slice(&validator.weight.to_le_bytes());
        }
    }

    /// Reads what [`Snapshot::encode`] wrote.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let at = BlockHash::from_bytes(reader.read_array().ok()?);
        let epoch = Epoch(reader.read_u64().ok()?);
        let seed = reader.read_array().ok()?;
        let mut validators = Vec::new();
        for _ in 0..reader.read_u32().ok()? {
            validators.push(Validator {
                delegate: DelegateHash(reader.read_array().ok()?),
                registration: read_outpoint(reader)?,
                anchor: reader.read_array().ok()?,
                amount: reader.read_u64().ok()?,
                weight: u128::from_le_bytes(reader.read_array().ok()?),
            });
        }
        let amounts = validators.iter().map(|it| it.amount);
        let weights = validators.iter().map(|it| it.weight);
        Some(Self {
            epoch,
            at,
            seed,
            total: amounts.fold(0, u64::saturating_add),
            total_weight: weights.fold(0, u128::saturating_add),
            validators,
        })
    }

    /// Returns the only validator that may make a block in this slot.
    pub(crate) fn leader(&self, slot: Slot) -> Option<&Validator> {
        if self.total_weight == 0 {
            return None;
        }
        let hash = tagged_hash("synod/slot/1", &[&self.seed, &slot.0.to_le_bytes()]);
        let number = hash[..16].iter();
        let number = number.fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
        // The bias of the remainder is below 2^-50: weights add up to less than 2^78.
        let mut left = number % self.total_weight;
        self.validators.iter().find(|it| {
            let is_it = left < it.weight;
            left = left.saturating_sub(it.weight);
            is_it
        })
    }

    /// Borrows the validators, by their delegate hashes.
    pub(crate) fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// Returns a validator's place.
    pub(crate) fn seat_of(&self, delegate: &DelegateHash) -> Option<u32> {
        let index = self
            .validators
            .binary_search_by_key(delegate, |it| it.delegate);
        index.ok().and_then(|it| u32::try_from(it).ok())
    }

    /// Returns a validator by its delegate hash.
    pub(crate) fn find(&self, delegate: &DelegateHash) -> Option<&Validator> {
        let index = self
            .validators
            .binary_search_by_key(delegate, |it| it.delegate);
        index.ok().map(|index| &self.validators[index])
    }
}

/// Adds up the bonds of every delegate that is registered and not guilty.
fn candidates(state: &ChainState, epoch: Epoch, settings: &Pos) -> Vec<Validator> {
    let mut found: BTreeMap<DelegateHash, Candidate> = BTreeMap::new();
    for (outpoint, coin) in state.table.coins() {
        let delegate = coin.program.delegate;
        if state.table.is_guilty(&delegate) {
            continue;
        }
        let amount = coin.amount.to_sat_unsigned();
        let candidate = found.entry(delegate).or_default();
        candidate.amount = candidate.amount.saturating_add(amount);
        let age = age(state, *outpoint, delegate, epoch, settings);
        candidate.weight += u128::from(amount) * u128::from(age);
        if let Some(anchor) = coin.anchor {
            let registration = (coin.height, *outpoint, anchor);
            let earlier = candidate.registration.is_none_or(|it| registration < it);
            if earlier {
                candidate.registration = Some(registration);
            }
        }
    }
    let registered = found.into_iter().filter_map(|(delegate, candidate)| {
        let (_, registration, anchor) = candidate.registration?;
        Some(Validator {
            delegate,
            registration,
            anchor,
            amount: candidate.amount,
            weight: candidate.weight,
        })
    });
    registered.collect()
}

#[derive(Default)]
struct Candidate {
    amount: u64,
    weight: u128,
    registration: Option<(synod_primitives::Height, OutPoint, [u8; 32])>,
}

/// Returns the age that a bond counts with: zero until it has the least age since it was made;
/// then the epochs since it was made or its validator last made a block, within the limits.
///
/// Security: age only counts for proposing, is at most twice the least, and is used up by a
/// block, so that hoarding it gains little.
fn age(
    state: &ChainState,
    outpoint: OutPoint,
    delegate: DelegateHash,
    epoch: Epoch,
    settings: &Pos,
) -> u64 {
    let least = u64::from(settings.min_age_epochs);
    let since_made = match state.births.get(&outpoint) {
        Some(Some(birth)) => epoch.0.saturating_sub(birth.0),
        // Bonds of the bootstrap count as aged to the minimum from the start.
        Some(None) | None => epoch.0.saturating_add(least),
    };
    if since_made < least {
        return 0;
    }
    let since_win = state.wins.get(&delegate);
    let since_win = since_win.map_or(since_made, |win| epoch.0.saturating_sub(win.0));
    since_made
        .min(since_win)
        .clamp(least, u64::from(settings.max_age_epochs))
}

#[cfg(test)]
mod tests;
