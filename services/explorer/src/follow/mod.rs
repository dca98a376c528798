//! Following the node: one task owns the writer of the index, another reads the node's events.
//!
//! The node's events only say that something happened; what happened is then read from the node.
//! So a lost event, a broken connection or a restart of either side costs a moment, never
//! correctness. A poll does the same at intervals, in case no event comes at all.

mod catch_up;
mod events;
mod identity;
mod live;
mod run;

pub use identity::IdentityError;
pub(crate) use live::Live;
pub use live::LiveEvent;
pub(crate) use run::{Follower, FollowerHandle};
