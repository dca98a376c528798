//! The node service: a node core over a store, its peers, and REST for everybody else.
//!
//! Ports: 9330 (`--listen`), and with `--peer-listen` one for peers only. Files in the data
//! directory: `node.sqlite` with its log, `tip.mark`, `lock`, `peers.json`, `mempool.dat`, `coins.digest`, `events.log` with the one before it, and `token`, the
//! operator's bearer token. On a stop requests end first, then peers, then the chain thread, which writes
//! the coins that changed, so that the next start replays nothing.
//!
//! Depends on the core crates, store, gossip, api and service. Must never know keys, pages or
//! how a miner searches.

pub mod app;
pub mod background;
mod book;
pub mod chain;
pub mod config;
pub mod digest;
pub mod duty;
pub mod error;
mod halt;
mod headers;
pub mod http;
pub mod kept;
pub mod limits;
pub mod member;
pub mod mempool_file;
mod metrics;
pub mod mining;
mod news;
pub mod payout;
pub mod port;
mod prepare;
mod pruning;
mod replace;
mod room;
pub mod state;
mod tasks;
pub mod templates;
pub mod tools;

pub use app::{Opened, open, run};
pub use config::NodeConfig;
pub use limits::RouteLimits;
