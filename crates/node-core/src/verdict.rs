//! What a node answers to blocks that it is given.

use synod_primitives::{BlockHash, Height};

use crate::storage::StorageError;

/// Where an accepted block stands once the tip has settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// On the active chain.
    Active,
    /// On another branch.
    Side,
    /// It was known before.
    Duplicate,
    /// Its parent is not known; it is held in memory only.
    Orphan,
}

/// An accepted block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The block.
    pub hash: BlockHash,
    /// Where it stands.
    pub placement: Placement,
    /// Its height; unknown for an orphan.
    pub height: Option<Height>,
}

/// Why something is refused, in the words of Bitcoin Core.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// The stable code: Core's reject string without its bracket.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
    /// The script error's name, where a script failed.
    pub script_error: Option<String>,
    /// The block that breaks the rule, where it is not the one that was given.
    pub at: Option<BlockHash>,
    /// The same was found before and only remembered.
    pub known: bool,
    /// What the refusal says of who sent it.
    pub blame: Blame,
}

/// What a refusal says of the sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// The bytes are no block or transaction.
    Malformed,
    /// The object breaks a rule for ever.
    Invalid,
    /// The bytes were changed on the way: the hash says nothing of the honest object.
    Mutated,
    /// The object may be fine at another time or on another node.
    Nobody,
}

impl Refusal {
    /// Builds a refusal of something that breaks a rule for ever.
    #[must_use]
    pub fn invalid(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(code, detail, Blame::Invalid)
    }

    /// Builds a refusal.
    #[must_use]
    pub fn new(code: impl Into<String>, detail: impl Into<String>, blame: Blame) -> Self {
        Self {
            code: code.into(),
            detail: detail.into(),
            script_error: None,
            at: None,
            known: false,
            blame,
        }
    }

    /// Names the block that breaks the rule.
    #[must_use]
    pub fn at(mut self, hash: BlockHash) -> Self {
        self.at = Some(hash);
        self
    }

    /// Marks the refusal as remembered.
    #[must_use]
    pub fn known(mut self) -> Self {
        self.known = true;
        self
    }
}

/// Why a request to a node had no effect.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NodeError {
    /// What was given is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Storage failed: the node has stopped deciding.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
