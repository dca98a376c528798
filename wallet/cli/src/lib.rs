//! The hot and watch-only wallet: command line, library and REST service.
//!
//! Files in the wallet directory: `NAME.wallet` (keystore) or `NAME.watch.json`, `NAME.sqlite`
//! (coins, history, payments; no secrets), and lock files beside them.
//!
//! May depend on: `synod-wallet-core`, `synod-wallet-cold` (for the commands that need no network),
//! BDK's Esplora client, sqlx; of the project's other crates `synod-api` and `synod-service` only.
//! Must never depend on the ledger crates: each payment is a test of two independent implementations.

pub mod cli;
mod commands;
pub mod explorer;
pub mod hot;
pub mod service;
pub mod store;
