//! The watch for doppelgangers: somebody else who signs with our keys.
//!
//! Whatever this signer signs is in its protection database before it leaves. So a seal or a
//! vote of ours on the chain that is later than what the database says was made by somebody
//! else, or by a database that is older than this one should be. It is looked for in the blocks
//! of the active chain: for some slots before the first signature, and always after it. This is
//! an aid against mistakes, not a guarantee: what the other one signs now is seen when it is in
//! a block.

use std::collections::VecDeque;

use bytes::Bytes;
use synod_api::validator::ValidatorKey;
use synod_api::{ClientError, HashHex, NodeClient};
use synod_primitives::Block;
use synod_seal::{Mode, Seal, SealedHeader, find_seal};

/// Blocks that are read at the start, and at the most after a reorganisation.
const LOOK_BACK: usize = 64;
/// Blocks that are remembered as read.
const REMEMBERED: usize = 4 * LOOK_BACK;
/// The epochs that are watched before the first signature, where nothing else is set.
pub(crate) const WATCH_EPOCHS: u64 = 2;

/// A signature of our key that we did not make, as one sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Doppelganger {
    /// A seal.
    #[error(
        "block {block} has a seal of our key {key} for slot {slot}, which this signer did not \
         make: another validator runs with the same key, or the protection database is an old \
         one. Stop the other one; then import its protection here"
    )]
    Seal {
        /// The key.
        key: HashHex,
        /// The block.
        block: HashHex,
        /// Its slot.
        slot: u64,
    },
    /// A vote.
    #[error(
        "block {block} carries a vote of our key {key} for epoch {target}, which this signer did \
         not make: another validator runs with the same key, or the protection database is an \
         old one. Stop the other one; then import its protection here"
    )]
    Vote {
        /// The key.
        key: HashHex,
        /// The block that carries it.
        block: HashHex,
        /// The vote's target.
        target: u64,
    },
}

/// Why the chain could not be watched on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    #[error(transparent)]
    Found(#[from] Doppelganger),
    #[error(transparent)]
    Node(#[from] ClientError),
    #[error("the node's block {0} is none")]
    Block(HashHex),
}

/// What was watched so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    read: VecDeque<HashHex>,
    /// Milliseconds during which the chain was followed.
    watched_ms: u64,
    last_steady_ms: Option<u64>,
}

impl Watch {
    /// Counts the time since the last call, during which the node was there.
    pub(crate) fn pass(&mut self, steady_ms: u64) {
        if let Some(last) = self.last_steady_ms {
            self.watched_ms = self
                .watched_ms
                .saturating_add(steady_ms.saturating_sub(last));
        }
        self.last_steady_ms = Some(steady_ms);
    }

    /// Stops the count: the node is away, and what happens now is not seen.
    pub(crate) fn interrupt(&mut self) {
        self.last_steady_ms = None;
    }

    /// Returns the slots still to be watched.
    pub(crate) fn slots_left(&self, wanted: u64, slot_ms: u64) -> u64 {
        let slots = self.watched_ms / slot_ms.max(1);
        wanted.saturating_sub(slots)
    }

    /// Reads the blocks of the active chain that were not read yet, from the tip down.
    pub(crate) async fn follow(
        &mut self,
        node: &NodeClient,
        tip: HashHex,
        chain_id: &[u8; 32],
        keys: &[ValidatorKey],
    ) -> Result<(), WatchError> {
        let mut next = tip;
        let mut fresh = Vec::new();
        while fresh.len() < LOOK_BACK && !self.read.contains(&next) {
            let bytes = node.block_raw(next).await?;
            let previous = check_block(&bytes, next, chain_id, keys)?;
            fresh.push(next);
            if previous == HashHex::from_bytes([0; 32]) {
                break;
            }
            next = previous;
        }
        // Only when all were read: a node that fails in between is asked for them again.
        self.read.extend(fresh.into_iter().rev());
        while self.read.len() > REMEMBERED {
            self.read.pop_front();
        }
        Ok(())
    }
}

/// Looks for our keys in a block; returns its parent.
fn check_block(
    bytes: &Bytes,
    hash: HashHex,
    chain_id: &[u8; 32],
    keys: &[ValidatorKey],
) -> Result<HashHex, WatchError> {
    let bad = || WatchError::Block(hash);
    let block = Block::decode(bytes).map_err(|_| bad())?;
    if HashHex::from_internal(*block.hash().as_bytes()) != hash {
        return Err(bad());
    }
    let coinbase = block.transactions().first().ok_or_else(bad)?;
    if let Ok(seal) = find_seal(coinbase) {
        find_vote(&seal, hash, chain_id, keys)?;
        find_sealed(&seal, &block, chain_id, keys)?;
    }
    Ok(HashHex::from_internal(
        *block.header().previous_block_hash.as_bytes(),
    ))
}

fn find_sealed(
    seal: &Seal,
    block: &Block,
    chain_id: &[u8; 32],
    keys: &[ValidatorKey],
) -> Result<(), Doppelganger> {
    let ours = keys.iter().find(|it| it.key.to_bytes() == seal.key.0);
    let newer = ours.filter(|it| Some(seal.slot.0) > it.last_slot);
    let Some(key) = newer.filter(|_| seal.mode != Mode::Bootstrap) else {
        return Ok(());
    };
    // Security: a false node must not be able to stop a validator by a seal that it made up.
    let checked = SealedHeader::of_block(block).and_then(|it| it.check(chain_id).ok());
    match checked {
        Some(checked) => Err(Doppelganger::Seal {
            key: key.key,
            block: HashHex::from_internal(*checked.hash().as_bytes()),
            slot: seal.slot.0,
        }),
        None => Ok(()),
    }
}

fn find_vote(
    seal: &Seal,
    block: HashHex,
    chain_id: &[u8; 32],
    keys: &[ValidatorKey],
) -> Result<(), Doppelganger> {
    for vote in seal.sections.votes() {
        let target = vote.link.target.epoch.0;
        let ours = keys.iter().find(|it| it.key.to_bytes() == vote.key.0);
        let newer = ours.filter(|it| Some(target) > it.last_target);
        if let Some(key) = newer.filter(|_| vote.is_signed(chain_id)) {
            return Err(Doppelganger::Vote {
                key: key.key,
                block,
                target,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_with_a_node_counts_as_watched() {
        let mut watch = Watch::default();
        watch.pass(1_000);
        assert_eq!(watch.slots_left(4, 1_000), 4);
        watch.pass(2_999);
        assert_eq!(watch.slots_left(4, 1_000), 3);
        watch.interrupt();
        watch.pass(100_000);
        assert_eq!(watch.slots_left(4, 1_000), 3);
        watch.pass(102_001);
        assert_eq!(watch.slots_left(4, 1_000), 0);
        assert_eq!(Watch::default().slots_left(0, 1_000), 0);
    }
}
