//! The mempool as the explorer sees it: immutable views in memory, one after the other.

mod entry;
mod project;
mod sharded;
mod view;

pub(crate) use entry::{PoolEntry, is_replaceable, script_key};
pub(crate) use project::{ProjectedBlock, Projection};
pub(crate) use view::PoolView;
