//! The cold wallet: everything that needs no network, as a command line and as a library.
//!
//! The hot wallet's command line uses the same commands from here and adds those that need an
//! explorer, so that both behave alike to the letter.
//!
//! Files: `NAME.wallet` (keystore, see `synod-wallet-core`) in the wallet directory, beside it
//! `.NAME.wallet.lock`. Tasks, ports: none.
//!
//! May depend on: `synod-wallet-core`, clap, and small crates for prompts, QR codes and JSON.
//! Must never depend on anything that can open a socket; a test proves it on the dependency tree.

pub mod answer;
pub mod cli;
pub mod commands;
pub mod exit;
pub mod home;
pub mod io;
pub mod password;
