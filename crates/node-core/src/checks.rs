//! The checks of headers and blocks at their place: engine and ledger, in Core's order.

use std::sync::Arc;

use bytes::Bytes;
use synod_engine::HeaderError as EngineError;
use synod_ledger::{
    BlockContext, BlockError, CheckedBlock, ContextualBlock, HeaderContext, Misbehavior,
    check_header,
};
use synod_primitives::{Block, BlockHash, Header};

use crate::chain::Chain;
use crate::storage::Status;
use crate::tree::EntryId;
use crate::verdict::{Blame, Refusal};

impl From<&BlockError> for Refusal {
    fn from(error: &BlockError) -> Self {
        let blame = match error.misbehavior() {
            Misbehavior::Innocent => Blame::Nobody,
            Misbehavior::Mutation => Blame::Mutated,
            Misbehavior::Invalid => Blame::Invalid,
        };
        let script_error = error.script_error().map(|it| it.name().to_owned());
        Self {
            script_error,
            ..Self::new(error.code(), error.to_string(), blame)
        }
    }
}

impl Chain {
    /// Notes that a block breaks a rule by itself.
    pub(crate) fn refuse_block(&mut self, hash: BlockHash, error: &BlockError) -> Refusal {
        let refusal = Refusal::from(error);
        self.remember_refusal(hash, &refusal);
        refusal
    }

    /// Checks a block where it stands, as far as no coins are needed.
    pub(crate) fn check_block_at(
        &self,
        block: CheckedBlock<Arc<Block>>,
        parent: EntryId,
    ) -> Result<ContextualBlock<Arc<Block>>, Refusal> {
        let context = self.context_on(parent);
        block
            .in_context(context, &self.rules)
            .map_err(|error| Refusal::from(&error))
    }

    pub(crate) fn context_on(&self, parent: EntryId) -> BlockContext {
        BlockContext {
            height: self.tree.entry(parent).record.height.next(),
            parent_median_time: self.tree.median_time_past(parent),
        }
    }

    /// Checks a header that is not in the tree yet and inserts it.
    pub(crate) fn insert_checked_header(
        &mut self,
        parent: EntryId,
        header: &Header,
        proof: &[u8],
        now: u64,
    ) -> Result<EntryId, Refusal> {
        let below = &self.tree.entry(parent).record;
        if let Status::Failed { at, .. } = &below.status {
            return Err(bad_parent(*at));
        }
        let context = HeaderContext {
            height: below.height.next(),
            parent_time: below.header.time,
            parent_median_time: self.tree.median_time_past(parent),
            now,
        };
        let hash = header.block_hash();
        self.check_trusted_place(context.height, hash)
            .inspect_err(|refusal| self.remember_refusal(hash, refusal))?;
        self.engine
            .check_header(header, proof, context.height, &self.tree.ancestry(parent))
            .map_err(|error| self.refuse_header(hash, &error))?;
        check_header(header, &context, &self.rules).map_err(|error| {
            let refusal = Refusal::from(&BlockError::from(error));
            self.remember_refusal(hash, &refusal);
            refusal
        })?;
        let record = self.tree.record_on(parent, *header, &*self.engine);
        Ok(self.tree.insert(record, &*self.engine))
    }

    /// Takes in headers, lowest first, as far as they follow the rules; returns the last
    /// one's entry.
    ///
    /// Nothing is written: headers without blocks are asked for again after a start.
    ///
    /// # Errors
    /// The first rule that is broken; headers below it stay.
    pub fn insert_headers(
        &mut self,
        headers: &[(Header, Bytes)],
        now: u64,
    ) -> Result<Option<EntryId>, Refusal> {
        let mut last = None;
        for (header, proof) in headers {
            let hash = header.block_hash();
            if let Some(id) = self.tree.find(hash) {
                last = Some(id);
                continue;
            }
            if let Some(refusal) = self.known_refusal(hash) {
                return Err(refusal);
            }
            self.engine
                .check_header_alone(header, proof)
                .map_err(|error| self.refuse_header(hash, &error))?;
            let parent = self.tree.find(header.previous_block_hash).ok_or_else(|| {
                let detail = "the first header's parent is not known";
                Refusal::new("prev-blk-not-found", detail, Blame::Nobody)
            })?;
            self.check_fork(parent)?;
            self.check_trust(parent)?;
            self.check_room_for_header(parent)?;
            last = Some(self.insert_checked_header(parent, header, proof, now)?);
        }
        Ok(last)
    }

    /// Security: a proof travels beside the header and its hash does not cover it, so a wrong
    /// proof says nothing of the honest header and is not remembered.
    pub(crate) fn refuse_header(&mut self, hash: BlockHash, error: &EngineError) -> Refusal {
        let refusal = Refusal::invalid(error.code(), error.to_string());
        if !matches!(error, EngineError::UnexpectedProof | EngineError::Seal(_)) {
            self.remember_refusal(hash, &refusal);
        }
        refusal
    }

    fn remember_refusal(&mut self, hash: BlockHash, refusal: &Refusal) {
        if refusal.blame == Blame::Invalid {
            self.memory.refused.insert(hash, refusal.clone());
        }
    }
}

/// Refuses a block above an invalid one.
pub(crate) fn bad_parent(at: BlockHash) -> Refusal {
    Refusal::invalid("bad-prevblk", "the parent was found invalid before").at(at)
}
