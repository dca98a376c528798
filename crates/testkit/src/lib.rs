//! Sealing keys, chain specs and whole sealed chains, for tests and measurements.
//!
//! Everything follows from small numbers: a key from its seed, a chain from its spec and the
//! slots that it is played through. Nothing here belongs into a running node.
//!
//! Depends on the core crates; only tests and measurements may depend on it.

mod author;
mod signer;
mod spec;
mod stake;

pub use author::{Author, free, open_in_memory, settings, submit};
pub use signer::{Signer, bootstrap_signer};
pub use spec::{Bond, SealedSpec};
pub use stake::{Owner, slash};
