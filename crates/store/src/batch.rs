//! What one transaction writes.

use bytes::Bytes;
use synod_primitives::{BlockHash, Header, Height, OutPoint, Txid, Work};

/// What is known of a block, in the order in which blocks get to be known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BlockStatus {
    /// Only the header is there.
    HeaderOnly,
    /// The block is stored.
    Stored,
    /// The block was connected once, and its undo data is stored (but for height 0).
    Valid,
    /// The block, or one before it, breaks a rule.
    Failed {
        /// The rule's stable code.
        code: String,
        /// The block that breaks it: this one or an ancestor.
        at: BlockHash,
    },
}

/// A header with what the node found out about its block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderRecord {
    /// The block's hash.
    pub hash: BlockHash,
    /// The header.
    pub header: Header,
    /// The engine's proof that travels beside the header; empty under proof of work.
    pub proof: Bytes,
    /// The block's height.
    pub height: Height,
    /// The work of all blocks up to it.
    pub chainwork: Work,
    /// What is known.
    pub status: BlockStatus,
    /// The number of blocks that this node had before it.
    pub arrival: u64,
    /// The number of transactions; zero while only the header is there.
    pub transaction_count: u32,
}

/// A change of the active chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainChange {
    /// The last block that stays; `None` when the chain is written from height 0.
    pub fork: Option<(Height, BlockHash)>,
    /// The blocks above it on the new chain, lowest first.
    pub connected: Vec<BlockHash>,
}

/// Coins to write; the table then stands at `tip`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoinsFlush {
    /// The block whose coins these are.
    pub tip: BlockHash,
    /// Coins to insert or replace, sorted by outpoint.
    pub inserts: Vec<(OutPoint, Bytes)>,
    /// Coins to delete, sorted by outpoint; an absent one is no error.
    pub deletes: Vec<OutPoint>,
}

/// Where a transaction lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransactionLocation {
    /// The block.
    pub block: BlockHash,
    /// The position of its first byte in the raw block.
    pub offset: u32,
    /// Its length in bytes, with witness.
    pub length: u32,
}

/// Rows of the transaction index to write; the index then stands at `tip`.
///
/// Deletes go first, so that a transaction of a dropped block that is in the new branch
/// too may be in both lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransactionsFlush {
    /// The last block whose transactions are in the index.
    pub tip: BlockHash,
    /// Transactions to insert or replace, sorted by id.
    pub inserts: Vec<(Txid, TransactionLocation)>,
    /// Transactions to delete, sorted by id; an absent one is no error.
    pub deletes: Vec<Txid>,
}

/// Whether a commit must survive a power cut before it returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// On the disk when the call returns (`synchronous = FULL`).
    #[default]
    Synced,
    /// In order, safe against a killed process at once, and on the disk with the next
    /// synced commit or checkpoint at the latest (`synchronous = NORMAL`).
    Deferred,
}

/// Changes that become visible together or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Headers to insert or update, parents before children.
    pub headers: Vec<HeaderRecord>,
    /// Blocks to insert, raw; their headers are stored or in this batch.
    pub blocks: Vec<(BlockHash, Bytes)>,
    /// Undo data to insert.
    pub undo: Vec<(BlockHash, Bytes)>,
    /// A change of the active chain.
    pub chain: Option<ChainChange>,
    /// Coins to write.
    pub coins: Option<CoinsFlush>,
    /// Rows of the transaction index to write.
    pub transactions: Option<TransactionsFlush>,
    /// Records to set, or with `None` to delete, by name.
    pub meta: Vec<(&'static str, Option<Bytes>)>,
    /// Says that blocks and undo data below this height are not there.
    pub pruned_below: Option<Height>,
    /// When the call may return.
    pub durability: Durability,
}

impl Batch {
    /// Says whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
            && self.blocks.is_empty()
            && self.undo.is_empty()
            && self.chain.is_none()
            && self.coins.is_none()
            && self.transactions.is_none()
            && self.meta.is_empty()
            && self.pruned_below.is_none()
    }
}
