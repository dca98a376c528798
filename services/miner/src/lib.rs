//! The miner service: searches nonces for a node's templates.
//!
//! It long-polls one node for templates, hashes on its own threads, and submits what it finds;
//! the node builds the block. Port 9331 by default. Files: `token` in the data directory.
//!
//! Tasks of [`run`]: one follows templates ([`follow`]), one decides and submits ([`miner`]), one
//! serves REST ([`http`]), one shows the live line; the hashing threads ([`searchers`]) are not
//! tasks. On a stop the threads end at their next chunk, a block that was found is still
//! submitted, and open requests end.
//!
//! May depend on: `synod-api`, `synod-service`, `synod-primitives`. Must never know: coins,
//! rules, how a node stores.

mod app;
pub mod config;
mod follow;
mod http;
pub mod kernel;
mod live_line;
mod metrics;
mod miner;
mod policy;
mod rate;
mod searchers;
mod state;
mod tip;
mod work;

pub use app::{MinerError, run};
pub use config::MinerConfig;
pub use http::openapi;
