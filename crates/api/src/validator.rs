//! The validator's bodies: its state, and what a remote signer is asked for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::node::CheckpointBody;
use crate::{HashHex, HexBytes};

/// Whether a validator signs, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidatorPhase {
    /// No node answers that is of this chain, synchronised and of the same time.
    WaitingForNode,
    /// It watches whether somebody else signs with its keys.
    Watching,
    /// It signs what its keys have to sign.
    Active,
    /// An operator has paused it.
    Paused,
    /// The clock is off or was set back.
    ClockRefused,
}

/// The validator's state: `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorStatus {
    /// What it does.
    pub phase: ValidatorPhase,
    /// The chain that its protection belongs to.
    pub chain_id: HashHex,
    /// The keys that it signs with.
    pub keys: Vec<ValidatorKey>,
    /// The root of the node that duties come from.
    pub node: Option<String>,
    /// The nodes in the order in which they are preferred.
    pub nodes: Vec<ValidatorNode>,
    /// Where the keys are: `local`, or the root of a remote signer.
    pub signer: String,
    /// The slot of the wall clock, where it is known.
    pub slot: Option<u64>,
    /// The slots still to be watched before anything is signed.
    pub watch_slots_left: u64,
    /// Blocks sealed since the start.
    pub sealed: u64,
    /// Votes signed since the start.
    pub voted: u64,
    /// Duties refused by protection since the start.
    pub refused: u64,
    /// Duties whose time had passed.
    pub missed: u64,
    /// The last block sealed.
    pub last_seal: Option<LastSeal>,
    /// Why the last duty was not done, or what the validator waits for.
    pub last_error: Option<String>,
}

/// A sealing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorKey {
    /// The key, X-only.
    pub key: HashHex,
    /// Its hash, by which stake outputs name it.
    #[schema(pattern = "^[0-9a-f]{40}$")]
    pub delegate: String,
    /// What its next registration would carry: the anchor of its hash chain.
    pub anchor: HashHex,
    /// The last slot that it has sealed.
    pub last_slot: Option<u64>,
    /// The last epoch that it has voted for.
    pub last_target: Option<u64>,
}

/// A node that a validator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorNode {
    /// The root of its routes.
    pub url: String,
    /// Whether duties can come from it.
    pub healthy: bool,
    /// How far its clock is ahead of this machine's, in milliseconds.
    pub ahead_ms: Option<i64>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// A block that a validator has sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastSeal {
    /// Its hash.
    pub hash: HashHex,
    /// Its height.
    pub height: u32,
    /// Its slot.
    pub slot: u64,
}

/// The keys of a signer: `GET /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignerKeys {
    /// The chain that the signer's protection belongs to.
    pub chain_id: HashHex,
    /// The keys.
    pub keys: Vec<ValidatorKey>,
}

/// Asks a signer for the signature of a seal: `POST /v1/sign/seal`.
///
/// The signer computes what it signs from these parts; it takes no digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignSeal {
    /// The chain.
    pub chain_id: HashHex,
    /// The template's header, 80 bytes; its Merkle root and nonce do not matter.
    pub header: HexBytes,
    /// The template's coinbase without witness.
    pub coinbase: HexBytes,
    /// The hashes that lead from the coinbase to the root, as they are hashed.
    #[schema(max_items = 15)]
    pub branch: Vec<HexBytes>,
    /// The seal without signature; its reveal is what the next one has to hash to.
    pub seal: HexBytes,
}

/// Asks a signer for the signature of a vote: `POST /v1/sign/vote`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignVote {
    /// The chain.
    pub chain_id: HashHex,
    /// The key, X-only.
    pub key: HashHex,
    /// The justified checkpoint that the vote starts from.
    pub source: CheckpointBody,
    /// The checkpoint that it is for.
    pub target: CheckpointBody,
}

/// A signature that may leave: it is in the signer's protection database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignatureBody {
    /// The BIP340 signature, 64 bytes.
    pub signature: HexBytes,
    /// The reveal that the seal carries; zeros where there is none.
    #[serde(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reveal: Option<HashHex>,
}
