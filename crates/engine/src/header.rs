//! Headers and branches, as far as an engine looks at them.

use synod_primitives::{BlockHash, Header, Height, Work};
use synod_seal::SealError;

/// The branch that a header would extend, as far as an engine may look at it.
pub trait Ancestry {
    /// Returns the header at `height` of the branch that ends at the parent; `None` above
    /// the parent.
    fn header_at(&self, height: Height) -> Option<Header>;
}

/// The end of a branch: its last block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BranchEnd {
    /// The last block.
    pub hash: BlockHash,
    /// Its height.
    pub height: Height,
    /// The work of all blocks up to it.
    pub chainwork: Work,
    /// The work of this block alone.
    pub block_work: Work,
    /// When this node had the block, as a count of blocks: smaller is earlier.
    pub arrival: u64,
}

/// A block by its height and hash: final, or where an engine stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FinalBlock {
    /// Its height.
    pub height: Height,
    /// The block.
    pub hash: BlockHash,
}

/// A header that the engine refuses, by rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// The hash exceeds the target that `bits` claims, or `bits` is no target below the
    /// limit (Core: `CheckProofOfWork`).
    #[error("proof of work failed")]
    HighHash,
    /// `bits` is not what the branch requires (Core: `GetNextWorkRequired`).
    #[error("incorrect proof of work")]
    BadDifficultyBits,
    /// A proof came with a header of an engine that has none.
    #[error("a header of this engine carries no proof")]
    UnexpectedProof,
    /// A bootstrap block's time is not the one that the chain spec fixes.
    #[error("a bootstrap block's time is the bootstrap's plus its height")]
    BadBootstrapTime,
    /// The seal does not hold by itself.
    #[error("the block is not sealed: {0}")]
    Seal(#[from] SealError),
    /// The seal is of another engine, or of a bootstrap block past the bootstrap.
    #[error("the seal is of another engine")]
    SealMode,
    /// The coinbase states another height than the block has.
    #[error("the seal states another height")]
    SealHeight,
    /// The time is not that of the seal's slot, or the slot is not after the parent's.
    #[error("the slot is not that of the header's time, or not after the parent's")]
    SealSlot,
    /// The seal's key is not the one that the slot belongs to.
    #[error("the slot belongs to another key")]
    Proposer,
    /// The reveal does not follow the one before.
    #[error("the reveal does not follow the one before")]
    Reveal,
    /// A number that the seal states contradicts the chain below it.
    #[error("the seal states what the chain below it does not bear out")]
    SealStatement,
    /// The block, or a vote in it, is malformed for this engine.
    #[error("a section of the seal does not belong there")]
    SealSection,
    /// The branch leaves the chain below the final block.
    #[error("the branch leaves the chain below a final block")]
    PriorToFinalized,
}

impl HeaderError {
    /// Returns the stable code, Core's reject string where Core has the rule.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::HighHash => "high-hash",
            Self::BadDifficultyBits => "bad-diffbits",
            Self::UnexpectedProof => "bad-engine-proof",
            Self::BadBootstrapTime => "bad-bootstrap-time",
            Self::Seal(error) => error.code(),
            Self::SealMode => "bad-seal-mode",
            Self::SealHeight => "bad-seal-height",
            Self::SealSlot => "bad-seal-slot",
            Self::Proposer => "bad-seal-proposer",
            Self::Reveal => "bad-seal-reveal",
            Self::SealStatement => "bad-seal-statement",
            Self::SealSection => "bad-seal-section",
            Self::PriorToFinalized => "bad-fork-prior-to-finalized",
        }
    }
}
