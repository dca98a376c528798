//! The chain thread: the one place where a node's state changes.

mod bulk;
mod handle;
mod index;
mod publisher;
mod storage;
mod thread;
pub mod warnings;
mod write_behind;

pub use handle::{ChainHandle, Unavailable};
pub use publisher::{News, NewsInbox, TipChanges};
pub use storage::StoreAdapter;
pub use thread::{Running, spawn};
