//! All SQL of the node, over SQLite through sqlx.
//!
//! May depend on primitives alone, and must never know rules of blocks or agreement: it
//! keeps bytes and where they belong, and says when what it reads is not what it wrote.
//!
//! - One [`Writer`] commits a [`Batch`] in one transaction; [`Reader`]s never wait for it, and
//!   neither does a [`CoinReader`], which reads on the thread that asks; [`Maintenance`] checkpoints, verifies and copies beside both.
//! - Every row has a checksum over its key and columns. Data that should be there and is
//!   not is an error too, found by contiguous ids and heights, by the state of a block, and
//!   for coins and transactions by tallies of their keys.
//! - The write-ahead log can be cut off without SQLite noticing; a second small file knows
//!   the last acknowledged commit and [`Store::open`] refuses a database behind it.
//!
//! Files in the data directory: `node.sqlite` with `-wal` and `-shm`, `tip.mark`, `lock`;
//! while something is built anew also a directory for it.

mod batch;
mod blocks;
mod chain;
mod checksum;
mod coin_reader;
mod coins;
mod directory;
mod error;
mod headers;
mod keyed;
mod maintenance;
mod mark;
mod meta;
mod open;
mod reader;
mod rebuild;
mod row;
mod state;
mod statement;
mod tally;
mod unfinished;
mod verify;
mod writer;

pub use batch::{
    Batch, BlockStatus, ChainChange, CoinsFlush, Durability, HeaderRecord, TransactionLocation,
    TransactionsFlush,
};
pub use blocks::MAX_BLOCK_SIZE;
pub use coin_reader::CoinReader;
pub use directory::DATABASE_FILE;
pub use error::{OpenError, StoreError};
pub use maintenance::{CheckpointReport, Maintenance, SizeReport};
pub use meta::MAX_META_SIZE;
pub use open::{Identity, Options, Store};
pub use reader::{ActiveBlock, ActiveHeaders, Reader, Standing};
pub use rebuild::{REINDEX_DIRECTORY, SNAPSHOT_DIRECTORY, Salvage, backup, install_rebuilt};
pub use verify::{MAX_LISTED_FAULTS, VerifyLevel, VerifyReport};
pub use writer::Writer;
