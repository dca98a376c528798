//! Descriptor wallets, the keystore and PSBTs, without any network code.
//!
//! Everything that must be right with money in it lives here: keys and descriptors, the encrypted
//! keystore file, what a PSBT really pays, whether it may be signed, and the signatures. The hot
//! wallet (`synod-wallet`) and the cold one (`synod-wallet-cold`) are two shells around it.
//!
//! May depend on: BDK, rust-bitcoin and miniscript (as BDK re-exports them), the crates for key
//! derivation and sealing. Must never know: sockets, HTTP, SQL, an async runtime, nor any of the
//! project's ledger crates; each payment is thereby a test of two independent implementations.
//!
//! Time comes in with each call. Randomness is taken from the operating system only (seed words,
//! salts, nonces).

pub mod amount;
pub mod descriptors;
pub mod keys;
pub mod keystore;
pub mod mnemonic;
pub mod psbt;
pub mod stake;
pub mod text;
pub mod wallet;
pub mod watch_only;

pub use bdk_wallet;
pub use bdk_wallet::bitcoin;

/// The only network that a Synod wallet ever speaks: every preset uses regtest's prefixes and coin type.
pub const NETWORK: bitcoin::Network = bitcoin::Network::Regtest;
