//! What happened in the mempool, in order.

use std::collections::VecDeque;

use synod_primitives::{Amount, BlockHash, Txid, Wtxid};

/// The most events that wait to be taken; the oldest go first when there are more.
pub const MAX_PENDING_EVENTS: usize = 1_000_000;

/// A change of the mempool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A transaction joined.
    Added {
        /// Its id.
        txid: Txid,
        /// Its id with witness.
        wtxid: Wtxid,
        /// Its fee.
        fee: Amount,
        /// Its virtual size in vbytes, signature operations considered.
        vsize: u64,
    },
    /// A transaction left.
    Removed {
        /// Its id.
        txid: Txid,
        /// Its id with witness.
        wtxid: Wtxid,
        /// Why.
        reason: Removal,
    },
}

/// Why a transaction left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// A block contains it.
    Confirmed {
        /// The block.
        block: BlockHash,
    },
    /// A block spends what it spends, or what an ancestor of it spends.
    Conflict {
        /// The block.
        block: BlockHash,
    },
    /// Another transaction pays more.
    Replaced {
        /// That transaction.
        by: Txid,
    },
    /// The mempool was full, and it paid least.
    Evicted,
    /// It waited too long.
    Expired,
    /// A reorganisation made it immature, not final, or took away what it spends.
    Reorg,
}

impl Removal {
    /// Returns the reason's name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Confirmed { .. } => "block",
            Self::Conflict { .. } => "conflict",
            Self::Replaced { .. } => "replaced",
            Self::Evicted => "evicted",
            Self::Expired => "expired",
            Self::Reorg => "reorg",
        }
    }
}

/// The events since the last time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Events {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// How many older ones were dropped because nobody took them.
    pub dropped: u64,
}

/// Events that wait to be taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventQueue {
    waiting: VecDeque<Event>,
    dropped: u64,
}

impl EventQueue {
    pub(crate) fn push(&mut self, event: Event) {
        if self.waiting.len() == MAX_PENDING_EVENTS {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(event);
    }

    pub(crate) fn take(&mut self) -> Events {
        Events {
            events: std::mem::take(&mut self.waiting).into(),
            dropped: std::mem::take(&mut self.dropped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_event_is_dropped_at_the_limit_and_counted() {
        let mut queue = EventQueue::default();
        let event = |byte| Event::Removed {
            txid: Txid::from_bytes([byte; 32]),
            wtxid: Wtxid::ZERO,
            reason: Removal::Evicted,
        };
        queue.push(event(1));
        for _ in 0..MAX_PENDING_EVENTS {
            queue.push(event(2));
        }
        let taken = queue.take();
        assert_eq!(taken.dropped, 1);
        assert_eq!(taken.events.len(), MAX_PENDING_EVENTS);
        assert_eq!(taken.events[0], event(2));
        assert_eq!(queue.take(), Events::default());
    }
}
