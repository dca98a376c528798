//! Telling the engine what happens to blocks, and gathering what it asks for.

use std::sync::Arc;

use synod_engine::{Connected, Input, Millis, Output, StoredBlock};
use synod_primitives::Block;

use crate::chain::Chain;
use crate::tree::EntryId;
use crate::verdict::Refusal;

/// What passes between the chain and its engine.
#[derive(Default)]
pub(crate) struct Agreement {
    /// The node's clock as it was with the last call from outside.
    pub(crate) now: Millis,
    /// What the engine has asked for, oldest first.
    outputs: Vec<Output>,
}

impl Chain {
    /// Gives the engine an input; what it asks for waits in order.
    pub(crate) fn tell(&mut self, input: Input) {
        let outputs = self.engine.handle(self.agreement.now, input);
        self.agreement.outputs.extend(outputs);
    }

    /// Gives the engine an input from outside the chain: a message, a timer, a signature.
    pub fn handle(&mut self, now: Millis, input: Input) {
        self.agreement.now = now;
        self.tell(input);
    }

    /// Takes what the engine has asked for, oldest first.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.agreement.outputs)
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

    pub(crate) fn tell_connected(&mut self, block: Arc<StoredBlock>) {
        let stake = Arc::default();
        self.tell(Input::Connected(Connected { block, stake }));
    }

    fn stored_block(&self, id: EntryId, block: &Block) -> Option<StoredBlock> {
        StoredBlock::new(block, self.tree.entry(id).record.height)
    }
}
