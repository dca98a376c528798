//! Figures that need no whole node. Times are CPU time of the thread that works, so that other
//! work on the machine does not enter them, apart from caches and clock.

mod connect;
mod limit;
mod merkle;
mod rounds;
mod verifier;

pub(crate) use connect::connect;
pub(crate) use limit::limit;
pub(crate) use merkle::merkle;
pub(crate) use verifier::verifier;
