//! Blocks that are decoded and checked by themselves on the threads that check scripts, while the
//! chain is busy with those before them.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use bytes::Bytes;
use synod_node_core::{Node, PreparedBlock};
use synod_primitives::BlockHash;

/// Bytes of blocks that are prepared ahead of the one that is taken in.
const PREPARED_BYTES: usize = 4 << 20;
/// The most blocks that are prepared ahead.
const PREPARED_BLOCKS: usize = 256;

/// Where blocks are prepared.
#[derive(Clone)]
pub(crate) enum Preparation {
    /// On the threads that check scripts.
    Pool(Arc<rayon::ThreadPool>),
    /// On the calling thread, when it is wanted.
    Here,
}

impl Preparation {
    /// Chooses as the node does for its scripts.
    pub(crate) fn of(node: &Node) -> Self {
        let pool = node.chain().pool();
        if pool.current_num_threads() > 1 {
            Self::Pool(pool)
        } else {
            Self::Here
        }
    }

    /// Starts on a block.
    pub(crate) fn prepare(&self, raw: Bytes) -> Pending {
        let Self::Pool(pool) = self else {
            return Pending::Later(raw);
        };
        let (sender, receiver) = mpsc::channel();
        let again = raw.clone();
        pool.spawn(move || {
            // Nobody waits any more when the work has failed meanwhile.
            let _ = sender.send(PreparedBlock::check(&raw));
        });
        Pending::Soon(receiver, again)
    }
}

/// A block that is or will be prepared.
pub(crate) enum Pending {
    Soon(Receiver<PreparedBlock>, Bytes),
    Later(Bytes),
}

impl Pending {
    /// Waits for the block.
    pub(crate) fn wait(self) -> PreparedBlock {
        match self {
            // The sender is lost only when the preparation panicked; then it does so here.
            Self::Soon(receiver, raw) => receiver
                .recv()
                .unwrap_or_else(|_| PreparedBlock::check(&raw)),
            Self::Later(raw) => PreparedBlock::check(&raw),
        }
    }
}

/// Blocks that are or will be prepared and are taken in next, parents before children.
#[derive(Default)]
pub(crate) struct Prepared {
    blocks: VecDeque<(BlockHash, usize, Pending)>,
    bytes: usize,
    hashes: HashSet<BlockHash>,
}

impl Prepared {
    pub(crate) fn push(&mut self, hash: BlockHash, size: usize, block: Pending) {
        self.hashes.insert(hash);
        self.bytes += size;
        self.blocks.push_back((hash, size, block));
    }

    /// Takes the oldest.
    pub(crate) fn pop(&mut self) -> Option<Pending> {
        let (hash, size, block) = self.blocks.pop_front()?;
        self.hashes.remove(&hash);
        self.bytes -= size;
        Some(block)
    }

    pub(crate) fn contains(&self, hash: &BlockHash) -> bool {
        self.hashes.contains(hash)
    }

    /// Says whether no further block is to be prepared before one is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= PREPARED_BYTES || self.blocks.len() >= PREPARED_BLOCKS
    }
}
