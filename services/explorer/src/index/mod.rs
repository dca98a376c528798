//! From blocks to rows, and keeping the index at the node's tip.

mod batch;
mod indexer;

pub(crate) use batch::{Batch, PreviousOutput};
pub(crate) use indexer::{Departure, IndexError, Indexer};
