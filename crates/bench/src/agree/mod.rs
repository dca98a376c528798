//! How long payments take under each way to agree: whole networks in this thread, on a clock of
//! their own.
//!
//! Every node is a real node core with its engine, ledger and mempool; only storage, clock and wires
//! are simulated. What comes out depends on the arguments alone.

mod network;
mod peer;
mod report;

use anyhow::Result;

pub use report::Report;

/// What is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Nodes.
    pub nodes: u8,
    /// Payments, two a second.
    pub payments: u32,
    /// The longest way of a message in milliseconds.
    pub delay_ms: u64,
}

/// A way to agree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// Proof of work, a block every two seconds on average; final stands for six confirmations.
    Pow,
    /// Proof of stake.
    Pos,
    /// Delegated proof of stake.
    Dpos,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pow, Self::Pos, Self::Dpos];

    fn name(self) -> &'static str {
        match self {
            Self::Pow => "pow, 6 confirmations",
            Self::Pos => "pos",
            Self::Dpos => "dpos",
        }
    }
}

/// Plays one network and tells what became of its payments.
///
/// # Errors
/// A node refused what it must take.
pub fn play(plan: &Plan, way: Way, seed: u64) -> Result<Report> {
    network::Network::new(plan, way, seed)?.play()
}

/// Plays every way with these seeds and returns a table.
///
/// # Errors
/// As [`play`].
pub fn compare(plan: &Plan, seeds: std::ops::RangeInclusive<u64>) -> Result<String> {
    let mut table = Report::head();
    for way in Way::ALL {
        let mut all = Report::default();
        for seed in seeds.clone() {
            all.add(play(plan, way, seed)?);
        }
        table += &all.row(way.name());
    }
    Ok(table)
}
