//! What one peer is still to be told, in order and within limits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use synod_primitives::{Block, BlockHash, Header, Wtxid};

use crate::compact::transactions_of_ranks;
use crate::message::Messages;

/// The most blocks that wait for one peer; past it the oldest are dropped, and the peer finds
/// them by their headers.
pub const MAX_WAITING_BLOCKS: usize = 4;
/// The most transactions that wait for one peer; past it further ones are dropped (Core's
/// `MAX_INV_SZ`).
pub const MAX_WAITING_TRANSACTIONS: usize = 50_000;
/// The most transactions that one announcement names.
pub const MAX_INVENTORY: usize = 1000;
/// How long announcements of transactions are gathered, in milliseconds.
pub const INVENTORY_INTERVAL_MS: u64 = 100;
/// How long to wait before a transaction is offered again that was asked of another peer, in
/// milliseconds; a little more than that request may take.
pub const OFFER_AGAIN_MS: u64 = 2_100;
/// How often a transaction is offered again at most.
pub const MAX_OFFERS: u8 = 4;
/// The most transactions that wait to be offered again.
pub const MAX_WAITING_OFFERS: usize = 5_000;
/// How many blocks that the peer has are remembered.
const MAX_KNOWN_BLOCKS: usize = 64;
/// How many transactions that the peer has are remembered, in each of two halves.
const MAX_KNOWN_TRANSACTIONS: usize = 5_000;

/// A new block, shared by all who are told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// Its header.
    pub header: Header,
    /// Its height.
    pub height: u32,
    /// Its short form, encoded.
    pub compact: Bytes,
    /// The nonce of the short form.
    pub nonce: u64,
    /// All of it.
    pub raw: Bytes,
}

impl NewBlock {
    /// Returns the transactions that have these ranks in the short form; `None` when one is not
    /// there.
    #[must_use]
    pub fn transactions(&self, ranks: &[u32]) -> Option<Vec<Bytes>> {
        let block = Block::decode(&self.raw).ok()?;
        transactions_of_ranks(&block, self.nonce, ranks)
    }
}

/// The queue towards one peer. Blocks go first; times are milliseconds.
#[derive(Debug, Default)]
pub struct Outbox {
    blocks: VecDeque<Arc<NewBlock>>,
    transactions: VecDeque<Wtxid>,
    waiting: HashSet<Wtxid>,
    offers: VecDeque<(u64, Wtxid)>,
    offered: HashMap<Wtxid, u8>,
    next_inventory: u64,
    known_blocks: VecDeque<BlockHash>,
    known: HashSet<Wtxid>,
    known_before: HashSet<Wtxid>,
    /// Messages of agreement.
    pub messages: Messages,
}

impl Outbox {
    /// Adds a block, unless the peer has it.
    pub fn push_block(&mut self, block: &Arc<NewBlock>) {
        let waits = self.blocks.iter().any(|it| it.hash == block.hash);
        if waits || self.known_blocks.contains(&block.hash) {
            return;
        }
        if self.blocks.len() == MAX_WAITING_BLOCKS {
            self.blocks.pop_front();
        }
        self.blocks.push_back(Arc::clone(block));
    }

    /// Adds a transaction, unless the peer has it.
    pub fn push_transaction(&mut self, wtxid: Wtxid) {
        let is_known = self.known.contains(&wtxid) || self.known_before.contains(&wtxid);
        if is_known || self.transactions.len() >= MAX_WAITING_TRANSACTIONS {
            return;
        }
        if self.waiting.insert(wtxid) {
            self.transactions.push_back(wtxid);
        }
    }

    /// Notes a block that the peer has.
    pub fn note_block(&mut self, hash: BlockHash) {
        self.blocks.retain(|it| it.hash != hash);
        if self.known_blocks.contains(&hash) {
            return;
        }
        if self.known_blocks.len() == MAX_KNOWN_BLOCKS {
            self.known_blocks.pop_front();
        }
        self.known_blocks.push_back(hash);
    }

    /// Notes a transaction that the peer has.
    pub fn note_transaction(&mut self, wtxid: Wtxid) {
        if self.known.len() >= MAX_KNOWN_TRANSACTIONS {
            self.known_before = std::mem::take(&mut self.known);
        }
        self.known.insert(wtxid);
    }

    /// Notes transactions that the peer wants to be offered again; each only so often.
    pub fn offer_again(&mut self, wtxids: &[Wtxid], now: u64) {
        for wtxid in wtxids {
            let count = self.offered.entry(*wtxid).or_insert(0);
            if *count >= MAX_OFFERS || self.offers.len() >= MAX_WAITING_OFFERS {
                self.offered.remove(wtxid);
                continue;
            }
            *count += 1;
            self.offers.push_back((now + OFFER_AGAIN_MS, *wtxid));
        }
    }

    /// Takes the next block.
    pub fn take_block(&mut self) -> Option<Arc<NewBlock>> {
        let block = self.blocks.pop_front()?;
        self.note_block(block.hash);
        Some(block)
    }

    /// Takes the transactions of the next announcement; none before its time.
    pub fn take_transactions(&mut self, now: u64) -> Vec<Wtxid> {
        while let Some((due, wtxid)) = self.offers.front().copied() {
            if due > now {
                break;
            }
            self.offers.pop_front();
            if self.waiting.insert(wtxid) {
                self.transactions.push_back(wtxid);
            }
        }
        if self.transactions.is_empty() || now < self.next_inventory {
            return Vec::new();
        }
        self.next_inventory = now + INVENTORY_INTERVAL_MS;
        let count = self.transactions.len().min(MAX_INVENTORY);
        let batch: Vec<Wtxid> = self.transactions.drain(..count).collect();
        for wtxid in &batch {
            self.waiting.remove(wtxid);
        }
        if self.offers.is_empty() {
            self.offered.retain(|wtxid, _| batch.contains(wtxid));
        }
        batch
    }

    /// Returns when there is something to send: now, later, or not at all.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        if !self.blocks.is_empty() || !self.messages.is_empty() {
            return Some(0);
        }
        let inventory = (!self.transactions.is_empty()).then_some(self.next_inventory);
        let offer = self.offers.front().map(|(due, _)| *due);
        match (inventory, offer) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Returns how many blocks, transactions and messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len() + self.transactions.len() + self.offers.len() + self.messages.len()
    }

    /// Says whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use synod_primitives::{CompactTarget, MerkleRoot};

    use super::*;

    fn id(n: u32) -> Wtxid {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Wtxid::from_bytes(bytes)
    }

    fn block(n: u8) -> Arc<NewBlock> {
        Arc::new(NewBlock {
            hash: BlockHash::from_bytes([n; 32]),
            header: Header {
                version: 1,
                previous_block_hash: BlockHash::ZERO,
                merkle_root: MerkleRoot::ZERO,
                time: 1,
                bits: CompactTarget(0x207f_ffff),
                nonce: 0,
            },
            height: 1,
            compact: Bytes::new(),
            nonce: 0,
            raw: Bytes::new(),
        })
    }

    #[test]
    fn p06_a_million_transactions_for_one_peer_keep_within_the_limit() {
        let mut outbox = Outbox::default();
        for n in 0..1_000_000 {
            outbox.push_transaction(id(n));
        }
        assert_eq!(outbox.len(), MAX_WAITING_TRANSACTIONS);
        let first = outbox.take_transactions(0);
        assert_eq!(first.len(), MAX_INVENTORY);
        assert_eq!(first[0], id(0), "in order");
        assert!(
            outbox
                .take_transactions(INVENTORY_INTERVAL_MS - 1)
                .is_empty()
        );
        assert_eq!(outbox.due(), Some(INVENTORY_INTERVAL_MS));
        assert_eq!(outbox.take_transactions(INVENTORY_INTERVAL_MS)[0], id(1000));
    }

    #[test]
    fn blocks_go_first_and_only_the_newest_wait() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.due(), None);
        outbox.push_transaction(id(1));
        for n in 1..=10 {
            outbox.push_block(&block(n));
            outbox.push_block(&block(n));
        }
        assert_eq!(outbox.due(), Some(0));
        let order: Vec<_> = std::iter::from_fn(|| outbox.take_block())
            .map(|it| it.hash)
            .collect();
        assert_eq!(order, [7, 8, 9, 10].map(|n| block(n).hash));
        assert_eq!(outbox.take_transactions(0), [id(1)]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_the_peer_has_is_not_told_back() {
        let mut outbox = Outbox::default();
        outbox.push_block(&block(1));
        outbox.note_block(block(1).hash);
        outbox.push_block(&block(1));
        outbox.note_transaction(id(1));
        outbox.push_transaction(id(1));
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_transaction_is_offered_again_in_time_and_not_for_ever() {
        let mut outbox = Outbox::default();
        outbox.push_transaction(id(1));
        let mut now = 0;
        let mut offers = 0;
        while let Some(due) = outbox.due() {
            now = now.max(due);
            assert_eq!(outbox.take_transactions(now), [id(1)]);
            offers += 1;
            outbox.offer_again(&[id(1)], now);
        }
        assert_eq!(offers, 1 + u32::from(MAX_OFFERS));
        assert_eq!(now, u64::from(MAX_OFFERS) * OFFER_AGAIN_MS);
        for n in 0..100_000 {
            outbox.offer_again(&[id(n)], now);
        }
        assert_eq!(outbox.len(), MAX_WAITING_OFFERS);
    }
}
