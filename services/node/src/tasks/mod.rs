//! Tasks that run as long as the node does.

pub(crate) mod keep_digest;
pub(crate) mod keep_mempool;
