//! What gossip asks of the node that it speaks for.

use bytes::Bytes;
use synod_primitives::{BlockHash, Header, Height, Work, Wtxid};

/// Where a node's active chain ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tip {
    /// The last block.
    pub hash: BlockHash,
    /// Its height.
    pub height: Height,
    /// The work of the chain.
    pub chainwork: Work,
}

/// What a node said to something from a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was taken in, or known.
    Accepted,
    /// It is held until what it builds on is known.
    Orphan,
    /// It is refused, but no fault of the peer's: policy, timing, a conflict.
    Declined,
    /// No honest peer sends it.
    Misbehavior,
    /// The node is busy or stopping; nothing is known of it.
    Unavailable,
}

/// The node behind a peer session.
pub trait NodePort: Clone + Send + Sync + 'static {
    /// Returns where the active chain ends.
    fn tip(&self) -> Tip;

    /// Returns the locator of the best chain of headers.
    fn locator(&self) -> impl Future<Output = Vec<BlockHash>> + Send;

    /// Takes in headers, lowest first; returns the verdict and the hashes of the blocks
    /// among them, or below them, that the node lacks and wants, lowest first.
    fn submit_headers(
        &self,
        headers: Vec<(Header, Bytes)>,
    ) -> impl Future<Output = (Verdict, Vec<BlockHash>)> + Send;

    /// Takes in raw blocks in order.
    fn submit_blocks(&self, blocks: Vec<Bytes>) -> impl Future<Output = Vec<Verdict>> + Send;

    /// Says whether the block is known, in whatever state.
    fn knows_block(&self, hash: BlockHash) -> impl Future<Output = bool> + Send;

    /// Says whether the transaction is in the mempool or was refused lately.
    fn knows_transaction(&self, wtxid: Wtxid) -> bool;

    /// Takes in raw transactions.
    fn submit_transactions(
        &self,
        transactions: Vec<Bytes>,
    ) -> impl Future<Output = Vec<Verdict>> + Send;
}
