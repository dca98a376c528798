//! What nodes say to each other in JSON: `/p2p/v1/...`; blocks and headers in bulk are binary.
//!
//! Every list has a limit that both sides keep: a longer one is refused, not cut.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{HashHex, HexBytes, NodeIdHex, NumberHex};

/// The version of the protocol between nodes.
pub const PROTOCOL_VERSION: u32 = 1;
/// The most hashes of a locator (Core's `MAX_LOCATOR_SZ`).
pub const MAX_LOCATOR: usize = 101;
/// The most headers of one answer (Core's `MAX_HEADERS_RESULTS`).
pub const MAX_HEADERS: usize = 2000;
/// The most block announcements of one message.
pub const MAX_ANNOUNCED_BLOCKS: usize = 8;
/// The most transaction announcements of one message.
pub const MAX_ANNOUNCED_TRANSACTIONS: usize = 5000;
/// The most transactions asked for at once (Core's `MAX_PEER_TX_REQUEST_IN_FLIGHT`).
pub const MAX_REQUESTED_TRANSACTIONS: usize = 100;
/// The most blocks asked for at once.
pub const MAX_REQUESTED_BLOCKS: usize = 128;
/// The most bytes of an engine proof beside a header.
pub const MAX_PROOF_BYTES: usize = 100_000;
/// The most characters of an agent's name.
pub const MAX_AGENT: usize = 64;
/// The most characters of a peer's URL.
pub const MAX_URL: usize = 256;
/// The most bytes of a JSON message between nodes.
pub const MAX_JSON_BYTES: usize = 1_000_000;

/// Who a node is and where its chain stands: `POST /p2p/v1/handshake`, in both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Handshake {
    /// The sender's version of the protocol.
    pub protocol_version: u32,
    /// The sender's chain id; another one ends the conversation.
    pub chain_id: HashHex,
    /// The name in the sender's chain spec.
    pub network: String,
    /// The program and version.
    #[schema(max_length = 64, examples("synod-node/0.1.0"))]
    pub agent: String,
    /// A random number of each start: a node that meets its own is talking to itself.
    pub node_id: NodeIdHex,
    /// Where the sender's `/p2p` routes answer, when they are open to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub listen_url: Option<String>,
    /// The sender's height.
    pub height: u32,
    /// The sender's tip.
    pub best_block_hash: HashHex,
    /// The work of the sender's chain.
    pub chainwork: NumberHex,
    /// The sender's clock in Unix seconds; never moves consensus time.
    pub time: u64,
}

/// A block that a node has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockAnnouncement {
    /// Its hash.
    pub hash: HashHex,
    /// Its height.
    pub height: u32,
    /// The 80 bytes of its header.
    pub header: HexBytes,
    /// The engine's proof; empty under proof of work.
    #[serde(default)]
    pub proof: HexBytes,
}

/// News: `POST /p2p/v1/announcements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Announcements {
    /// The sender's id from the handshake.
    pub node_id: NodeIdHex,
    /// Blocks, at most 8.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub blocks: Vec<BlockAnnouncement>,
    /// Transactions by wtxid, at most 5000.
    #[serde(default)]
    #[schema(max_items = 5000)]
    pub transactions: Vec<HashHex>,
}

/// Asks for the headers after the last common block: `POST /p2p/v1/headers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadersRequest {
    /// Hashes from the tip back with growing steps, at most 101.
    #[schema(max_items = 101)]
    pub locator: Vec<HashHex>,
    /// The last header wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<HashHex>,
}

/// Asks for blocks in one binary stream: `POST /p2p/v1/blocks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlocksRequest {
    /// Their hashes, at most 128.
    #[schema(max_items = 128)]
    pub hashes: Vec<HashHex>,
}

/// Asks for transactions in one binary stream: `POST /p2p/v1/transactions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionsRequest {
    /// Their ids with witnesses, at most 100.
    #[schema(max_items = 100)]
    pub wtxids: Vec<HashHex>,
}
