//! Bytes and quantities of the ledger, in Bitcoin's own format.
//!
//! This crate knows how things are written (consensus encoding, hashes, compact
//! targets, hex in display order) and nothing of rules: whether a transaction is
//! valid is the ledger's question. It depends on no other crate of the workspace
//! and must never know of scripts' meaning, coins, agreement, storage or time.
//!
//! Decoding copies nothing: a [`Block`] or [`Transaction`] keeps the bytes that it
//! was decoded from and its scripts are slices of them. The ids of all transactions are
//! computed from the same bytes in one go, two at a time.

pub mod amount;
pub mod block;
pub mod double_hash;
pub mod encode;
pub mod hash;
pub mod header;
pub mod height;
pub mod hex;
pub mod merkle;
pub mod order;
pub mod transaction;
pub mod weight;
pub mod work;

pub use amount::Amount;
pub use block::Block;
pub use encode::{DecodeError, Reader};
pub use hash::{BlockHash, MerkleRoot, Sha256d, Txid, Wtxid, sha256, sha256d, tagged_hash};
pub use header::Header;
pub use height::Height;
pub use order::usual_order;
pub use transaction::{OutPoint, Script, Transaction, TxIn, TxOut, Witness};
pub use weight::Weight;
pub use work::{CompactTarget, Target, Work};
