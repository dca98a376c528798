//! Proof of stake: one validator a slot, drawn by the amount and the capped age of its bond, and
//! votes of two thirds of the bonded amount that make checkpoints final.
//!
//! * **Who may propose.** The validators of epoch `e` are the greatest bonds at the end of epoch
//!   `e - 2`. Each slot has one leader, drawn with a seed mixed from reveals of hash chains that
//!   were fixed when the bonds were made. A leader that is away leaves its slot empty.
//! * **When is it final.** An epoch's checkpoint is the last block before its first slot. A
//!   validator votes once an epoch for a link from the highest justified checkpoint to the
//!   epoch's own (Casper FFG, arXiv:1710.09437). A link with more than two thirds of the
//!   amount justifies its target; one between neighbouring epochs makes its source final.
//! * **Which branch.** The one with the highest justified checkpoint; then the one with most
//!   blocks; then the one seen first. Never one without the final block.
//!
//! The weight of a vote is measured by the validators of the target's epoch, which are fixed
//! before the link's source when the two epochs are neighbours. On a branch that this node
//! has never connected they can be unknown; then the nearest known ones decide whether the
//! branch is worth connecting, and nothing becomes final by them.
//!
//! Depends on primitives, chainspec, seal and engine. Must never know: coins, scripts,
//! storage, secret keys.

mod chain;
mod duties;
mod finality;
mod questions;
mod record;
mod roster;
mod schedule;
mod snapshot;
mod state;
mod state_record;
mod tree;
mod votes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_chainspec::{Bootstrap, ChainSpec, EngineSpec, Pos};
use synod_engine::{FinalBlock, Millis, RecentTurns};
use synod_primitives::{BlockHash, Height};
use synod_seal::{Checkpoint, Epoch, SealKey};

use duties::Duties;
use record::Finality;
use schedule::Schedule;
use snapshot::Snapshot;
use state::{BlockUndo, ChainState};
use tree::Tree;
use votes::Votes;

pub use questions::WORTHY_DEPTH;

/// Proof of stake under the settings of one chain spec.
#[derive(Debug)]
pub struct ProofOfStake {
    rules: Rules,
    now: Millis,
    tree: Tree,
    active: Active,
    snapshots: Snapshots,
    votes: Votes,
    checkpoints: Checkpoints,
    duties: Duties,
    recent: RecentTurns,
}

/// What the chain spec fixes.
#[derive(Debug)]
struct Rules {
    chain_id: [u8; 32],
    settings: Pos,
    bootstrap: Bootstrap,
    bootstrap_key: SealKey,
    schedule: Schedule,
}

/// The active chain as far as it was connected.
#[derive(Debug)]
struct Active {
    state: ChainState,
    /// Above the final block.
    undos: Vec<BlockUndo>,
}

/// The validators of epochs, by the block that they were taken at.
#[derive(Debug, Default)]
struct Snapshots {
    taken: BTreeMap<(Epoch, BlockHash), Arc<Snapshot>>,
    /// Those that were taken below the root of the tree.
    rooted: BTreeMap<Epoch, Arc<Snapshot>>,
}

/// Checkpoints that have votes of two thirds.
#[derive(Debug, Default)]
struct Checkpoints {
    /// For sure: the weights are those of the checkpoint's own branch.
    justified: BTreeSet<Checkpoint>,
    /// As far as this node can tell without connecting the branch.
    supposed: BTreeSet<Checkpoint>,
    finality: Option<Finality>,
}

impl ProofOfStake {
    /// Makes the engine of a spec; `None` when the spec has another engine or no bootstrap,
    /// which a parsed spec of engine `pos` rules out.
    #[must_use]
    pub fn new(spec: &ChainSpec, genesis: BlockHash) -> Option<Self> {
        let consensus = &spec.consensus;
        let EngineSpec::Pos(settings) = consensus.engine else {
            return None;
        };
        let bootstrap = consensus.bootstrap?;
        let chain_id = spec.chain_id().0;
        let genesis = FinalBlock {
            height: Height::GENESIS,
            hash: genesis,
        };
        Some(Self {
            rules: Rules {
                chain_id,
                settings,
                bootstrap,
                bootstrap_key: SealKey(consensus.bootstrap_seal.as_ref()?.key),
                schedule: Schedule {
                    start_time: bootstrap.time.saturating_add(bootstrap.blocks),
                    slot_s: settings.slot_s.max(1),
                    epoch_slots: settings.epoch_slots.max(1),
                },
            },
            now: Millis::default(),
            tree: Tree::new(genesis),
            active: Active {
                state: ChainState::new(genesis, &chain_id),
                undos: Vec::new(),
            },
            snapshots: Snapshots::default(),
            votes: Votes::default(),
            checkpoints: Checkpoints::default(),
            duties: Duties::default(),
            recent: RecentTurns::default(),
        })
    }

    /// Returns the highest justified checkpoint of the active chain.
    #[must_use]
    pub fn justified(&self) -> Option<Checkpoint> {
        let tip = self.active.state.tip.hash;
        self.highest_on(&self.checkpoints.justified, &tip)
    }

    /// Returns the validators of an epoch on the branch that ends at a block, where the node
    /// knows them for sure.
    fn snapshot(&self, end: &BlockHash, epoch: Epoch) -> Option<Arc<Snapshot>> {
        let slot = self.rules.schedule.snapshot_slot(epoch);
        if slot < self.tree.root_slot {
            return self.snapshots.rooted.get(&epoch).cloned();
        }
        let at = self.tree.last_at(end, slot)?;
        let taken = self.snapshots.taken.get(&(epoch, at)).cloned();
        taken.or_else(|| (at == self.active.state.tip.hash).then(|| self.take(epoch)))
    }

    /// Takes the validators of an epoch at the tip.
    fn take(&self, epoch: Epoch) -> Arc<Snapshot> {
        let state = &self.active.state;
        let rules = &self.rules;
        Arc::new(Snapshot::take(
            state,
            state.tip.hash,
            epoch,
            &rules.settings,
            &rules.chain_id,
        ))
    }

    fn is_bootstrap(&self, height: Height) -> bool {
        height.0 <= self.rules.bootstrap.blocks
    }
}
