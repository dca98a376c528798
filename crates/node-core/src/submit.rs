//! What a chain is asked to do: take in blocks, and an operator's corrections.

use std::collections::BTreeSet;
use std::sync::Arc;

use synod_engine::{FinalBlock, Millis};
use synod_ledger::{NoSignatureCache, SignatureCache};
use synod_primitives::{Block, BlockHash, CompactTarget, Header, Height, Work};

use crate::chain::{Chain, TipChange};
use crate::checks::bad_parent;
use crate::fork_warning::HeavierInvalid;
use crate::prepared::{Candidate, PreparedBlock};
use crate::storage::{Durability, Status, StorageError};
use crate::tree::EntryId;
use crate::trust::NeedsTrust;
use crate::unknown_rules::UnknownRules;
use crate::verdict::{Accepted, Blame, NodeError, Placement, Refusal};

/// The code of an operator's correction that would take a final block back.
pub const BLOCK_IS_FINAL: &str = "block-is-final";

impl Chain {
    /// Takes in blocks in order, lets the tip settle after each and makes all durable at once.
    ///
    /// Each block is asked for when those before it are connected, so a shell can prepare the
    /// next ones meanwhile.
    ///
    /// # Errors
    /// Storage failed; the chain must then be opened again. What is wrong with a block is in
    /// its own verdict.
    pub fn submit_blocks(
        &mut self,
        blocks: &mut dyn Iterator<Item = PreparedBlock>,
        now: u64,
        durability: Durability,
        cache: &dyn SignatureCache,
    ) -> Result<Submission, StorageError> {
        let mut steps = Vec::new();
        for block in blocks {
            steps.push(self.take_in_row(block, now, cache)?);
        }
        self.activate_best(cache)?;
        let change = self.commit(durability)?;
        let verdicts = steps.into_iter().map(|step| self.verdict_of(step));
        Ok(Submission {
            verdicts: verdicts.collect(),
            change,
        })
    }

    /// Takes in one block of several; the tip may run ahead afterwards.
    ///
    /// # Errors
    /// Storage failed; then the tip does not run ahead.
    pub(crate) fn take_in_row(
        &mut self,
        block: PreparedBlock,
        now: u64,
        cache: &dyn SignatureCache,
    ) -> Result<Taken, StorageError> {
        self.agreement.now = Millis::from_seconds(now);
        match self.take_in(block, now, cache) {
            Ok(step) => Ok(Taken(step)),
            Err(error) => {
                // Nobody may see a tip whose scripts are not verified.
                self.settle_ahead()?;
                Err(error)
            }
        }
    }

    /// Says what became of a block that was taken in, once the tip has settled.
    pub(crate) fn verdict_of(&self, taken: Taken) -> Result<Accepted, Refusal> {
        match taken.0 {
            Ok(Step::Settled(accepted)) => Ok(accepted),
            Ok(Step::Stored(id)) => self.verdict(id),
            Ok(Step::StoredAhead { id, was_known }) => self.verdict_ahead(id, was_known),
            Err(refusal) => Err(refusal),
        }
    }

    /// Takes in a block that was made here, on the tip, without making it durable.
    pub(crate) fn take_in_made(
        &mut self,
        block: Arc<Block>,
        now: u64,
        cache: &dyn SignatureCache,
    ) -> Result<Result<Accepted, Refusal>, StorageError> {
        let taken = self.take_in_row(PreparedBlock::made(block), now, cache)?;
        self.activate_best(cache)?;
        Ok(self.verdict_of(taken))
    }

    fn take_in(
        &mut self,
        block: PreparedBlock,
        now: u64,
        cache: &dyn SignatureCache,
    ) -> Result<Result<Step, Refusal>, StorageError> {
        let candidate = match block.into_candidate() {
            Ok(candidate) => candidate,
            Err(error) => {
                let refusal = Refusal::new("block-malformed", error.to_string(), Blame::Malformed);
                return Ok(Err(refusal));
            }
        };
        let block = Arc::clone(&candidate.block);
        let was_known = self.tree.find(block.hash()).is_some();
        if self.duplicate(block.hash()).is_some() {
            // Whether it is valid has to be known first.
            self.activate_best(cache)?;
            if let Some(known) = self.duplicate(block.hash()) {
                return Ok(Ok(Step::Settled(known)));
            }
        }
        let id = match self.store_block(candidate, now) {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(Ok(Step::Settled(self.hold_orphan(&block)))),
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.adopt_orphans(block.hash(), now);
        let parent = self.tree.entry(id).parent;
        let is_ahead = parent.is_some_and(|parent| self.ahead.contains(parent));
        self.advance(cache)?;
        Ok(Ok(if is_ahead {
            Step::StoredAhead { id, was_known }
        } else {
            Step::Stored(id)
        }))
    }

    /// Says what became of a block that was taken in before its parent's scripts were verified:
    /// the same as if it had come after that. `was_known` says that its header was known before.
    fn verdict_ahead(&self, id: EntryId, was_known: bool) -> Result<Accepted, Refusal> {
        let record = &self.tree.entry(id).record;
        match &record.status {
            Status::Failed { at, .. } if *at != record.hash => {
                let known = self.known_refusal(record.hash).filter(|_| was_known);
                Err(known.unwrap_or_else(|| bad_parent(*at)))
            }
            _ => self.verdict(id),
        }
    }

    fn duplicate(&self, hash: BlockHash) -> Option<Accepted> {
        let id = self.tree.find(hash)?;
        let record = &self.tree.entry(id).record;
        let height = Some(record.height);
        let placement = Placement::Duplicate;
        record.status.has_block().then_some(Accepted {
            hash,
            placement,
            height,
        })
    }

    fn hold_orphan(&mut self, block: &Arc<Block>) -> Accepted {
        self.memory.orphans.insert(Arc::clone(block));
        Accepted {
            hash: block.hash(),
            placement: Placement::Orphan,
            height: None,
        }
    }

    /// Takes in the blocks that waited for `parent`, and those that waited for them.
    fn adopt_orphans(&mut self, parent: BlockHash, now: u64) {
        let mut parents = vec![parent];
        while let Some(parent) = parents.pop() {
            for child in self.memory.orphans.take_children(parent) {
                let hash = child.hash();
                if let Ok(Some(_)) = self.store_block(Candidate::unchecked(child), now) {
                    parents.push(hash);
                }
            }
        }
    }

    /// Lets the tip settle without a new block: after a start, and when there is room again.
    ///
    /// # Errors
    /// Storage failed; the chain must then be opened again.
    pub fn settle(&mut self, cache: &dyn SignatureCache) -> Result<TipChange, StorageError> {
        self.activate_best(cache)?;
        self.commit(Durability::Synced)
    }

    /// Treats a block and all above it as invalid, as an operator's tool.
    ///
    /// # Errors
    /// The block is not known or is the genesis block; storage failed.
    pub fn invalidate(&mut self, hash: BlockHash) -> Result<TipChange, NodeError> {
        let id = self.known_block(hash)?;
        let is_final = self.is_final_height(self.tree.entry(id).record.height);
        if is_final && self.tree.is_active(id) {
            let detail = "the block is final";
            return Err(Refusal::new(BLOCK_IS_FINAL, detail, Blame::Nobody).into());
        }
        let is_active = self.tree.is_active(id);
        if is_active && self.tree.entry(id).record.height < self.pruned_below {
            let detail = "the block cannot be taken back: it was pruned";
            return Err(Refusal::new("block-pruned", detail, Blame::Nobody).into());
        }
        let refusal = Refusal::invalid("invalidated", "an operator marked the block as invalid");
        while self.tree.is_active(id) {
            self.disconnect_tip()?;
        }
        self.remember_failure(id, &refusal);
        Ok(self.settle(&NoSignatureCache)?)
    }

    /// Forgets that a block, its ancestors or descendants were found invalid, and with an
    /// ancestor what failed because of it on other branches.
    ///
    /// # Errors
    /// The block is not known or is the genesis block; storage failed.
    pub fn reconsider(&mut self, hash: BlockHash) -> Result<TipChange, NodeError> {
        let id = self.known_block(hash)?;
        self.memory.refused.clear();
        let mut lowest = id;
        let mut forgiven: BTreeSet<EntryId> = self.tree.subtree(id).into_iter().collect();
        let mut at = Some(id);
        while let Some(id) = at.filter(|id| self.tree.entry(*id).record.status.is_failed()) {
            forgiven.insert(id);
            lowest = id;
            at = self.tree.entry(id).parent;
        }
        // Parents come first, so that none is reset above one that is not.
        for id in self.tree.subtree(lowest) {
            let Status::Failed { at, .. } = &self.tree.entry(id).record.status else {
                continue;
            };
            let cause = self.tree.find(*at).unwrap_or(id);
            if forgiven.contains(&id) || forgiven.contains(&cause) {
                self.reset_failure(id)?;
            }
        }
        Ok(self.settle(&NoSignatureCache)?)
    }

    fn reset_failure(&mut self, id: EntryId) -> Result<(), StorageError> {
        let record = &self.tree.entry(id).record;
        if !record.status.is_failed() {
            return Ok(());
        }
        let hash = record.hash;
        // A block that fails without coins is not stored; only its header is known.
        let is_stored = record.transaction_count > 0 && self.storage.load_block(hash)?.is_some();
        let status = if is_stored {
            Status::Stored
        } else {
            Status::HeaderOnly
        };
        self.tree.set_status(id, status);
        self.work.dirty.insert(id);
        if is_stored {
            let block = self.block(hash)?;
            self.tell_stored(id, &block);
        }
        Ok(())
    }

    fn known_block(&self, hash: BlockHash) -> Result<EntryId, Refusal> {
        let id = self.tree.find(hash).ok_or_else(|| {
            Refusal::new("block-not-found", "the block is not known", Blame::Nobody)
        })?;
        if self.tree.entry(id).parent.is_none() {
            let detail = "the genesis block stays";
            return Err(Refusal::new("block-is-genesis", detail, Blame::Nobody));
        }
        Ok(id)
    }

    /// Returns what readers may see of the chain.
    #[must_use]
    pub fn view(&self) -> View {
        self.view_at(self.tree.tip())
    }

    /// Returns what readers may see of the chain as storage has it.
    pub(crate) fn stored_view(&self) -> View {
        self.view_at(self.work.stored_tip.unwrap_or_else(|| self.tree.tip()))
    }

    fn view_at(&self, tip: EntryId) -> View {
        let record = &self.tree.entry(tip).record;
        View {
            height: record.height,
            hash: record.hash,
            header: record.header,
            chainwork: record.chainwork,
            median_time: self.tree.median_time_past(tip),
            bits: record.header.bits,
            unknown_rules: self.unknown_rules,
            heavier_invalid: self.heavier_invalid(),
            finalized: self.finality().map(|(block, _)| *block),
            needs_trust: self.needs_trust(),
        }
    }
}

/// A block that was taken in and may have no verdict yet.
pub(crate) struct Taken(Result<Step, Refusal>);

enum Step {
    Settled(Accepted),
    Stored(EntryId),
    /// Stored when the scripts of its parent were not verified yet.
    StoredAhead {
        id: EntryId,
        was_known: bool,
    },
}

/// What came of submitted blocks.
#[derive(Clone, Debug)]
pub struct Submission {
    /// A verdict for each block, in order.
    pub verdicts: Vec<Result<Accepted, Refusal>>,
    /// How the active chain changed.
    pub change: TipChange,
}

/// Where the active chain ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// The height of the tip.
    pub height: Height,
    /// The tip.
    pub hash: BlockHash,
    /// Its header.
    pub header: Header,
    /// The work of the chain.
    pub chainwork: Work,
    /// The median time of the last 11 blocks.
    pub median_time: u32,
    /// The target of the tip.
    pub bits: CompactTarget,
    /// Rules that others follow and this node does not know.
    pub unknown_rules: UnknownRules,
    /// A chain of much more work that breaks a rule here.
    pub heavier_invalid: Option<HeavierInvalid>,
    /// The last final block.
    pub finalized: Option<FinalBlock>,
    /// Why the node follows nobody, if it does not.
    pub needs_trust: Option<NeedsTrust>,
}
