//! What the active chain has come to at its tip, and how each block is undone.

use std::collections::{BTreeMap, BTreeSet};

use synod_engine::{Connected, FinalBlock};
use synod_primitives::{OutPoint, tagged_hash};
use synod_seal::{
    DelegateHash, Epoch, Seal, SealKey, Slot, StakeMismatch, StakeTable, StakeUndo, VoteLink,
};

/// The state at the tip.
#[derive(Clone, Debug)]
pub(crate) struct ChainState {
    pub(crate) tip: FinalBlock,
    pub(crate) slot: Slot,
    pub(crate) table: StakeTable,
    /// The epoch that each bond was made in; `None` in the bootstrap.
    pub(crate) births: BTreeMap<OutPoint, Option<Epoch>>,
    /// The epoch in which each validator made its last block.
    pub(crate) wins: BTreeMap<DelegateHash, Epoch>,
    /// The last reveal of each registration.
    pub(crate) reveals: BTreeMap<OutPoint, [u8; 32]>,
    /// All reveals, mixed.
    pub(crate) mix: [u8; 32],
    /// Votes that blocks above the final one carry.
    pub(crate) included: BTreeSet<(VoteLink, SealKey)>,
}

/// What it takes to undo a block.
#[derive(Clone, Debug)]
pub(crate) struct BlockUndo {
    pub(crate) block: FinalBlock,
    before: (FinalBlock, Slot, [u8; 32]),
    stake: StakeUndo,
    births: Vec<(OutPoint, Option<Epoch>)>,
    made: Vec<OutPoint>,
    maker: Option<MakerUndo>,
    included: Vec<(VoteLink, SealKey)>,
}

#[derive(Clone, Debug)]
struct MakerUndo {
    delegate: DelegateHash,
    win: Option<Epoch>,
    registration: OutPoint,
    reveal: Option<[u8; 32]>,
}

/// The validator that made a block, as far as the state changes by it.
pub(crate) struct Maker<'a> {
    pub(crate) seal: &'a Seal,
    pub(crate) registration: OutPoint,
    pub(crate) epoch: Epoch,
}

impl ChainState {
    pub(crate) fn new(genesis: FinalBlock, chain_id: &[u8; 32]) -> Self {
        Self {
            tip: genesis,
            slot: Slot(0),
            table: StakeTable::default(),
            births: BTreeMap::new(),
            wins: BTreeMap::new(),
            reveals: BTreeMap::new(),
            mix: tagged_hash("synod/mix/1", &[chain_id]),
            included: BTreeSet::new(),
        }
    }

    /// Returns what the next reveal of a registration has to hash to.
    pub(crate) fn expected_reveal(&self, registration: &OutPoint, anchor: [u8; 32]) -> [u8; 32] {
        self.reveals.get(registration).copied().unwrap_or(anchor)
    }

    /// Takes in a block on top of the tip; `maker` is none in the bootstrap.
    pub(crate) fn connect(
        &mut self,
        connected: &Connected,
        slot: Slot,
        maker: Option<&Maker<'_>>,
    ) -> Result<BlockUndo, StakeMismatch> {
        let stake = self.table.apply(&connected.stake)?;
        let block = FinalBlock {
            height: connected.block.height,
            hash: connected.block.hash,
        };
        let mut undo = BlockUndo {
            block,
            before: (self.tip, self.slot, self.mix),
            stake,
            births: Vec::new(),
            made: Vec::new(),
            maker: None,
            included: Vec::new(),
        };
        for outpoint in &connected.stake.spent {
            if let Some(birth) = self.births.remove(outpoint) {
                undo.births.push((*outpoint, birth));
            }
        }
        for (outpoint, _) in &connected.stake.created {
            self.births.insert(*outpoint, maker.map(|it| it.epoch));
            undo.made.push(*outpoint);
        }
        if let Some(maker) = maker {
            self.take_maker(maker, &mut undo);
        }
        self.tip = block;
        self.slot = slot;
        Ok(undo)
    }

    fn take_maker(&mut self, maker: &Maker<'_>, undo: &mut BlockUndo) {
        let delegate = maker.seal.key.delegate_hash();
        undo.maker = Some(MakerUndo {
            delegate,
            win: self.wins.insert(delegate, maker.epoch),
            registration: maker.registration,
            reveal: self.reveals.insert(maker.registration, maker.seal.reveal),
        });
        self.mix = tagged_hash("synod/mix/1", &[&self.mix, &maker.seal.reveal]);
        for vote in maker.seal.sections.votes() {
            if self.included.insert((vote.link, vote.key)) {
                undo.included.push((vote.link, vote.key));
            }
        }
    }

    /// Takes the tip off.
    pub(crate) fn disconnect(&mut self, undo: BlockUndo) {
        (self.tip, self.slot, self.mix) = undo.before;
        self.table.undo(undo.stake);
        for outpoint in undo.made {
            self.births.remove(&outpoint);
        }
        self.births.extend(undo.births);
        for entry in undo.included {
            self.included.remove(&entry);
        }
        if let Some(maker) = undo.maker {
            restore(&mut self.wins, maker.delegate, maker.win);
            restore(&mut self.reveals, maker.registration, maker.reveal);
        }
    }
}

fn restore<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
