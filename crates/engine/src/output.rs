//! What an engine asks of the node.

use bytes::Bytes;
use synod_primitives::{Block, BlockHash};
use synod_seal::{Evidence, Seal, SealKey, VoteLink};

use crate::header::FinalBlock;
use crate::input::{PeerId, RequestId, TimerId};
use crate::time::Millis;

/// Under which a record is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordKey(pub u64);

/// Something that an engine must not forget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its key; a record of the same key is replaced.
    pub key: RecordKey,
    /// Its value; empty removes the record.
    pub value: Bytes,
}

/// A block that the engine wants to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Names the request.
    pub request: RequestId,
    /// The parent, which is the tip.
    pub parent: BlockHash,
    /// The header's time.
    pub time: u32,
    /// The seal, unsigned; its reveal is what the next one has to hash to.
    pub seal: Seal,
}

/// What the node is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Write these records, together.
    Persist {
        /// The records.
        records: Vec<Record>,
        /// Whether all later outputs wait until the records survive a power cut.
        barrier: bool,
    },
    /// Send bytes to a peer; they may get lost.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        bytes: Bytes,
    },
    /// Send bytes to all peers; they may get lost.
    Broadcast(Bytes),
    /// Say when this moment has come.
    SetTimer {
        /// The timer.
        id: TimerId,
        /// When.
        at: Millis,
    },
    /// Build a block and have it sealed.
    BuildBlock(Box<Proposal>),
    /// Have a vote signed.
    SignVote {
        /// By this key.
        key: SealKey,
        /// The vote.
        link: VoteLink,
    },
    /// Take in this block as if a peer had sent it, and pass it on.
    CheckBlock(Box<Block>),
    /// The branch that ends here should be active now: ask which one is preferred.
    Connect(BlockHash),
    /// This block should not be active any more: ask which branch is preferred.
    Disconnect(BlockHash),
    /// A block, and all before it, is final.
    Final {
        /// The block.
        block: FinalBlock,
        /// What convinces others; the engine's own format.
        proof: Bytes,
    },
    /// A key has contradicted itself; anybody may claim the reward with this.
    Misbehaviour(Box<Evidence>),
    /// A peer has sent what no honest peer sends.
    Punish(PeerId),
}
