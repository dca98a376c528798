//! What nodes say to each other in JSON: `/p2p/v1/...`; blocks and headers in bulk are binary.
//!
//! Every list has a limit that both sides keep: a longer one is refused, not cut.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::hex::SignatureHex;
use crate::{HashHex, NodeIdHex, NonceHex, NumberHex};

/// The version of the protocol between nodes.
pub const PROTOCOL_VERSION: u32 = 2;
/// The most hashes of a locator (Core's `MAX_LOCATOR_SZ`).
pub const MAX_LOCATOR: usize = 101;
/// The most headers of one answer (Core's `MAX_HEADERS_RESULTS`).
pub const MAX_HEADERS: usize = 2000;
/// The header by which a peer that was greeted names itself: the secret of the answer.
pub const SESSION_HEADER: &str = "x-synod-session";
/// The header by which a member of a permissioned network signs a request.
pub const MEMBER_HEADER: &str = "x-synod-member";
/// The most addresses told at once (Core's `MAX_ADDR_TO_SEND`).
pub const MAX_ADDRESSES: usize = 1000;
/// The most transactions of a block asked for at once.
pub const MAX_MISSING: usize = 20_000;
/// The most bytes of a binary message between nodes: blocks that were asked for.
pub const MAX_BINARY_BYTES: usize = 16 << 20;
/// The most transaction announcements of one message.
pub const MAX_ANNOUNCED_TRANSACTIONS: usize = 5000;
/// The most transactions asked for at once (Core's `MAX_PEER_TX_REQUEST_IN_FLIGHT`).
pub const MAX_REQUESTED_TRANSACTIONS: usize = 100;
/// The most blocks asked for at once.
pub const MAX_REQUESTED_BLOCKS: usize = 128;
/// The most bytes of an engine proof beside a header: a coinbase of 18,000 bytes, the branch
/// that leads from it to the Merkle root, and their lengths.
pub const MAX_PROOF_BYTES: usize = 18_484;
/// The most marks of sessions in a greeting.
pub const MAX_MARKS: usize = 4;
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
    /// In an answer: the secret by which the peer names itself from now on, in the header
    /// `x-synod-session`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<NodeIdHex>,
    /// In a question: marks of the sessions that the receiver may have with the sender, at most 4.
    /// A mark is the SHA-256 of `synod-session` and the 16 bytes of the secret. A receiver that
    /// finds the mark of a secret of its own knows that both conversations are with one node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub marks: Vec<HashHex>,
    /// The sender's height.
    pub height: u32,
    /// The height below which the sender has forgotten its blocks; absent when it has all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune_height: Option<u32>,
    /// The sender's tip.
    pub best_block_hash: HashHex,
    /// The work of the sender's chain.
    pub chainwork: NumberHex,
    /// The sender's clock in Unix seconds; never moves consensus time.
    pub time: u64,
}

/// Who a node of a permissioned network is: `GET /p2p/v1/member`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberHello {
    /// The node's key, X-only.
    pub key: HashHex,
    /// A random number of this start: requests are signed for it.
    pub run: NodeIdHex,
    /// The lowest sequence number that it takes next from who asked.
    pub next: u64,
    /// The node's signature over chain id, its key, the asking key, the nonce, run and next.
    pub signature: SignatureHex,
}

/// News of transactions: `POST /p2p/v1/announce`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// Transactions by wtxid, at most 5000.
    #[schema(max_items = 5000)]
    pub transactions: Vec<HashHex>,
}

/// What the receiver of news wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wanted {
    /// Transactions to post to `/p2p/v1/push/transactions`.
    pub send: Vec<HashHex>,
    /// Transactions that are asked of another peer, or whose parents are missing: to be
    /// announced again after two seconds.
    pub retry: Vec<HashHex>,
    /// Parents of what was posted, by txid, at most 100: to be posted to
    /// `/p2p/v1/push/transactions` as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub parents: Vec<HashHex>,
}

/// What became of a block that was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CompactStatus {
    /// It was taken in.
    Accepted,
    /// It was known.
    Known,
    /// Others deliver it.
    Pending,
    /// Transactions are missing: post them to `/p2p/v1/compact/{hash}/fill`.
    Missing,
    /// The whole block is needed: post it to `/p2p/v1/compact/{hash}/whole`.
    Whole,
    /// What lies before it is missing: post headers to `/p2p/v1/push/headers`.
    Behind,
    /// It is not wanted.
    Declined,
}

/// The answer to a block that was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CompactAnswer {
    /// What became of it.
    pub status: CompactStatus,
    /// The ranks of the missing transactions: of each, how many of the block's transactions
    /// without the coinbase have a smaller hash under the nonce that was sent.
    #[serde(default)]
    pub missing: Vec<u32>,
}

/// The answer to posted headers or blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Posted {
    /// The header after which to post further ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<HashHex>,
    /// Blocks to post to `/p2p/v1/push/blocks`.
    #[serde(default)]
    pub send: Vec<HashHex>,
    /// With nothing to send: when to ask again by posting no block, in milliseconds; 0 for
    /// never.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Addresses of nodes: `POST /p2p/v1/addresses`, in both directions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Base URLs, at most 1000.
    #[schema(max_items = 1000)]
    pub urls: Vec<String>,
}

/// Asks for transactions of a block: `POST /p2p/v1/blocks/{hash}/transactions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockTransactionsRequest {
    /// The nonce of the compact block that lacked them.
    pub nonce: NonceHex,
    /// Their ranks under that nonce, in order.
    #[schema(max_items = 20000)]
    pub ranks: Vec<u32>,
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
    /// Parents of transactions that this node sent, by their ids without witnesses; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub txids: Vec<HashHex>,
}

/// What a peer could read of messages of agreement: `POST /p2p/v1/messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessagesTaken {
    /// How many.
    pub taken: u32,
}
