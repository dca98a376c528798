//! Peers, for the operator.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::HashHex;

/// A peer: `GET /v1/peers`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeerBody {
    /// The peer's id for as long as the node runs.
    pub id: u64,
    /// The root of its routes, where it is known.
    pub url: Option<String>,
    /// Who opened the connection.
    pub direction: PeerDirection,
    /// True after the handshake.
    pub is_connected: bool,
    /// True when the operator named it; it is never dropped for others.
    pub is_configured: bool,
    /// How much its clock showed more than this node's at its last greeting, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_s: Option<i64>,
    /// Its key as a member of a permissioned network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<HashHex>,
    /// The program and version that it says it runs.
    pub agent: Option<String>,
    /// Its tip's height, as far as known.
    pub height: Option<u32>,
    /// Its tip's hash, as far as known.
    pub best_block_hash: Option<HashHex>,
    /// The height below which it has forgotten its blocks, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune_height: Option<u32>,
    /// Milliseconds of its last answer.
    pub latency_ms: Option<u64>,
    /// When it was last heard, in Unix seconds.
    pub last_seen: Option<u64>,
    /// Bytes received from it.
    pub bytes_received: u64,
    /// Bytes sent to it.
    pub bytes_sent: u64,
    /// Points for broken rules of the protocol.
    pub misbehavior: u32,
    /// Why the last request to it failed.
    pub last_error: Option<String>,
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PeerDirection {
    /// The peer did.
    Inbound,
    /// This node did.
    Outbound,
}

/// Names a peer: `POST /v1/peers`; `DELETE /v1/peers/{id}` drops it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPeer {
    /// The root of its routes.
    #[schema(examples("http://127.0.0.1:9340"))]
    pub url: String,
}
