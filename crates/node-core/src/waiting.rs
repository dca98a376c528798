//! Transactions that are not in the mempool and are remembered all the same.
//!
//! Security: anyone can send them for free, so each kind has its limits, and what is remembered
//! of a refusal only saves work: it is never the reason for one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, RwLock};

use synod_mempool::{OrphanLimits, OrphanPool, PeerId, Rejected};
use synod_primitives::{Txid, Wtxid};

/// The most refused transactions that are remembered; the oldest leave first.
pub const MAX_REFUSED_TRANSACTIONS: usize = 20_000;
/// Who sends what comes over the node's own REST interface: all clients count as one peer.
pub const CLIENTS: PeerId = PeerId(u64::MAX);

/// What waits beside the mempool, as a node shares it with its readers.
pub type SharedWaiting = Arc<RwLock<Waiting>>;

/// Transactions that wait for another one, and those that were refused lately.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Transactions whose parents are not here.
    pub(crate) orphans: OrphanPool,
    /// Transactions that pay too little alone, for which a child may pay (Core: the opportunistic
    /// packages of one parent and one child).
    pub(crate) underpaid: OrphanPool,
    pub(crate) refused: RefusedTransactions,
}

impl Waiting {
    pub(crate) fn new(limits: OrphanLimits) -> Self {
        Self {
            orphans: OrphanPool::new(limits),
            underpaid: OrphanPool::new(limits),
            refused: RefusedTransactions::default(),
        }
    }

    /// Says whether asking a peer for the transaction would bring nothing new: it waits here, or
    /// it was refused on this tip.
    #[must_use]
    pub fn knows(&self, wtxid: &Wtxid) -> bool {
        self.orphans.find(wtxid).is_some() || self.refused.find(wtxid).is_some()
    }

    /// Says whether the transaction waits here, whatever its witness.
    #[must_use]
    pub fn holds(&self, txid: &Txid) -> bool {
        self.orphans.find_by_txid(txid).is_some() || self.underpaid.find_by_txid(txid).is_some()
    }

    /// Returns the number of orphans.
    #[must_use]
    pub fn orphan_count(&self) -> usize {
        self.orphans.len()
    }

    /// Drops what waited too long; `now` in seconds since 1970.
    pub(crate) fn expire(&mut self, now: u64) {
        self.orphans.expire(now);
        self.underpaid.expire(now);
    }
}

/// Rejections by id with witness, since the tip changed.
#[derive(Debug, Default)]
pub(crate) struct RefusedTransactions {
    rejections: BTreeMap<Wtxid, Rejected>,
    order: VecDeque<Wtxid>,
}

impl RefusedTransactions {
    pub(crate) fn insert(&mut self, wtxid: Wtxid, rejected: Rejected) {
        if self.rejections.insert(wtxid, rejected).is_none() {
            self.order.push_back(wtxid);
        }
        while self.order.len() > MAX_REFUSED_TRANSACTIONS {
            if let Some(oldest) = self.order.pop_front() {
                self.rejections.remove(&oldest);
            }
        }
    }

    fn find(&self, wtxid: &Wtxid) -> Option<&Rejected> {
        self.rejections.get(wtxid)
    }

    /// Returns why the scripts of a transaction failed on this tip.
    ///
    /// Correctness: the id with witness commits to everything that scripts see, so under the same
    /// flags they fail again. All other verdicts depend on the mempool and are found anew.
    pub(crate) fn failed_scripts(&self, wtxid: &Wtxid) -> Option<Rejected> {
        let rejected = self.find(wtxid)?;
        rejected.script_error().map(|_| rejected.clone())
    }

    pub(crate) fn clear(&mut self) {
        self.rejections.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_refusal_is_forgotten_at_the_limit() {
        let mut refused = RefusedTransactions::default();
        let wtxid = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
            Wtxid::from_bytes(bytes)
        };
        for number in 0..MAX_REFUSED_TRANSACTIONS {
            refused.insert(wtxid(number), Rejected::Coinbase);
        }
        assert!(refused.find(&wtxid(0)).is_some());
        refused.insert(wtxid(MAX_REFUSED_TRANSACTIONS), Rejected::Coinbase);
        assert!(refused.find(&wtxid(0)).is_none());
        assert!(refused.find(&wtxid(1)).is_some());
        assert_eq!(refused.rejections.len(), MAX_REFUSED_TRANSACTIONS);
    }
}
