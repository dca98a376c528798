//! What the explorer tells its own listeners: pages and other readers of its event stream.

use serde::Serialize;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// Events that a slow listener may lag behind before it is told to read everything again.
const BACKLOG: usize = 256;

/// Something changed that a page may show.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveEvent {
    /// The index has a new last block.
    Tip {
        /// Its height.
        height: u32,
        /// Its hash.
        hash: String,
    },
    /// The active chain moved to another branch; follows before the `tip` that it led to.
    Reorg {
        /// The height of the last common block.
        fork_height: u32,
        /// Blocks that left the active chain.
        depth: u32,
    },
    /// Transactions joined or left the mempool.
    Mempool {
        /// Transactions in it.
        count: usize,
        /// Their virtual bytes.
        vsize: u64,
    },
    /// Events were lost for this listener; it reads the whole state again.
    Resync,
}

impl LiveEvent {
    /// The name in the stream's `event:` field, which is the JSON's `type`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Tip { .. } => "tip",
            Self::Reorg { .. } => "reorg",
            Self::Mempool { .. } => "mempool",
            Self::Resync => "resync",
        }
    }
}

/// Where events are announced.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    sender: broadcast::Sender<LiveEvent>,
}

impl Live {
    /// Starts without listeners.
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
        }
    }

    /// Tells all listeners.
    pub(crate) fn announce(&self, event: LiveEvent) {
        // Nobody listening is no failure.
        let _ = self.sender.send(event);
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<LiveEvent> {
        self.sender.subscribe()
    }
}
