//! The seam of agreement: what a node asks of the engine that its chain spec names.
//!
//! An engine decides who may add a block ([`Engine::check_header`]), which of several
//! branches is to be active ([`Engine::prefers`]) and what is final. It knows headers and
//! heights; it knows nothing of coins, scripts, storage, peers or clocks. Verdicts on
//! blocks come from the ledger and never pass through here.
//!
//! Depends on primitives and chainspec only.

use synod_primitives::{BlockHash, CompactTarget, Header, Height, Work};

pub mod contract;

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
        }
    }
}

/// A way to agree on one chain.
///
/// All methods are pure: the same arguments give the same answer on every node.
pub trait Engine: Send + Sync {
    /// Returns the name that chain specs use.
    fn name(&self) -> &'static str;

    /// Checks what a header shows by itself, before anything is looked up or stored.
    ///
    /// # Errors
    /// The rule that the header breaks, whatever branch it is on.
    fn check_header_alone(&self, header: &Header, proof: &[u8]) -> Result<(), HeaderError>;

    /// Checks a header at its place in a branch.
    ///
    /// # Errors
    /// The rule that the header breaks on this branch.
    fn check_header(
        &self,
        header: &Header,
        height: Height,
        ancestry: &dyn Ancestry,
    ) -> Result<(), HeaderError>;

    /// Returns the `bits` of the block at `height` on this branch.
    fn required_bits(&self, height: Height, ancestry: &dyn Ancestry) -> CompactTarget;

    /// Returns the time that the block at `height` must have, where the engine fixes it.
    fn required_time(&self, height: Height) -> Option<u32>;

    /// Returns what a header adds to the chainwork of its branch.
    fn work(&self, header: &Header) -> Work;

    /// Says whether the node should leave the active branch for the candidate.
    ///
    /// A strict order: of two different branches at most one is preferred to the other, and
    /// no branch to itself.
    fn prefers(&self, candidate: &BranchEnd, active: &BranchEnd) -> bool;

    /// Says whether headers up to `end` are worth storing beside the active branch.
    ///
    /// Security: headers that cannot overtake must not cost memory (CVE-2019-25220).
    fn is_worth_storing(&self, end: &BranchEnd, active: &BranchEnd) -> bool;

    /// Returns whether blocks become final under this engine.
    fn has_finality(&self) -> bool;
}
