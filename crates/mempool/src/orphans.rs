//! Transactions whose parents are not here yet.
//!
//! Security: anyone can send them for free, so there are few, they expire, and each peer's are
//! counted: when there are too many, those go that come from the peer with the most, so that
//! no peer pushes out another's (attack catalogue M08).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_primitives::{Block, OutPoint, Transaction, Txid, Weight, Wtxid};

/// The greatest weight of an orphan.
pub const MAX_ORPHAN_WEIGHT: Weight = Weight(400_000);
/// Seconds after which an orphan is dropped.
pub const ORPHAN_EXPIRY_S: u64 = 20 * 60;
/// The most peers that are remembered for one orphan.
pub const MAX_ORPHAN_ANNOUNCERS: usize = 16;

/// A number that stands for a peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerId(pub u64);

/// How much the pool holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrphanLimits {
    /// The most orphans.
    pub count: usize,
    /// The most bytes of orphans that one peer may have sent.
    pub bytes_per_peer: usize,
}

impl Default for OrphanLimits {
    /// Returns Bitcoin Core 28's count, and room for four of the largest orphans per peer.
    fn default() -> Self {
        Self {
            count: 100,
            bytes_per_peer: 404_000,
        }
    }
}

#[derive(Clone, Debug)]
struct Orphan {
    transaction: Arc<Transaction>,
    peers: BTreeSet<PeerId>,
    expires_at: u64,
    sequence: u64,
}

/// What a peer's orphans amount to.
#[derive(Clone, Copy, Default, Debug)]
struct Usage {
    count: usize,
    bytes: usize,
}

/// Transactions whose parents are not here yet.
#[derive(Clone, Debug, Default)]
pub struct OrphanPool {
    limits: OrphanLimits,
    orphans: BTreeMap<Wtxid, Orphan>,
    by_outpoint: BTreeMap<OutPoint, BTreeSet<Wtxid>>,
    by_age: BTreeMap<u64, Wtxid>,
    usage: BTreeMap<PeerId, Usage>,
    next_sequence: u64,
}

impl OrphanPool {
    /// Makes an empty pool.
    #[must_use]
    pub fn new(limits: OrphanLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Returns the number of orphans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orphans.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orphans.is_empty()
    }

    /// Returns the orphan of this id with witness.
    #[must_use]
    pub fn find(&self, wtxid: &Wtxid) -> Option<&Arc<Transaction>> {
        self.orphans.get(wtxid).map(|orphan| &orphan.transaction)
    }

    /// Takes a transaction that a peer sent, or notes that this peer has it as well; `now` in
    /// seconds since 1970. Answers whether it is here now.
    pub fn add(&mut self, transaction: &Transaction, peer: PeerId, now: u64) -> bool {
        self.expire(now);
        let wtxid = transaction.wtxid();
        let size = transaction.size();
        let used = self.usage.get(&peer).copied().unwrap_or_default();
        if transaction.weight() > MAX_ORPHAN_WEIGHT
            || used.bytes + size > self.limits.bytes_per_peer
        {
            return self.orphans.contains_key(&wtxid);
        }
        match self.orphans.get_mut(&wtxid) {
            Some(orphan) => {
                let is_new =
                    orphan.peers.len() < MAX_ORPHAN_ANNOUNCERS && orphan.peers.insert(peer);
                if is_new {
                    self.charge(peer, size);
                }
            }
            None => self.insert(transaction, peer, now),
        }
        while self.orphans.len() > self.limits.count {
            self.evict(peer);
        }
        self.orphans.contains_key(&wtxid)
    }

    fn insert(&mut self, transaction: &Transaction, peer: PeerId, now: u64) {
        let wtxid = transaction.wtxid();
        self.next_sequence += 1;
        for input in transaction.inputs() {
            self.by_outpoint
                .entry(input.prevout)
                .or_default()
                .insert(wtxid);
        }
        self.by_age.insert(self.next_sequence, wtxid);
        self.orphans.insert(
            wtxid,
            Orphan {
                transaction: transaction.detach().into(),
                peers: BTreeSet::from([peer]),
                expires_at: now.saturating_add(ORPHAN_EXPIRY_S),
                sequence: self.next_sequence,
            },
        );
        self.charge(peer, transaction.size());
    }

    fn charge(&mut self, peer: PeerId, bytes: usize) {
        let usage = self.usage.entry(peer).or_default();
        usage.count += 1;
        usage.bytes += bytes;
    }

    fn refund(&mut self, peer: PeerId, bytes: usize) {
        if let Some(usage) = self.usage.get_mut(&peer) {
            usage.count -= 1;
            usage.bytes -= bytes;
            if usage.count == 0 {
                self.usage.remove(&peer);
            }
        }
    }

    /// Drops the oldest orphan of the peer with the most; of several such peers the one that
    /// sends now.
    fn evict(&mut self, sender: PeerId) {
        let most = self
            .usage
            .iter()
            .max_by_key(|(peer, usage)| (usage.count, **peer == sender));
        let Some((&peer, _)) = most else {
            return;
        };
        let mut oldest_first = self.by_age.values();
        let oldest = oldest_first.find(|wtxid| {
            self.orphans
                .get(wtxid)
                .is_some_and(|o| o.peers.contains(&peer))
        });
        if let Some(wtxid) = oldest.copied() {
            self.release(&wtxid, peer);
        }
    }

    /// Takes an orphan off a peer; it goes when no other peer has it.
    fn release(&mut self, wtxid: &Wtxid, peer: PeerId) {
        let Some(orphan) = self.orphans.get_mut(wtxid) else {
            return;
        };
        if orphan.peers == BTreeSet::from([peer]) {
            self.remove(wtxid);
        } else if orphan.peers.remove(&peer) {
            let size = orphan.transaction.size();
            self.refund(peer, size);
        }
    }

    /// Removes an orphan.
    pub fn remove(&mut self, wtxid: &Wtxid) -> Option<Arc<Transaction>> {
        let orphan = self.orphans.remove(wtxid)?;
        self.by_age.remove(&orphan.sequence);
        for input in orphan.transaction.inputs() {
            if let Some(spenders) = self.by_outpoint.get_mut(&input.prevout) {
                spenders.remove(wtxid);
                if spenders.is_empty() {
                    self.by_outpoint.remove(&input.prevout);
                }
            }
        }
        for peer in &orphan.peers {
            self.refund(*peer, orphan.transaction.size());
        }
        Some(orphan.transaction)
    }

    /// Returns the orphans that spend from a transaction, the oldest first, each with a peer
    /// that sent it: they may be admitted now. They stay here until [`OrphanPool::remove`].
    #[must_use]
    pub fn children_of(&self, parent: &Txid) -> Vec<(Arc<Transaction>, PeerId)> {
        let outpoints = OutPoint::new(*parent, 0)..=OutPoint::new(*parent, u32::MAX);
        let wtxids: BTreeSet<Wtxid> = self
            .by_outpoint
            .range(outpoints)
            .flat_map(|(_, spenders)| spenders)
            .copied()
            .collect();
        let mut children: Vec<(u64, PeerId, &Arc<Transaction>)> = wtxids
            .iter()
            .filter_map(|wtxid| {
                let orphan = self.orphans.get(wtxid)?;
                Some((orphan.sequence, *orphan.peers.first()?, &orphan.transaction))
            })
            .collect();
        children.sort_unstable_by_key(|(sequence, ..)| *sequence);
        children
            .into_iter()
            .map(|(_, peer, transaction)| (Arc::clone(transaction), peer))
            .collect()
    }

    /// Returns an orphan by its id; of several with different witnesses any one.
    #[must_use]
    pub fn find_by_txid(&self, txid: &Txid) -> Option<&Arc<Transaction>> {
        let mut all = self.orphans.values().map(|orphan| &orphan.transaction);
        all.find(|transaction| transaction.txid() == *txid)
    }

    /// Drops the orphans that a block holds, and those that spend what it spends.
    pub fn remove_for_block(&mut self, block: &Block) {
        if self.is_empty() {
            return;
        }
        let inputs = block.transactions().iter().flat_map(Transaction::inputs);
        let gone: BTreeSet<Wtxid> = inputs
            .filter_map(|input| self.by_outpoint.get(&input.prevout))
            .flatten()
            .copied()
            .collect();
        for wtxid in gone {
            self.remove(&wtxid);
        }
    }

    /// Drops what only a peer that left has sent.
    pub fn forget_peer(&mut self, peer: PeerId) {
        let wtxids: Vec<Wtxid> = self.by_age.values().copied().collect();
        for wtxid in wtxids {
            self.release(&wtxid, peer);
        }
    }

    /// Drops what waited for 20 minutes; `now` in seconds since 1970. Happens by itself
    /// whenever one is added.
    pub fn expire(&mut self, now: u64) {
        let expired: Vec<Wtxid> = self
            .orphans
            .iter()
            .filter(|(_, orphan)| orphan.expires_at <= now)
            .map(|(wtxid, _)| *wtxid)
            .collect();
        for wtxid in expired {
            self.remove(&wtxid);
        }
    }
}

#[cfg(test)]
#[path = "orphans_tests.rs"]
mod tests;
