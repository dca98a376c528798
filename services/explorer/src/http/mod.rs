//! The service over HTTP: the Esplora API, the extras of mempool.space, what is our own, pages.

pub(crate) mod esplora;
pub(crate) mod native;
pub(crate) mod reply;
pub(crate) mod state;
pub(crate) mod v1;
