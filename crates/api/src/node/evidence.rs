//! Who has contradicted itself: `GET /v1/evidence`, `POST /v1/evidence`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{HashHex, HexBytes, KeyHashHex};

/// The most pieces of evidence that a node remembers, and that one answer holds.
pub const MAX_EVIDENCE: usize = 64;
/// The longest statement of a piece of evidence in bytes.
pub const MAX_STATEMENT_BYTES: usize = 19_000;

/// What the node knows of keys that have contradicted themselves, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidencePage {
    /// The pieces; one a key.
    pub evidence: Vec<EvidenceBody>,
}

/// A piece of evidence: two statements of one key that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceBody {
    /// The X-only key.
    pub key: HashHex,
    /// HASH160 of the key as bonds name it.
    pub delegate: KeyHashHex,
    /// How the statements contradict each other.
    pub contradiction: Contradiction,
    /// The slot of the first sealed block, or the target epoch of the first vote.
    pub first_at: u64,
    /// The same of the second statement.
    pub second_at: u64,
    /// The first statement, as a slashing transaction's witness carries it.
    pub first: HexBytes,
    /// The second statement.
    pub second: HexBytes,
    /// What has become of it.
    pub status: EvidenceStatus,
    /// The height of the block that proves the key guilty, where the node has seen it.
    pub included_height: Option<u32>,
    /// The transaction in that block.
    pub included_txid: Option<HashHex>,
}

/// How two statements contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Contradiction {
    /// Two blocks of one slot, or two of which the later denies the earlier.
    Seals,
    /// Two votes for one target epoch, or one around the other.
    Votes,
}

/// What has become of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceStatus {
    /// No block of the active chain carries it yet.
    Open,
    /// A block of the active chain proves the key guilty.
    Included,
    /// The key has nothing that could be slashed.
    Baseless,
}

/// Evidence that somebody shows: `POST /v1/evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitEvidence {
    /// The first statement.
    pub first: HexBytes,
    /// The second statement.
    pub second: HexBytes,
}

/// The answer to `POST /v1/evidence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmittedEvidence {
    /// The key that it proves guilty.
    pub key: HashHex,
    /// HASH160 of the key as bonds name it.
    pub delegate: KeyHashHex,
    /// What has become of it.
    pub status: EvidenceStatus,
    /// The node had evidence against this key before.
    pub known: bool,
}
