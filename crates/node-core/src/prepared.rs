//! Blocks of which everything is found out that can be without knowing the chain.
//!
//! Decoding, hashing and the checks of a block by itself read nothing but its bytes. So they can
//! run on other threads while the chain is still busy with the blocks before, and the verdict
//! is the same.

use std::sync::Arc;

use bytes::Bytes;
use synod_ledger::{BlockError, CheckedBlock};
use synod_primitives::{Block, DecodeError};

/// Raw bytes, decoded and possibly checked.
#[derive(Clone, Debug)]
pub struct PreparedBlock(Result<Candidate, DecodeError>);

/// A block that decodes.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) block: Arc<Block>,
    /// The verdict of the checks by itself, where they were made.
    pub(crate) checked: Option<Result<CheckedBlock<Arc<Block>>, BlockError>>,
}

impl PreparedBlock {
    /// Decodes a block and leaves the checks for later.
    ///
    /// Security: the checks cost far more than a look at the proof of work, which a stranger's
    /// block has to pass before them.
    #[must_use]
    pub fn decode(raw: &Bytes) -> Self {
        Self(Block::decode(raw).map(|block| Candidate {
            block: Arc::new(block),
            checked: None,
        }))
    }

    /// Decodes a block and makes all checks that need no chain.
    #[must_use]
    pub fn check(raw: &Bytes) -> Self {
        Self(Block::decode(raw).map(|block| {
            let block = Arc::new(block);
            let checked = CheckedBlock::validate(Arc::clone(&block));
            Candidate {
                block,
                checked: Some(checked),
            }
        }))
    }

    /// Takes a block that was made here and leaves the checks for later.
    pub(crate) fn made(block: Arc<Block>) -> Self {
        Self(Ok(Candidate::unchecked(block)))
    }

    /// Borrows the block, if the bytes are one.
    #[must_use]
    pub fn block(&self) -> Option<&Block> {
        self.0.as_ref().ok().map(|candidate| &*candidate.block)
    }

    pub(crate) fn into_candidate(self) -> Result<Candidate, DecodeError> {
        self.0
    }
}

impl Candidate {
    /// Takes a block whose checks are still to be made.
    pub(crate) fn unchecked(block: Arc<Block>) -> Self {
        Self {
            block,
            checked: None,
        }
    }
}
