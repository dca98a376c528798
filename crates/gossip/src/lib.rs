//! Peers over REST: who a node knows, what it asks them, and what it tells them.
//!
//! A node speaks to each peer that has a URL through one session: one task, one ordered
//! queue with a limit. It shakes hands by chain id, asks for headers by locator, fetches
//! the blocks that it lacks in binary and announces what is new. What a peer asks is answered by
//! the node's own HTTP routes; the bodies are in [`wire`] and in the api crate.
//!
//! Depends on primitives and api. The node behind it is a port ([`NodePort`]). Must never
//! know of SQL, the ledger's rules or HTTP servers.

mod client;
pub mod download;
mod port;
mod session;
mod sync;
mod table;
mod url;
pub mod wire;

pub use client::{BlockStep, BlockStream, ClientError, PeerClient, Traffic};
pub use port::{HeadersJudged, NodePort, Tip, Verdict};
pub use table::{
    AddPeerError, Identity, MAX_PEERS, MAX_QUEUED_ANNOUNCEMENTS, PeerId, PeerState, PeerTable,
};
pub use url::{PeerUrl, PeerUrlError, UrlPolicy};
