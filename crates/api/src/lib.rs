//! Request and response bodies, error codes and the typed client of every service.
//!
//! The types here are what travels: plain data with `serde` and OpenAPI schemas. Requests refuse
//! fields that they do not know; responses stay open, so that an older client reads a newer
//! service. Text that has exactly one form (hashes, amounts) is parsed at this edge and cannot
//! hold anything else afterwards.
//!
//! May depend on: none of our crates. Must never know: ledger types, how a service works inside.

pub mod amount;
pub mod client;
pub mod endpoints;
pub mod faucet;
pub mod hex;
pub mod import;
pub mod miner;
pub mod node;
pub mod p2p;
pub mod problem;
pub mod stake;
pub mod validator;
pub mod wallet;

pub use amount::AmountSat;
pub use client::{
    ClientError, ExplorerClient, MinerClient, NodeClient, ValidatorClient, WalletClient,
};
pub use hex::{
    BitsHex, FormatError, HashHex, HexBytes, KeyHashHex, MerkleNodeHex, NodeIdHex, NonceHex,
    NumberHex,
};
pub use problem::Problem;

/// The port that a node listens on; further nodes of one machine take 9340, 9350 and so on.
pub const NODE_PORT: u16 = 9330;
/// The port that the miner listens on.
pub const MINER_PORT: u16 = 9331;
/// The port that the explorer listens on.
pub const EXPLORER_PORT: u16 = 9332;
/// The port that the wallet service listens on.
pub const WALLET_PORT: u16 = 9333;
/// The port that the validator listens on; a remote signer takes it too.
pub const VALIDATOR_PORT: u16 = 9334;
/// The port where the explorer serves the Esplora API at the bare root.
pub const ESPLORA_PORT: u16 = 9335;
/// The port of the control plane of `synod up`.
pub const CONTROL_PORT: u16 = 9339;
