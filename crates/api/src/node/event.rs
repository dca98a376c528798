//! Server-sent events: `GET /v1/events`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BlockRef;
use crate::{AmountSat, HashHex};

/// One event; its id is the SSE id that `Last-Event-ID` resumes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Grows by one with each event of the node, over all topics.
    pub id: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A block joined the active chain.
    BlockConnected {
        /// Its hash.
        hash: HashHex,
        /// Its height.
        height: u32,
        /// Its parent's hash.
        previous_block_hash: HashHex,
        /// Its time in Unix seconds.
        time: u32,
        /// Its transactions.
        transaction_count: u32,
    },
    /// A block left the active chain.
    BlockDisconnected {
        /// Its hash.
        hash: HashHex,
        /// Its height.
        height: u32,
    },
    /// The active chain moved to another branch; follows the events of the single blocks.
    Reorg {
        /// The height of the last common block.
        fork_height: u32,
        /// Blocks that left, from the old tip down.
        disconnected: Vec<BlockRef>,
        /// Blocks that joined, from the fork up.
        connected: Vec<BlockRef>,
    },
    /// A transaction joined the mempool.
    Transaction {
        /// Its id.
        txid: HashHex,
        /// Its id with witnesses.
        wtxid: HashHex,
        /// Its fee.
        fee_sat: AmountSat,
        /// Its virtual bytes.
        vsize: u32,
    },
    /// A transaction left the mempool.
    TransactionRemoved {
        /// Its id.
        txid: HashHex,
        /// Why.
        reason: RemovalReason,
    },
    /// A block became final, and all before it.
    Finalized {
        /// Its hash.
        hash: HashHex,
        /// Its height.
        height: u32,
    },
    /// Events were lost for this reader; it reads the whole state again.
    Resync {
        /// The id of the newest event.
        newest_id: u64,
    },
}

/// Why a transaction left the mempool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RemovalReason {
    /// A block holds it.
    Mined,
    /// A block or another transaction spent its inputs.
    Conflict,
    /// Another transaction replaced it.
    Replaced,
    /// It waited too long.
    Expired,
    /// The mempool was full.
    SizeLimit,
    /// A reorganisation made it invalid.
    Reorg,
    /// The node was started again and did not have it any more.
    Restart,
}

/// A group of events that a reader asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Blocks connected and disconnected, reorganisations.
    Blocks,
    /// Transactions in and out of the mempool.
    Transactions,
    /// Finality.
    Finality,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 3] = [Self::Blocks, Self::Transactions, Self::Finality];

    /// Returns the topic's name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Transactions => "transactions",
            Self::Finality => "finality",
        }
    }

    /// Finds a topic by its name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl EventKind {
    /// Returns the topic; none for `resync`, which every reader gets.
    #[must_use]
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Self::BlockConnected { .. } | Self::BlockDisconnected { .. } | Self::Reorg { .. } => {
                Some(Topic::Blocks)
            }
            Self::Transaction { .. } | Self::TransactionRemoved { .. } => Some(Topic::Transactions),
            Self::Finalized { .. } => Some(Topic::Finality),
            Self::Resync { .. } => None,
        }
    }

    /// Returns the name in the stream's `event:` field, which is the JSON's `type`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::BlockConnected { .. } => "block_connected",
            Self::BlockDisconnected { .. } => "block_disconnected",
            Self::Reorg { .. } => "reorg",
            Self::Transaction { .. } => "transaction",
            Self::TransactionRemoved { .. } => "transaction_removed",
            Self::Finalized { .. } => "finalized",
            Self::Resync { .. } => "resync",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object() {
        let event = Event {
            id: 7,
            kind: EventKind::TransactionRemoved {
                txid: HashHex::from_bytes([1; 32]),
                reason: RemovalReason::SizeLimit,
            },
        };
        let json = serde_json::to_value(&event).expect("json");
        assert_eq!(json["id"], 7);
        assert_eq!(json["type"], event.kind.name());
        assert_eq!(json["reason"], "size-limit");
        assert_eq!(
            serde_json::from_value::<Event>(json).expect("own json"),
            event
        );
    }

    #[test]
    fn a_topic_is_found_by_its_name_alone() {
        for topic in Topic::ALL {
            assert_eq!(Topic::from_name(topic.name()), Some(topic));
        }
        assert_eq!(Topic::from_name("Blocks"), None);
    }
}
