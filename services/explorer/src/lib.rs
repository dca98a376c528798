//! The explorer service: an index that follows a node, the Esplora API and pages.
//!
//! [`run`] follows one node over REST alone, keeps an index of its chain in `explorer.sqlite` in
//! the data directory and its mempool in memory, and serves both on two listeners: everything on
//! the first, the Esplora API at the bare root on the second. Every answer comes from one
//! snapshot of index and mempool. On a stop it finishes open requests, closes the index, and
//! goes on from there at the next start.
//!
//! May depend on: `synod-api`, `synod-service`, `synod-primitives`, `synod-script`, `synod-seal`.
//! Must never know: the node's database, ledger rules, keys.

mod app;
mod clock;
mod config;
mod document;
mod error;
mod explore;
mod faucet;
mod follow;
mod http;
mod index;
mod node;
mod pages;
mod pool;
mod settings;
mod snapshot;
mod store;
mod text;

pub use app::{Listeners, openapi, run};
pub use config::{ExplorerConfig, Retarget};
pub use error::ExplorerError;
pub use faucet::{Faucet, WalletFaucet};
pub use follow::{IdentityError, LiveEvent};
pub use settings::Arguments;
