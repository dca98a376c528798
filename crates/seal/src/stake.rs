//! The stake of a chain at one of its blocks: what counts, for whom, since when, and who has
//! been proven guilty.
//!
//! The ledger says how each block changes it ([`StakeChange`]); an engine applies the changes
//! of the blocks that are connected and undoes those of blocks that are disconnected.

use std::collections::BTreeMap;

use synod_primitives::{Amount, Height, OutPoint, sha256};

use crate::program::StakeProgram;
use crate::quantity::DelegateHash;

/// A bonded output, with what its transaction registered beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StakeCoin {
    /// Whose, and for whom.
    pub program: StakeProgram,
    /// How much.
    pub amount: Amount,
    /// The height of the block that it is in.
    pub height: Height,
    /// The anchor that its transaction registers for its delegate.
    pub anchor: Option<[u8; 32]>,
    /// The name that its transaction registers for its delegate as a candidate.
    pub candidate: Option<String>,
}

/// How a block changes the stake.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StakeChange {
    /// Bonded outputs that the block makes and does not spend, in its order.
    pub created: Vec<(OutPoint, StakeCoin)>,
    /// Bonded outputs of earlier blocks that it spends, in its order.
    pub spent: Vec<OutPoint>,
    /// Whom it proves guilty, in its order.
    pub guilty: Vec<DelegateHash>,
}

impl StakeChange {
    /// Says whether the stake stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.spent.is_empty() && self.guilty.is_empty()
    }
}

/// What it takes to undo a change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StakeUndo {
    created: Vec<OutPoint>,
    spent: Vec<(OutPoint, StakeCoin)>,
    guilty: Vec<DelegateHash>,
}

impl StakeUndo {
    /// Says whether there is nothing to undo.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.spent.is_empty() && self.guilty.is_empty()
    }
}

/// A change that does not fit the table it is applied to: the caller has left a block out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the change is of another chain: {0}")]
pub struct StakeMismatch(pub OutPoint);

/// All bonded outputs at one block.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StakeTable {
    pub(crate) coins: BTreeMap<OutPoint, StakeCoin>,
    /// How many blocks have proven each delegate guilty.
    pub(crate) guilty: BTreeMap<DelegateHash, u32>,
}

impl StakeTable {
    /// Goes through the bonded outputs in the order of their outpoints.
    pub fn coins(&self) -> impl Iterator<Item = (&OutPoint, &StakeCoin)> {
        self.coins.iter()
    }

    /// Borrows a bonded output.
    #[must_use]
    pub fn coin(&self, outpoint: &OutPoint) -> Option<&StakeCoin> {
        self.coins.get(outpoint)
    }

    /// Returns the number of bonded outputs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.coins.len()
    }

    /// Says whether nothing is bonded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.coins.is_empty()
    }

    /// Says whether a delegate was proven guilty; then its key never counts again.
    #[must_use]
    pub fn is_guilty(&self, delegate: &DelegateHash) -> bool {
        self.guilty.contains_key(delegate)
    }

    /// Goes through those who were proven guilty.
    pub fn guilty(&self) -> impl Iterator<Item = &DelegateHash> {
        self.guilty.keys()
    }

    /// Applies a block's change.
    ///
    /// # Errors
    /// The change spends an output that is not here, or makes one that is; then nothing is
    /// changed.
    pub fn apply(&mut self, change: &StakeChange) -> Result<StakeUndo, StakeMismatch> {
        let absent = change.spent.iter().find(|it| !self.coins.contains_key(it));
        let present = change.created.iter().map(|(outpoint, _)| outpoint);
        let present = present.into_iter().find(|it| self.coins.contains_key(it));
        if let Some(outpoint) = absent.or(present) {
            return Err(StakeMismatch(*outpoint));
        }
        let mut undo = StakeUndo::default();
        for outpoint in &change.spent {
            if let Some(coin) = self.coins.remove(outpoint) {
                undo.spent.push((*outpoint, coin));
            }
        }
        for (outpoint, coin) in &change.created {
            undo.created.push(*outpoint);
            self.coins.insert(*outpoint, coin.clone());
        }
        for delegate in &change.guilty {
            let count = self.guilty.entry(*delegate).or_default();
            *count = count.saturating_add(1);
            undo.guilty.push(*delegate);
        }
        Ok(undo)
    }

    /// Undoes the change that was applied last.
    pub fn undo(&mut self, undo: StakeUndo) {
        for delegate in undo.guilty {
            if let Some(count) = self.guilty.get_mut(&delegate) {
                *count -= 1;
                if *count == 0 {
                    self.guilty.remove(&delegate);
                }
            }
        }
        for outpoint in undo.created {
            self.coins.remove(&outpoint);
        }
        self.coins.extend(undo.spent);
    }

    /// Hashes everything that the table holds, so that two nodes can compare it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut out = Vec::new();
        for (outpoint, coin) in &self.coins {
            out.extend_from_slice(&outpoint.encode());
            out.extend_from_slice(&coin.program.program());
            out.extend_from_slice(&coin.amount.sat().to_le_bytes());
            out.extend_from_slice(&coin.height.0.to_le_bytes());
            out.extend_from_slice(&coin.anchor.unwrap_or_default());
            let name = coin.candidate.as_deref().unwrap_or_default();
            out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(name.as_bytes());
        }
        for (delegate, count) in &self.guilty {
            out.extend_from_slice(&delegate.0);
            out.extend_from_slice(&count.to_le_bytes());
        }
        sha256(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::StakeKind;
    use crate::quantity::OwnerHash;
    use synod_primitives::Txid;

    fn outpoint(seed: u8) -> OutPoint {
        OutPoint::new(Txid::from_bytes([seed; 32]), 0)
    }

    fn coin(delegate: u8, sat: i64) -> StakeCoin {
        StakeCoin {
            program: StakeProgram {
                kind: StakeKind::Bonded,
                owner: OwnerHash([1; 20]),
                delegate: DelegateHash([delegate; 20]),
            },
            amount: Amount::from_sat(sat),
            height: Height(1),
            anchor: Some([9; 32]),
            candidate: None,
        }
    }

    #[test]
    fn undoing_a_change_gives_the_table_back_whole() {
        let mut table = StakeTable::default();
        let first = StakeChange {
            created: vec![(outpoint(1), coin(1, 5)), (outpoint(2), coin(2, 6))],
            ..StakeChange::default()
        };
        table.apply(&first).expect("fits");
        let before = table.clone();
        let second = StakeChange {
            created: vec![(outpoint(3), coin(1, 4))],
            spent: vec![outpoint(1)],
            guilty: vec![DelegateHash([1; 20]), DelegateHash([1; 20])],
        };
        let undo = table.apply(&second).expect("fits");
        assert!(table.is_guilty(&DelegateHash([1; 20])));
        assert_ne!(table.digest(), before.digest());
        assert_eq!(table.len(), 2);
        table.undo(undo);
        assert_eq!(table, before);
        assert_eq!(table.digest(), before.digest());
    }

    #[test]
    fn a_change_of_another_chain_changes_nothing() {
        let mut table = StakeTable::default();
        let make = |seed| StakeChange {
            created: vec![(outpoint(seed), coin(1, 5))],
            ..StakeChange::default()
        };
        table.apply(&make(1)).expect("fits");
        let before = table.clone();
        assert_eq!(table.apply(&make(1)), Err(StakeMismatch(outpoint(1))));
        let absent = StakeChange {
            spent: vec![outpoint(1), outpoint(7)],
            ..StakeChange::default()
        };
        assert_eq!(table.apply(&absent), Err(StakeMismatch(outpoint(7))));
        assert_eq!(table, before);
    }
}
