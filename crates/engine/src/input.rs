//! What happens to an engine.

use std::sync::Arc;

use bytes::Bytes;
use synod_primitives::{Block, BlockHash, Header, Height, Transaction};
use synod_seal::{Evidence, SealKey, SealedHeader, StakeChange, Vote, find_seal};

use crate::output::Record;

/// A peer, by a number that the node has given it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerId(pub u64);

/// A timer; setting it again moves it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId(pub u32);

/// A request for a block; the engine never uses one twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// A block that the node has stored, as far as an engine looks at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// Its header.
    pub header: Header,
    /// Its coinbase, which carries the seal.
    pub coinbase: Transaction,
    /// What leads from the coinbase to the Merkle root; empty where there is no seal to show.
    pub branch: Vec<[u8; 32]>,
    /// Its height.
    pub height: Height,
}

impl StoredBlock {
    /// Takes out of a block what an engine looks at; `None` for one without transactions.
    #[must_use]
    pub fn new(block: &Block, height: Height) -> Option<Self> {
        let coinbase = block.transactions().first()?.clone();
        // Hashing a whole block is only worth it where the branch can become evidence.
        let sealed = find_seal(&coinbase).ok();
        let sealed = sealed.and_then(|_| SealedHeader::of_block(block));
        Some(Self {
            hash: block.hash(),
            header: *block.header(),
            coinbase,
            branch: sealed.map_or_else(Vec::new, |it| it.branch),
            height,
        })
    }
}

/// A block that was connected: it is valid, and on the active chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connected {
    /// The block.
    pub block: Arc<StoredBlock>,
    /// How it changes the stake.
    pub stake: Arc<StakeChange>,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The node has started. Always the first input, and never again.
    Restart {
        /// All records, by their keys; empty in a new node.
        records: Vec<Record>,
    },
    /// A peer has sent bytes. Anything can come here: lost, repeated, reordered, forged.
    Message {
        /// Who.
        from: PeerId,
        /// What.
        bytes: Bytes,
    },
    /// A timer is due. It may come late, and after a restart it does not come at all.
    Timer(TimerId),
    /// The keys that sign for this node, instead of those before.
    Keys(Vec<SealKey>),
    /// The answer to [`Output::BuildBlock`](crate::Output::BuildBlock): the sealed block.
    Template {
        /// The request.
        request: RequestId,
        /// The block.
        block: Box<Block>,
    },
    /// The answer to [`Output::SignVote`](crate::Output::SignVote).
    Voted(Vote),
    /// A block passed all checks that need no coins and was stored; its parent was before.
    Stored(Arc<StoredBlock>),
    /// A block that was stored breaks a rule, and with it all blocks above it.
    Rejected(BlockHash),
    /// A block was connected on top of the one connected last.
    Connected(Connected),
    /// The block connected last was disconnected.
    Disconnected(BlockHash),
    /// Somebody has shown evidence; it is not checked yet.
    Evidence(Box<Evidence>),
}
