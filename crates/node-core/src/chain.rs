//! The chain of one node: its tree of blocks, its coins, and the tip that it stands on.
//!
//! Invariant: the coins are those of the tip, and what storage holds is one state that the
//! chain stood in: an active chain, its blocks and undo data, and coins at one of its
//! blocks or of a branch that undo data leads back from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use synod_engine::{Engine, Input};
use synod_ledger::{CheckedBlock, CoinsCache, ContextualBlock, Rules, SignatureCache};
use synod_primitives::{Block, BlockHash, Height};

use crate::ahead::Ahead;
use crate::feed::Agreement;
use crate::orphans::OrphanBlocks;
use crate::prepared::Candidate;
use crate::recent::RecentBlocks;
use crate::refused::RefusedHeaders;
use crate::storage::{Batch, ChainChange, CoinsFlush, Durability, Status, Storage, StorageError};
use crate::tree::{BlockTree, EntryId};
use crate::trust::Trust;
use crate::unknown_rules::{SignalCounts, UnknownRules};
use crate::verdict::{Accepted, Blame, NodeError, Placement, Refusal};

/// Bytes of blocks and undo data that wait for a commit, past which they are written ahead
/// of the change of the active chain that they belong to.
pub const MAX_UNCOMMITTED_BYTES: usize = 64 << 20;

/// Limits and choices of a chain.
#[derive(Clone, Debug)]
pub struct ChainSettings {
    /// Bytes of coins held in memory, past which changes are flushed and clean coins dropped.
    pub coins_cache_bytes: usize,
    /// Threads that check scripts, at least 1.
    pub threads: usize,
    /// Key of the hash tables, drawn at random by the shell.
    pub hash_key: (u64, u64),
}

/// A block tree, the coins at its tip, and the storage behind both.
pub struct Chain {
    pub(crate) rules: Rules,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) tree: BlockTree,
    pub(crate) coins: CoinsCache,
    /// Whether the last block found all its coins in memory.
    pub(crate) coins_are_here: bool,
    pub(crate) storage: Box<dyn Storage>,
    pub(crate) work: Unwritten,
    pub(crate) ahead: Ahead,
    pub(crate) memory: InMemory,
    pub(crate) settings: ChainSettings,
    pub(crate) pool: Arc<rayon::ThreadPool>,
    /// Blocks and undo data below this height are not in storage any more.
    pub(crate) pruned_below: Height,
    pub(crate) agreement: Agreement,
    pub(crate) trust: Trust,
    pub(crate) signals: SignalCounts,
    /// As of the last commit.
    pub(crate) unknown_rules: UnknownRules,
}

/// What the chain knows and storage does not yet.
#[derive(Default)]
pub(crate) struct Unwritten {
    pub(crate) dirty: BTreeSet<EntryId>,
    /// The engine's proofs of blocks that came in lately.
    pub(crate) proofs: BTreeMap<EntryId, Bytes>,
    pub(crate) blocks: Vec<(BlockHash, Bytes)>,
    pub(crate) undo: Vec<(BlockHash, Bytes)>,
    pub(crate) bytes: usize,
    /// The tip that storage has.
    pub(crate) stored_tip: Option<EntryId>,
    /// The block whose coins storage has.
    pub(crate) coins_tip: BlockHash,
}

/// What a chain holds for a while and may forget.
#[derive(Default)]
pub(crate) struct InMemory {
    pub(crate) orphans: OrphanBlocks,
    pub(crate) recent: RecentBlocks,
    pub(crate) refused: RefusedHeaders,
}

/// How the active chain changed, as hashes: the blocks are in storage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TipChange {
    /// The height of the last block that both chains have.
    pub fork_height: Height,
    /// The blocks that left, highest first.
    pub disconnected: Vec<BlockHash>,
    /// The blocks that joined, lowest first.
    pub connected: Vec<BlockHash>,
}

impl TipChange {
    /// Says whether the tip stayed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disconnected.is_empty() && self.connected.is_empty()
    }
}

impl Chain {
    /// Borrows the tree of headers.
    #[must_use]
    pub fn tree(&self) -> &BlockTree {
        &self.tree
    }

    /// Borrows the engine.
    #[must_use]
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Borrows the ledger's rules under this chain's spec.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Shares the threads that check scripts, so that a shell can prepare blocks on them.
    #[must_use]
    pub fn pool(&self) -> Arc<rayon::ThreadPool> {
        Arc::clone(&self.pool)
    }

    /// Returns where a block stands.
    #[must_use]
    pub fn placement(&self, id: EntryId) -> Placement {
        if self.tree.is_active(id) {
            Placement::Active
        } else {
            Placement::Side
        }
    }

    /// Reads a block that is stored, from memory where it came in lately.
    ///
    /// # Errors
    /// Storage failed, is damaged or lacks the block.
    pub fn block(&mut self, hash: BlockHash) -> Result<Arc<Block>, StorageError> {
        if let Some(block) = self.memory.recent.find(hash) {
            return Ok(block.into_inner());
        }
        let unwritten = self.work.blocks.iter().find(|(at, _)| *at == hash);
        let raw = match unwritten {
            Some((_, raw)) => Some(raw.clone()),
            None => self.storage.load_block(hash)?,
        };
        let damaged = |why: &str| StorageError::Corrupt(format!("block {hash} {why}"));
        let raw = raw.ok_or_else(|| damaged("is missing"))?;
        let block = Block::decode(&raw).map_err(|_| damaged("does not decode"))?;
        if block.hash() == hash {
            Ok(block.into())
        } else {
            Err(damaged("has another hash"))
        }
    }

    /// Reads a block whose checks without coins have passed before.
    pub(crate) fn contextual_block(
        &mut self,
        id: EntryId,
    ) -> Result<ContextualBlock<Arc<Block>>, StorageError> {
        let hash = self.tree.entry(id).record.hash;
        if let Some(block) = self.memory.recent.find(hash) {
            return Ok(block);
        }
        let parent = self
            .tree
            .entry(id)
            .parent
            .expect("the genesis block is never connected");
        let context = self.context_on(parent);
        CheckedBlock::validate(self.block(hash)?)
            .and_then(|block| block.in_context(context, &self.rules))
            .map_err(|error| {
                StorageError::Corrupt(format!(
                    "block {hash} was valid when it was stored: {error}"
                ))
            })
    }

    /// Takes in a block without moving the tip: checks all that needs no coins and puts it
    /// into the tree.
    ///
    /// Returns `None` for an orphan.
    ///
    /// # Errors
    /// The rule that the block breaks, or a failure of storage.
    pub(crate) fn store_block(
        &mut self,
        candidate: Candidate,
        now: u64,
    ) -> Result<Option<EntryId>, Refusal> {
        let Candidate { block, checked } = candidate;
        let hash = block.hash();
        if let Some(refusal) = self.known_refusal(hash) {
            return Err(refusal);
        }
        let proof = self.engine.proof_of(&block);
        self.engine
            .check_header_alone(block.header(), &proof)
            .map_err(|error| self.refuse_header(hash, &error))?;
        let checked = checked.unwrap_or_else(|| CheckedBlock::validate(Arc::clone(&block)));
        let checked = checked.map_err(|error| self.refuse_block(hash, &error))?;
        let Some(parent) = self.tree.find(block.header().previous_block_hash) else {
            return Ok(None);
        };
        self.check_fork(parent)?;
        self.check_trust(parent)?;
        let id = match self.tree.find(hash) {
            Some(id) => id,
            None => self.insert_checked_header(parent, block.header(), &proof, now)?,
        };
        if !self.tree.entry(parent).record.status.has_block() {
            // Its header is known, its parent's block is not: it waits like an orphan.
            return Ok(None);
        }
        let contextual = self
            .check_block_at(checked, parent)
            .inspect_err(|refusal| {
                self.remember_failure(id, refusal);
            })?;
        let count = u32::try_from(block.transactions().len()).expect("a block fits memory");
        self.tree.set_stored(id, count);
        self.work.dirty.insert(id);
        self.work.bytes += block.size() + proof.len();
        if !proof.is_empty() {
            self.work.proofs.insert(id, proof);
        }
        self.work.blocks.push((hash, block.raw().clone()));
        self.memory.recent.insert(contextual);
        self.tell_stored(id, &block);
        Ok(Some(id))
    }

    /// Says why a block was refused before, if it was.
    pub(crate) fn known_refusal(&self, hash: BlockHash) -> Option<Refusal> {
        if let Some(refusal) = self.memory.refused.find(hash) {
            return Some(refusal.known());
        }
        let id = self.tree.find(hash)?;
        match &self.tree.entry(id).record.status {
            Status::Failed { code, at } if *at == hash => {
                Some(Refusal::invalid(code.clone(), "the block was found invalid before").known())
            }
            Status::Failed { at, .. } => {
                let detail = "an ancestor of the block was found invalid before";
                Some(Refusal::invalid("bad-prevblk", detail).at(*at).known())
            }
            _ => None,
        }
    }

    /// Marks a block and everything above it as failed.
    pub(crate) fn remember_failure(&mut self, id: EntryId, refusal: &Refusal) {
        if refusal.blame != Blame::Invalid {
            return;
        }
        let at = self.tree.entry(id).record.hash;
        self.memory.refused.insert(at, refusal.clone());
        for descendant in self.tree.subtree(id) {
            let status = Status::Failed {
                code: refusal.code.clone(),
                at,
            };
            self.tree.set_status(descendant, status);
            self.work.dirty.insert(descendant);
        }
        self.tell(Input::Rejected(at));
    }

    /// Moves to the branch that the engine prefers, until none is preferred to the tip and all
    /// scripts of the active chain are verified.
    ///
    /// # Errors
    /// Storage failed; the chain must then be opened again.
    pub(crate) fn activate_best(&mut self, cache: &dyn SignatureCache) -> Result<(), StorageError> {
        loop {
            self.advance(cache)?;
            if self.settle_ahead()? {
                return Ok(());
            }
        }
    }

    /// Moves to the branch that the engine prefers, until none is preferred to the tip, which may
    /// run ahead of the scripts; [`Chain::activate_best`] comes after it.
    pub(crate) fn advance(&mut self, cache: &dyn SignatureCache) -> Result<(), StorageError> {
        while let Some(best) = self.preferred_leaf() {
            self.move_towards(best, cache)?;
        }
        Ok(())
    }

    /// Returns the leaf that is preferred to the tip and to all other leaves, if one is.
    fn preferred_leaf(&self) -> Option<EntryId> {
        let tip = self.tree.tip();
        let tip_stands = !self.tree.entry(tip).record.status.is_failed();
        let start = tip_stands.then_some(tip);
        let leaves = self.tree.leaves();
        let reachable =
            leaves.filter(|leaf| !self.forks_below_pruned(*leaf) && self.is_vouched_for(*leaf));
        let best = reachable.fold(start, |best, leaf| match best {
            None => Some(leaf),
            Some(best) => {
                let candidate = self.tree.entry(leaf).branch_end();
                let is_better = self
                    .engine
                    .prefers(&candidate, &self.tree.entry(best).branch_end());
                Some(if is_better { leaf } else { best })
            }
        });
        best.filter(|best| *best != tip)
    }

    fn move_towards(
        &mut self,
        target: EntryId,
        cache: &dyn SignatureCache,
    ) -> Result<(), StorageError> {
        let fork = self.tree.fork_point(target);
        if self.tree.tip() != fork && !self.settle_ahead()? {
            // The tip is another now, and so may be the best branch.
            return Ok(());
        }
        while self.tree.tip() != fork {
            self.disconnect_tip()?;
        }
        for id in self.tree.path(fork, target) {
            if let Err(error) = self.connect(id, cache) {
                // Correctness: of two invalid blocks the lower one is the cause.
                if self.settle_ahead()? {
                    match error {
                        NodeError::Refused(refusal) => self.remember_failure(id, &refusal),
                        NodeError::Storage(error) => return Err(error),
                    }
                }
                return Ok(());
            }
            let is_over = self.work.bytes > MAX_UNCOMMITTED_BYTES;
            while self.ahead.is_full() || is_over && !self.ahead.is_empty() {
                if !self.settle_lowest()? {
                    return Ok(());
                }
            }
            if is_over {
                self.write_ahead()?;
            }
        }
        Ok(())
    }

    pub(crate) fn disconnect_tip(&mut self) -> Result<(), StorageError> {
        let hash = self.tree.entry(self.tree.tip()).record.hash;
        let block = self.block(hash)?;
        self.disconnect_coins(&block)?;
        self.tree.shrink_active();
        self.tell(Input::Disconnected(hash));
        Ok(())
    }

    fn connect(&mut self, id: EntryId, cache: &dyn SignatureCache) -> Result<(), NodeError> {
        let hash = self.tree.entry(id).record.hash;
        let block = self.contextual_block(id)?;
        let stored = self.check_proposer(id, block.block())?;
        let was_valid = self.tree.entry(id).record.status == Status::Valid;
        let (undo, pending) = if !was_valid && self.may_run_ahead() {
            let (undo, pending) = self.connect_coins_ahead(&block, cache)?;
            (undo, Some(pending))
        } else {
            (
                self.connect_coins(&block, (!was_valid).then_some(cache))?,
                None,
            )
        };
        let stake = self.stake_change(block.block(), &undo, block.height());
        let undo = Bytes::from(undo.encode(hash));
        self.tree.extend_active(id);
        self.tell_connected(stored, stake);
        if !was_valid {
            match pending {
                Some(pending) => {
                    let bytes = block.block().size() + undo.len();
                    self.ahead.push(id, hash, bytes, pending);
                }
                None => self.tree.set_status(id, Status::Valid),
            }
            self.work.dirty.insert(id);
            self.work.bytes += undo.len();
            self.work.undo.push((hash, undo));
        }
        Ok(())
    }

    /// Writes blocks and undo data before the change of the active chain that needs them:
    /// a huge reorganisation must not hold them all in memory.
    fn write_ahead(&mut self) -> Result<(), StorageError> {
        self.storage.retry()?;
        let batch = Batch {
            durability: Durability::Deferred,
            ..self.take_unwritten()?
        };
        self.storage.commit(batch)
    }

    /// Takes what is to be written; what came since the lowest block whose scripts are not
    /// verified stays, since nothing above an invalid block is stored.
    fn take_unwritten(&mut self) -> Result<Batch, StorageError> {
        let proofs = self.proofs_of_dirty()?;
        let mut dirty = std::mem::take(&mut self.work.dirty);
        let mut blocks = std::mem::take(&mut self.work.blocks);
        let mut undo = std::mem::take(&mut self.work.undo);
        if let Some((_, lowest)) = self.ahead.lowest() {
            self.work.blocks = split_off(&mut blocks, lowest);
            self.work.undo = split_off(&mut undo, lowest);
            let stays = |id: &EntryId| {
                let hash = self.tree.entry(*id).record.hash;
                let mut waiting = self.work.blocks.iter().chain(&self.work.undo);
                waiting.any(|(at, _)| *at == hash)
            };
            self.work.dirty = dirty.extract_if(.., stays).collect();
        }
        let waiting = self.work.blocks.iter().chain(&self.work.undo);
        self.work.bytes = waiting.map(|(_, raw)| raw.len()).sum();
        Ok(Batch {
            headers: dirty
                .iter()
                .map(|id| self.tree.entry(*id).record.clone())
                .collect(),
            proofs,
            blocks,
            undo,
            ..Batch::default()
        })
    }

    /// Returns the last block of the active chain whose scripts are verified.
    fn verified_tip(&self) -> EntryId {
        let lowest = self.ahead.lowest();
        let below = lowest.and_then(|(id, _)| self.tree.entry(id).parent);
        below.unwrap_or_else(|| self.tree.tip())
    }

    /// Gathers the proofs of headers that are about to be written: a row is always written
    /// whole. Those of blocks that came in before the last commit are made once more.
    fn proofs_of_dirty(&mut self) -> Result<Vec<(BlockHash, Bytes)>, StorageError> {
        let mut fresh = std::mem::take(&mut self.work.proofs);
        if !self.engine.has_proofs() {
            return Ok(Vec::new());
        }
        let dirty: Vec<EntryId> = self.work.dirty.iter().copied().collect();
        let mut proofs = Vec::with_capacity(dirty.len());
        for id in dirty {
            let record = &self.tree.entry(id).record;
            let (hash, height) = (record.hash, record.height);
            let has_block = record.transaction_count > 0 && height >= self.pruned_below;
            let proof = match fresh.remove(&id) {
                Some(proof) => proof,
                None if has_block => {
                    let block = self.block(hash)?;
                    self.engine.proof_of(&block)
                }
                None => continue,
            };
            proofs.push((hash, proof));
        }
        Ok(proofs)
    }

    /// Makes everything durable that is verified and returns how the active chain changed since
    /// the last commit.
    ///
    /// # Errors
    /// Storage failed; the chain must then be opened again, unless it was full: then
    /// [`Chain::settle`] goes on from here.
    pub(crate) fn commit(&mut self, durability: Durability) -> Result<TipChange, StorageError> {
        if self.coins.is_over(self.settings.coins_cache_bytes) {
            // Correctness: coins are only written as they are at a block that is verified.
            self.settle_ahead()?;
        }
        // Correctness: nothing is taken out of the work while an earlier batch waits for room,
        // so at most one batch ever waits.
        self.storage.retry()?;
        let change = self.change_since_commit();
        let durability = self.agreement.take_durability(durability);
        let mut batch = self.take_unwritten()?;
        batch.durability = durability;
        batch.engine = self.agreement.take_unwritten();
        batch.engine_state = self.take_due_state();
        if !change.is_empty() || self.work.stored_tip.is_none() {
            let fork = self
                .tree
                .active_at(change.fork_height)
                .expect("the fork is active");
            let fork = (change.fork_height, self.tree.entry(fork).record.hash);
            let connected = change.connected.clone();
            batch.chain = Some(ChainChange { fork, connected });
        }
        if self.coins.is_over(self.settings.coins_cache_bytes) {
            batch.coins = Some(self.take_coins());
        }
        // Without content a synced batch still brings deferred ones before it to the disk.
        if !batch.is_empty() || durability == Durability::Synced {
            self.storage.commit(batch)?;
        }
        let tip = self.verified_tip();
        self.work.stored_tip = Some(tip);
        self.unknown_rules = self.signals.unknown_after(&self.tree, tip);
        Ok(change)
    }

    /// Writes all changed coins, so that the next start has no block to replay.
    ///
    /// # Errors
    /// Storage failed; the chain must then be opened again.
    pub fn flush(&mut self) -> Result<(), StorageError> {
        self.commit(Durability::Deferred)?;
        let coins = Some(self.take_coins());
        let engine_state = self.take_state();
        self.storage.commit(Batch {
            coins,
            engine_state,
            ..Batch::default()
        })
    }

    pub(crate) fn take_coins(&mut self) -> CoinsFlush {
        debug_assert!(
            self.ahead.is_empty(),
            "the coins are those of a verified block"
        );
        let tip = self.tree.entry(self.tree.tip()).record.hash;
        let flush = self.coins.take_flush();
        self.coins.evict_clean(self.settings.coins_cache_bytes);
        self.work.coins_tip = tip;
        CoinsFlush {
            tip,
            inserts: flush.inserts,
            deletes: flush.deletes,
        }
    }

    fn change_since_commit(&self) -> TipChange {
        let tip = self.verified_tip();
        let before = self.work.stored_tip.unwrap_or(tip);
        let fork = self.tree.fork_point(before);
        let hash = |id: &EntryId| self.tree.entry(*id).record.hash;
        TipChange {
            fork_height: self.tree.entry(fork).record.height,
            disconnected: self
                .tree
                .path(fork, before)
                .iter()
                .rev()
                .map(hash)
                .collect(),
            connected: self.tree.path(fork, tip).iter().map(hash).collect(),
        }
    }

    /// Says what became of a block that was taken in, once the tip has settled.
    pub(crate) fn verdict(&self, id: EntryId) -> Result<Accepted, Refusal> {
        let record = &self.tree.entry(id).record;
        match &record.status {
            Status::Failed { code, at } => {
                let remembered = self.memory.refused.find(*at);
                let refusal = remembered
                    .unwrap_or_else(|| Refusal::invalid(code.clone(), "the block breaks a rule"));
                Err(if *at == record.hash {
                    refusal
                } else {
                    refusal.at(*at)
                })
            }
            _ => Ok(Accepted {
                hash: record.hash,
                placement: self.placement(id),
                height: Some(record.height),
            }),
        }
    }
}

/// Splits off what came since the block with this hash, itself included.
fn split_off(waiting: &mut Vec<(BlockHash, Bytes)>, hash: BlockHash) -> Vec<(BlockHash, Bytes)> {
    let position = waiting.iter().position(|(at, _)| *at == hash);
    position.map_or_else(Vec::new, |position| waiting.split_off(position))
}
