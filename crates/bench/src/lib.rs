//! Chains to measure with: deterministic, valid under regtest's rules, of a known number of
//! signatures.
//!
//! Networks whose nodes agree in three ways, on a clock of their own ([`agree`]).
//!
//! May depend on the core crates and on block files. No product depends on
//! this crate: it signs, and its keys are known to everybody.

pub mod agree;
mod block;
mod chain;
mod coin;
mod key;
mod sign;

pub use block::with_transactions;
pub use chain::{Plan, build};
pub use key::Kind;
