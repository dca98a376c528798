//! What happened in a node, in order.

use synod_primitives::{BlockHash, Header, Height, Txid, Wtxid};

/// A change that others may want to follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A block joined the active chain at its end.
    BlockConnected {
        /// The block.
        hash: BlockHash,
        /// Its height.
        height: Height,
        /// Its header.
        header: Header,
        /// Its transactions, the coinbase transaction included.
        transaction_count: u32,
    },
    /// The tip left the active chain.
    BlockDisconnected {
        /// The block.
        hash: BlockHash,
        /// Its height.
        height: Height,
    },
    /// The active chain moved to another branch; the single steps come before it.
    Reorganized {
        /// The last block that both branches have.
        fork_height: Height,
        /// The blocks that left, highest first.
        disconnected: Vec<BlockHash>,
        /// The blocks that joined, lowest first.
        connected: Vec<BlockHash>,
    },
    /// A block became final, and all before it.
    Finalized {
        /// The block.
        hash: BlockHash,
        /// Its height.
        height: Height,
    },
    /// A transaction joined the mempool.
    TransactionAdded {
        /// Its id.
        txid: Txid,
        /// Its id with witness.
        wtxid: Wtxid,
        /// Its fee in satoshis.
        fee_sat: u64,
        /// Its virtual size in vbytes.
        vsize: u64,
    },
    /// What was saved of the mempool before the start has been looked at.
    MempoolRestored,
    /// A transaction left the mempool.
    TransactionRemoved {
        /// Its id.
        txid: Txid,
        /// Why: `block`, `replaced`, `conflict`, `evicted`, `expired` or `reorg`.
        reason: &'static str,
    },
}
