//! The chain thread: the one place where a node's state changes.

mod bulk;
mod handle;
mod index;
mod storage;
mod thread;
pub mod warnings;
mod write_behind;

pub use handle::{ChainHandle, Changes, Unavailable};
pub use storage::StoreAdapter;
pub use thread::{News, Running, spawn};
