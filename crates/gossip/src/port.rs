//! What gossip asks of the node that it speaks for.

use bytes::Bytes;
use synod_primitives::{BlockHash, Header, Height, Txid, Work, Wtxid};

use crate::peers::PeerId;

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
    /// The bytes are not those that the header commits to; the honest block may still come.
    Mutated,
    /// No honest peer sends it.
    Misbehavior,
    /// The node is busy or stopping; nothing is known of it.
    Unavailable,
}

/// What a node said to a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admitted {
    /// The verdict.
    pub verdict: Verdict,
    /// Of an orphan: the parents that are neither confirmed, nor in the mempool, nor waiting
    /// themselves.
    pub missing: Vec<Txid>,
}

impl From<Verdict> for Admitted {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            missing: Vec::new(),
        }
    }
}

/// What came of a page of headers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeadersJudged<S> {
    /// How far the chain has been judged now.
    pub sync: S,
    /// What the page says of the peer.
    pub verdict: Verdict,
    /// The header after which the peer is to be asked next; `None` when it has no more.
    pub next: Option<BlockHash>,
    /// The last header that was kept.
    pub best: Option<BlockHash>,
}

/// The node behind a peer session.
pub trait NodePort: Clone + Send + Sync + 'static {
    /// How far a peer's chain of headers has been judged.
    type HeaderSync: Default + Send + 'static;

    /// Returns where the active chain ends.
    fn tip(&self) -> Tip;

    /// Returns the height below which the node has forgotten its blocks; `None` when it has
    /// all.
    fn prune_height(&self) -> Option<u32> {
        None
    }

    /// Returns the locator of the best chain of headers.
    fn locator(&self) -> impl Future<Output = Vec<BlockHash>> + Send;

    /// Judges a page of headers of one peer's chain, lowest first; `has_more` says that the
    /// page was full.
    fn judge_headers(
        &self,
        sync: Self::HeaderSync,
        page: Vec<(Header, Bytes)>,
        has_more: bool,
    ) -> impl Future<Output = HeadersJudged<Self::HeaderSync>> + Send;

    /// Returns the blocks that are missing up to the header `best`, lowest first, at most
    /// `limit`; none when its branch is worth less than the tip.
    fn missing_blocks(
        &self,
        best: BlockHash,
        limit: usize,
    ) -> impl Future<Output = Vec<BlockHash>> + Send;

    /// Takes in a raw block; it is durable, and the tip has settled, when the answer comes.
    fn submit_block(&self, block: Bytes) -> impl Future<Output = Verdict> + Send;

    /// Takes in one of many raw blocks whose headers were judged, after those that it was called
    /// for before; the call hands the block on at once, the answer is the verdict. Readers see the
    /// blocks when they are durable, which may be later.
    fn feed_block(&self, block: Bytes) -> impl Future<Output = Verdict> + Send + use<Self>;

    /// Says whether the block is known, in whatever state.
    fn knows_block(&self, hash: BlockHash) -> impl Future<Output = bool> + Send;

    /// Returns the headers of the active chain after a block of it with their proofs, at most
    /// `limit` and no further one past [`crate::wire::HEADERS_ANSWER_BYTES`]; `None` when the
    /// block is not on it.
    fn headers_after(
        &self,
        after: BlockHash,
        limit: usize,
    ) -> impl Future<Output = Option<Vec<(Header, Bytes)>>> + Send;

    /// Reads a stored block.
    fn raw_block(&self, hash: BlockHash) -> impl Future<Output = Option<Bytes>> + Send;

    /// Shows all transactions of the mempool.
    fn visit_mempool(&self, visit: &mut dyn FnMut(Wtxid, &Bytes));

    /// Returns those of the transactions that are in the mempool.
    fn mempool_transactions(&self, wtxids: &[Wtxid]) -> Vec<Bytes>;

    /// Returns those of the transactions, named without their witness, that are in the mempool.
    fn mempool_parents(&self, txids: &[Txid]) -> Vec<Bytes>;

    /// Says whether the transaction is in the mempool, waits for others or was refused lately.
    fn knows_transaction(&self, wtxid: Wtxid) -> bool;

    /// Takes in messages of agreement of a peer; the verdicts are in their order.
    fn hear_messages(
        &self,
        from: PeerId,
        messages: Vec<Bytes>,
    ) -> impl Future<Output = Vec<Verdict>> + Send;

    /// Takes in raw transactions of a peer; the verdicts are in their order.
    fn submit_transactions(
        &self,
        from: PeerId,
        transactions: Vec<Bytes>,
    ) -> impl Future<Output = Vec<Admitted>> + Send;
}
