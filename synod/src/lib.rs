//! Whole Synod networks in one process: nodes, miner, explorer and wallet service, on loopback,
//! over SQLite files in one data directory.
//!
//! Depends on every service's `run(config)`. Must never know how a service works inside: what
//! runs here also runs as separate processes.

pub mod cli;
pub mod faucet;
pub mod health;
pub mod up;
