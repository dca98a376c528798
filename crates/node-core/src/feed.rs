//! Telling the engine what happens to blocks, and carrying out what it asks for.
//!
//! Correctness: what the engine wants to be remembered is in the same transaction as the blocks
//! that it was told of, and what it asks of others leaves the node only when that transaction
//! is on the disk ([`Chain::take_outputs`]). So a promise is never made before it is kept.

use std::sync::Arc;

use bytes::Bytes;
use synod_engine::{Connected, FinalBlock, Input, Millis, Output, StoredBlock};
use synod_ledger::{BlockUndo, SignatureCache, stake_change};
use synod_primitives::{Block, BlockHash, Height};
use synod_seal::StakeChange;

use crate::chain::{Chain, TipChange};
use crate::engine_memory::EngineMemory;
use crate::storage::{Durability, StorageError};
use crate::tree::EntryId;
use crate::verdict::Refusal;

/// The most outputs for others that wait until somebody takes them.
pub const MAX_WAITING_OUTPUTS: usize = 4096;

/// What passes between the chain and its engine.
#[derive(Default)]
pub(crate) struct Agreement {
    /// The node's clock as it was with the last call from outside.
    pub(crate) now: Millis,
    /// What the engine asks of others, oldest first.
    outputs: Vec<Output>,
    memory: EngineMemory,
    /// The block whose state storage has, or is about to have.
    pub(crate) state_at: Height,
    /// The memory is not as storage has it.
    is_unwritten: bool,
    /// What was written since the last synced commit was promised to be on the disk.
    has_barrier: bool,
    /// The engine wants to be asked again which branch it prefers.
    wants_settling: bool,
    /// Blocks that became final and nobody was told of.
    news: Vec<FinalBlock>,
}

impl Agreement {
    /// Takes the memory for a commit, if it changed.
    pub(crate) fn take_unwritten(&mut self) -> Option<Bytes> {
        std::mem::take(&mut self.is_unwritten).then(|| self.memory.encode())
    }

    /// Returns how durable a commit has to be at the least.
    pub(crate) fn take_durability(&mut self, asked: Durability) -> Durability {
        if std::mem::take(&mut self.has_barrier) {
            Durability::Synced
        } else {
            asked
        }
    }
}

impl Chain {
    /// Gives the engine an input; what it asks of others waits in order.
    pub(crate) fn tell(&mut self, input: Input) {
        let outputs = self.engine.handle(self.agreement.now, input);
        let is_mute = self.engine.has_finality() && self.is_untrusted();
        let agreement = &mut self.agreement;
        for output in outputs {
            match output {
                Output::Persist { records, barrier } => {
                    agreement.memory.write(records);
                    agreement.is_unwritten = true;
                    agreement.has_barrier |= barrier;
                }
                Output::Final { block, proof } => {
                    agreement.memory.finality = Some((block, proof));
                    agreement.is_unwritten = true;
                    agreement.has_barrier = true;
                    agreement.news.push(block);
                }
                Output::Connect(_) | Output::Disconnect(_) => agreement.wants_settling = true,
                Output::BuildBlock(_) | Output::SignVote { .. } if is_mute => {}
                for_others => agreement.outputs.push(for_others),
            }
        }
        // The oldest go: what is sent may get lost, and what is late is of no use to a signer.
        let surplus = agreement.outputs.len().saturating_sub(MAX_WAITING_OUTPUTS);
        agreement.outputs.drain(..surplus);
    }

    /// Gives the engine an input from outside the chain (a message, a timer, a block or vote
    /// that was signed), lets the tip settle and makes all durable that has to be.
    ///
    /// # Errors
    /// Storage failed; the chain must then be opened again.
    pub fn handle(
        &mut self,
        now: Millis,
        input: Input,
        cache: &dyn SignatureCache,
    ) -> Result<TipChange, StorageError> {
        self.agreement.now = now;
        self.tell(input);
        if std::mem::take(&mut self.agreement.wants_settling) {
            self.activate_best(cache)?;
        }
        self.commit(Durability::Deferred)
    }

    /// Takes what the engine asks of others, oldest first; nothing while something that it
    /// wants to be remembered is not written.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        if self.agreement.is_unwritten {
            return Vec::new();
        }
        std::mem::take(&mut self.agreement.outputs)
    }

    /// Takes the blocks that became final since the last time.
    pub(crate) fn take_finalized(&mut self) -> Vec<FinalBlock> {
        std::mem::take(&mut self.agreement.news)
    }

    /// Returns the last final block, and what convinces others of it.
    #[must_use]
    pub fn finality(&self) -> Option<&(FinalBlock, Bytes)> {
        self.agreement.memory.finality.as_ref()
    }

    /// Says whether a block at this height can never leave the active chain, nor any other come
    /// in its place.
    pub(crate) fn is_final_height(&self, height: Height) -> bool {
        self.finality()
            .is_some_and(|(block, _)| height <= block.height)
    }

    /// Refuses a block on a branch that leaves the chain below the final block.
    pub(crate) fn check_final(&self, parent: EntryId) -> Result<(), Refusal> {
        let Some((block, _)) = self.finality() else {
            return Ok(());
        };
        let is_above = self.tree.entry(parent).record.height >= block.height;
        let ancestor = self.tree.ancestor(parent, block.height);
        if is_above && self.tree.entry(ancestor).record.hash == block.hash {
            return Ok(());
        }
        let detail = format!(
            "the branch lacks the final block at height {}",
            block.height
        );
        Err(Refusal::invalid("bad-fork-prior-to-finalized", detail))
    }

    pub(crate) fn tell_stored(&mut self, id: EntryId, block: &Block) {
        if let Some(stored) = self.stored_block(id, block) {
            self.tell(Input::Stored(Arc::new(stored)));
        }
    }

    /// Asks the engine whether the maker of a block was entitled to it.
    pub(crate) fn check_proposer(
        &self,
        id: EntryId,
        block: &Block,
    ) -> Result<Arc<StoredBlock>, Refusal> {
        let stored = self
            .stored_block(id, block)
            .expect("a stored block has a coinbase");
        self.engine
            .check_proposer(&stored)
            .map_err(|error| Refusal::invalid(error.code(), error.to_string()))?;
        Ok(Arc::new(stored))
    }

    pub(crate) fn tell_connected(&mut self, block: Arc<StoredBlock>, stake: StakeChange) {
        let stake = Arc::new(stake);
        self.tell(Input::Connected(Connected { block, stake }));
    }

    fn stored_block(&self, id: EntryId, block: &Block) -> Option<StoredBlock> {
        StoredBlock::new(block, self.tree.entry(id).record.height)
    }

    /// Computes how a block changes the stake; nothing under an engine without.
    pub(crate) fn stake_change(
        &self,
        block: &Block,
        undo: &BlockUndo,
        height: Height,
    ) -> StakeChange {
        let rules = self.rules.stake.as_ref();
        let change = rules.and_then(|rules| stake_change(block, undo, height, rules));
        change.unwrap_or_default()
    }

    /// Starts the engine on what storage has: its records and its state at a final block.
    pub(crate) fn start_engine(
        &mut self,
        memory: Option<&Bytes>,
        state: Option<&Bytes>,
    ) -> Result<(), StorageError> {
        if let Some(bytes) = memory {
            let damaged = || StorageError::Corrupt("the engine's records".to_owned());
            self.agreement.memory = EngineMemory::decode(bytes).ok_or_else(damaged)?;
        }
        let mut records = self.agreement.memory.records();
        records.extend(self.state_record(state));
        self.tell(Input::Restart { records });
        Ok(())
    }

    /// Tells a started engine of the blocks that storage has: every stored block and the active
    /// chain above the block that it stands at.
    pub(crate) fn replay_to_engine(&mut self) -> Result<(), StorageError> {
        let Some(stands_at) = self.engine.stands_at() else {
            return Ok(());
        };
        for id in self.tree.ids() {
            let record = &self.tree.entry(id).record;
            if record.status.has_block() && record.height > stands_at.height {
                let block = self.block(record.hash)?;
                self.tell_stored(id, &block);
            }
        }
        let mut height = stands_at.height.next();
        while let Some(id) = self.tree.active_at(height) {
            let hash = self.tree.entry(id).record.hash;
            let block = self.block(hash)?;
            let undo = self.load_undo(hash)?;
            let stake = self.stake_change(&block, &undo, height);
            if let Some(stored) = self.stored_block(id, &block) {
                self.tell_connected(Arc::new(stored), stake);
            }
            height = height.next();
        }
        Ok(())
    }

    /// Reads a block's undo data.
    pub(crate) fn load_undo(&mut self, hash: BlockHash) -> Result<BlockUndo, StorageError> {
        let damaged = |why: String| StorageError::Corrupt(format!("undo data of {hash}: {why}"));
        let unwritten = self.work.undo.iter().find(|(at, _)| *at == hash);
        let raw = match unwritten {
            Some((_, raw)) => Some(raw.clone()),
            None => self.storage.load_undo(hash)?,
        };
        let raw = raw.ok_or_else(|| damaged("is missing".to_owned()))?;
        BlockUndo::decode(&raw, hash).map_err(|error| damaged(error.to_string()))
    }
}
