//! Peers over REST: who a node knows, what it asks them, and what it tells them.
//!
//! A node speaks to each peer that it chose through one session: one task, one ordered queue
//! with a limit ([`Outbox`]). It shakes hands by chain id, judges headers, takes part in fetching
//! the blocks below them ([`download`]), and passes news both ways: it posts its own, and
//! reads the peer's from a stream that it opens itself, so that a node that nobody can reach
//! lacks nothing. A peer that came by itself is told from others by a secret that it got with
//! its greeting; what it asks and posts comes in through the node's own HTTP routes. The bodies
//! are in [`wire`], [`compact`] and in the api crate.
//!
//! What decides is kept apart from what sends: [`download`], [`inventory`], [`outbox`],
//! [`addresses`], [`eviction`] and [`budget`] are functions of what came in and of the times
//! that came with it.
//!
//! In a permissioned network [`member`] signs all of it.
//!
//! Depends on primitives, sigcheck and api. The node behind it is a port ([`NodePort`]). Must never
//! know of SQL, the ledger's rules or HTTP servers.

pub mod addresses;
mod answers;
pub mod budget;
mod client;
mod client_error;
pub mod clocks;
pub mod compact;
mod conduct;
mod dialer;
mod discouraged;
pub mod download;
pub mod eviction;
mod greet;
mod hear;
mod introduce;
pub mod inventory;
pub mod member;
pub mod message;
mod netgroup;
mod offers;
pub mod outbox;
pub mod pace;
mod pairs;
mod peers;
mod port;
mod post;
mod questions;
mod session;
mod stream;
mod sync;
mod table;
mod traffic;
mod trouble;
mod url;
pub mod wire;

pub use addresses::{AddressBook, SavedBook};
pub use answers::{BlockStep, BlockStream, NewsStream};
pub use client::PeerClient;
pub use client_error::ClientError;
pub use compact::{CompactBlock, MAX_BLOCK_TRANSACTIONS, transactions_of_ranks};
pub use discouraged::{Discouraged, MAX_DISCOURAGED};
pub use greet::{GreetError, Greeted, Listener};
pub use hear::{Heard, HeardTransactions, Posted};
pub use member::{MemberError, MemberId, MemberKey, Members};
pub use message::{MAX_MESSAGE_BYTES, MAX_MESSAGES, Messages};
pub use netgroup::{NetGroup, Subscriber};
pub use outbox::{NewBlock, Outbox};
pub use peers::{AddPeerError, Identity, MAX_INBOUND, MAX_PEERS, Origin, PeerId, PeerState};
pub use port::{Admitted, HeadersJudged, NodePort, Tip, Verdict};
pub use table::{PeerTable, TableParts};
pub use traffic::Traffic;
pub use url::{PeerUrl, PeerUrlError, UrlPolicy};
