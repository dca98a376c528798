//! Referees: Bitcoin Core's own script code and rust-bitcoin, asked beside ours.
//!
//! This is a workspace of its own, so that ordinary builds need neither a C++ compiler nor these
//! crates. The tests judge random spends, scripts, encodings and addresses with both sides and
//! fail on the first difference; seeds are fixed, so every run asks the same. `REFEREE_ROUNDS`
//! multiplies the number of cases.
//!
//! The referee for scripts is the code of Core 26 that `bitcoinconsensus` carries. Its public
//! function takes consensus flags only and answers yes or no; through a shim (`core/referee.cpp`)
//! the same compiled code is also asked with every flag and for its exact error. Since then Core
//! changed one rule: version 28 lets pay-to-anchor pass where unknown witness programs are
//! discouraged.

pub mod bench;
pub mod core;
pub mod judge;
pub mod lock;
pub mod mutation;
pub mod random;
pub mod script;
pub mod signer;
pub mod spend;

/// Returns how many cases to try: `count`, times `REFEREE_ROUNDS` where that is set.
#[must_use]
pub fn rounds(count: usize) -> usize {
    let factor = std::env::var("REFEREE_ROUNDS").ok();
    count * factor.and_then(|text| text.parse().ok()).unwrap_or(1)
}
