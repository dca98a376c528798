//! The port to storage: what a node core asks of the shell around it.
//!
//! Calls are synchronous and in order. A shell implements the trait over a database, tests
//! and simulations over maps in memory ([`crate::MemoryStorage`]).

use bytes::Bytes;
use synod_ledger::Coin;
use synod_primitives::{BlockHash, Header, Height, OutPoint, Work};

/// What is known of a block, in the order in which blocks get to be known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// Only the header is there, and it follows the rules at its place.
    HeaderOnly,
    /// The block is stored; all that can be checked without coins holds.
    Stored,
    /// The block was connected once: scripts and amounts hold too.
    Valid,
    /// The block, or one before it, breaks a rule.
    Failed {
        /// Core's reject string.
        code: String,
        /// The block that breaks the rule: this one or an ancestor.
        at: BlockHash,
    },
}

impl Status {
    /// Says whether the block or an ancestor breaks a rule.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// Says whether the block's transactions are stored and no rule is known to be broken.
    #[must_use]
    pub fn has_block(&self) -> bool {
        matches!(self, Self::Stored | Self::Valid)
    }
}

/// A header with what the node found out about its block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderRecord {
    /// The block's hash.
    pub hash: BlockHash,
    /// The header.
    pub header: Header,
    /// Its height.
    pub height: Height,
    /// The work of all blocks up to it.
    pub chainwork: Work,
    /// What is known.
    pub status: Status,
    /// The count of blocks that this node had before it.
    pub arrival: u64,
    /// The number of transactions; zero while only the header is there.
    pub transaction_count: u32,
}

/// A change of the active chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainChange {
    /// The last block that both chains have.
    pub fork: (Height, BlockHash),
    /// The hashes of the blocks above the fork on the new chain, lowest first.
    pub connected: Vec<BlockHash>,
}

/// Coins to write: the table then stands at `tip`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoinsFlush {
    /// The block whose coins these are.
    pub tip: BlockHash,
    /// Coins to insert or replace, sorted by outpoint.
    pub inserts: Vec<(OutPoint, Coin)>,
    /// Coins to delete, sorted; deleting an absent one is no error.
    pub deletes: Vec<OutPoint>,
}

/// Whether a commit must survive a power cut before it returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// On the disk when the call returns.
    #[default]
    Synced,
    /// In order, and on the disk with the next synced commit at the latest.
    Deferred,
}

/// Changes that become visible together or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Headers to insert or update.
    pub headers: Vec<HeaderRecord>,
    /// What travels beside those headers whose engine needs it, in the order of the headers.
    pub proofs: Vec<(BlockHash, Bytes)>,
    /// Blocks to insert, raw.
    pub blocks: Vec<(BlockHash, Bytes)>,
    /// Undo data to insert.
    pub undo: Vec<(BlockHash, Bytes)>,
    /// A change of the active chain.
    pub chain: Option<ChainChange>,
    /// Coins to write.
    pub coins: Option<CoinsFlush>,
    /// What the engine must not forget, instead of what it was before.
    pub engine: Option<Bytes>,
    /// The engine's state at a final block, instead of the one before.
    pub engine_state: Option<Bytes>,
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
            && self.engine.is_none()
            && self.engine_state.is_none()
    }
}

/// What a node finds when it starts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stored {
    /// All headers, parents before children.
    pub headers: Vec<HeaderRecord>,
    /// The active chain from height 0; empty in a new store.
    pub active: Vec<BlockHash>,
    /// The block that the coins table stands at; `None` in a new store.
    pub coins_tip: Option<BlockHash>,
    /// What the engine must not forget, as it was written last.
    pub engine: Option<Bytes>,
    /// The engine's state at a final block, as it was written last.
    pub engine_state: Option<Bytes>,
    /// Blocks and undo data below this height may have been removed.
    pub pruned_below: Height,
}

/// A failure of storage. Only after [`StorageError::Full`] can the node go on; after the others
/// it stops deciding until it is opened again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no room; the node can go on when there is ([`Storage::retry`]).
    #[error("storage is full: {0}")]
    Full(String),
    /// What was read is not what was written.
    #[error("storage is damaged: {0}")]
    Corrupt(String),
    /// Anything else.
    #[error("storage failed: {0}")]
    Failed(String),
}

/// Storage as a node core needs it.
pub trait Storage: Send {
    /// Reads what a start needs.
    ///
    /// # Errors
    /// Storage failed or is damaged.
    fn load(&mut self) -> Result<Stored, StorageError>;

    /// Reads a block.
    ///
    /// # Errors
    /// Storage failed, or the bytes do not hash to `hash`.
    fn load_block(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError>;

    /// Reads undo data.
    ///
    /// # Errors
    /// Storage failed or is damaged.
    fn load_undo(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError>;

    /// Reads those of the coins that the table has; `outpoints` is sorted.
    ///
    /// # Errors
    /// Storage failed or is damaged.
    fn load_coins(&mut self, outpoints: &[OutPoint])
    -> Result<Vec<(OutPoint, Coin)>, StorageError>;

    /// Writes a batch in one transaction.
    ///
    /// # Errors
    /// Storage failed; then nothing of the batch is there. After [`StorageError::Full`] storage
    /// keeps the batch in memory and answers reads as if it were written, since the caller's
    /// own state is past it; no other batch comes before [`Storage::retry`] has succeeded.
    fn commit(&mut self, batch: Batch) -> Result<(), StorageError>;

    /// Removes blocks and undo data of all branches below a height; returns the height below
    /// which all is removed.
    ///
    /// # Errors
    /// Storage failed; then nothing is removed.
    fn prune(&mut self, below: Height) -> Result<Height, StorageError> {
        Err(StorageError::Failed(format!(
            "this storage keeps all blocks and cannot forget those below {below}"
        )))
    }

    /// Sets a small record of the shell's by its name, durably.
    ///
    /// # Errors
    /// Storage failed; then the record is as it was.
    fn set_record(&mut self, name: &'static str, _value: Bytes) -> Result<(), StorageError> {
        Err(StorageError::Failed(format!(
            "this storage has no place for the record {name}"
        )))
    }

    /// Does a bounded part of the work that commits have left for later, such as an index; says
    /// whether more is left.
    ///
    /// # Errors
    /// As [`Storage::commit`].
    fn tidy(&mut self) -> Result<bool, StorageError> {
        Ok(false)
    }

    /// Writes the batch that there was no room for, if there is one.
    ///
    /// # Errors
    /// As [`Storage::commit`]; there may still be no room.
    fn retry(&mut self) -> Result<(), StorageError> {
        Ok(())
    }
}
