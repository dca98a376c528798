//! Chains to measure with: deterministic, valid under regtest's rules, of a known number of
//! signatures.
//!
//! May depend on the ledger and what lies below it, and on block files. No product depends on
//! this crate: it signs, and its keys are known to everybody.

mod block;
mod chain;
mod coin;
mod key;
mod sign;

pub use block::with_transactions;
pub use chain::{Plan, build};
pub use key::Kind;
