//! Which transaction is asked of whom, and which are not worth asking for.
//!
//! Invariant: a transaction is asked of one peer at a time and for a limited time only, so
//! that nobody who announces and never delivers can keep it from a node. A peer that
//! announces meanwhile is told to offer it again.
//!
//! Everything is a function of what came in and of the times that came with it, in
//! milliseconds of any clock that never goes back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use synod_primitives::{BlockHash, Txid, Wtxid};

use crate::peers::PeerId;

/// How long a peer may take to deliver a transaction before another is asked, in
/// milliseconds (Core 28 waits 60 s: `GETDATA_TX_INTERVAL`; peers here offer again sooner).
pub const TRANSACTION_TIMEOUT_MS: u64 = 2_000;
/// The most transactions asked of one peer at once.
pub const MAX_IN_FLIGHT: usize = 1000;
/// The most parents of orphans asked of one peer at once (Core 28:
/// `MAX_PEER_TX_REQUEST_IN_FLIGHT`).
pub const MAX_PARENTS: usize = 100;
/// The most ids of refused transactions in one of the filter's two halves (Core 28 keeps the
/// last 120,000).
pub const MAX_REFUSED: usize = 60_000;

/// What to say to a peer that announced transactions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Those to send.
    pub send: Vec<Wtxid>,
    /// Those that are asked of another peer: to be offered again.
    pub retry: Vec<Wtxid>,
}

/// The transactions that are on their way.
#[derive(Debug, Default)]
pub struct TransactionRequests {
    asked: HashMap<Wtxid, Asked>,
    by_peer: BTreeMap<PeerId, BTreeSet<Wtxid>>,
    /// Parents that a peer is asked for by their ids without witness, and until when.
    parents: BTreeMap<PeerId, BTreeMap<Txid, u64>>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    peer: PeerId,
    until: u64,
}

impl TransactionRequests {
    /// Decides on transactions that a peer announced and that the node does not have.
    pub fn announced(&mut self, peer: PeerId, wtxids: &[Wtxid], now: u64) -> Wanted {
        let mut wanted = Wanted::default();
        let mut is_swept = false;
        for wtxid in wtxids {
            match self.asked.get(wtxid).copied() {
                Some(asked) if asked.peer == peer && now < asked.until => continue,
                Some(asked) if now < asked.until => {
                    wanted.retry.push(*wtxid);
                    continue;
                }
                Some(asked) => self.release(asked.peer, wtxid),
                None => {}
            }
            let mine = self.by_peer.entry(peer).or_default();
            // Security: what has expired has expired for the whole announcement. To look again for
            // each of its 5,000 ids would hold everybody up (P06).
            if mine.len() >= MAX_IN_FLIGHT && !std::mem::replace(&mut is_swept, true) {
                self.asked.retain(|_, asked| now < asked.until);
                let asked = &self.asked;
                mine.retain(|wtxid| asked.contains_key(wtxid));
            }
            if mine.len() >= MAX_IN_FLIGHT {
                wanted.retry.push(*wtxid);
                continue;
            }
            mine.insert(*wtxid);
            let until = now + TRANSACTION_TIMEOUT_MS;
            self.asked.insert(*wtxid, Asked { peer, until });
            wanted.send.push(*wtxid);
        }
        wanted
    }

    fn release(&mut self, peer: PeerId, wtxid: &Wtxid) {
        if let Some(list) = self.by_peer.get_mut(&peer) {
            list.remove(wtxid);
        }
        self.asked.remove(wtxid);
    }

    /// Decides on parents of an orphan that a peer sent; returns those to ask it for.
    ///
    /// Security: each peer is asked for the parents of its own orphans only, whoever else is
    /// asked for the same ones, so that nobody can keep a parent from a node.
    pub fn parents_wanted(&mut self, peer: PeerId, txids: &[Txid], now: u64) -> Vec<Txid> {
        let mine = self.parents.entry(peer).or_default();
        mine.retain(|_, until| now < *until);
        let mut wanted = Vec::new();
        for txid in txids {
            if mine.len() >= MAX_PARENTS {
                break;
            }
            if !mine.contains_key(txid) {
                mine.insert(*txid, now + TRANSACTION_TIMEOUT_MS);
                wanted.push(*txid);
            }
        }
        if mine.is_empty() {
            self.parents.remove(&peer);
        }
        wanted
    }

    /// Takes in a transaction; says whether it was asked of this peer, by either id.
    pub fn arrived(&mut self, peer: PeerId, wtxid: Wtxid, txid: Txid) -> bool {
        let was_asked = self.asked.get(&wtxid).is_some_and(|it| it.peer == peer);
        if was_asked {
            self.release(peer, &wtxid);
        }
        let parents = self.parents.get_mut(&peer);
        let is_parent = parents.is_some_and(|it| it.remove(&txid).is_some());
        was_asked || is_parent
    }

    /// Forgets a peer that left.
    pub fn forget(&mut self, peer: PeerId) {
        for wtxid in self.by_peer.remove(&peer).unwrap_or_default() {
            self.asked.remove(&wtxid);
        }
        self.parents.remove(&peer);
    }

    /// Returns how many transactions are asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Says whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

/// Transactions that were refused lately and are not asked for again until the tip moves.
///
/// Two halves: when the newer one is full the older one is forgotten.
#[derive(Debug, Default)]
pub struct RefusedTransactions {
    newer: BTreeSet<Wtxid>,
    older: BTreeSet<Wtxid>,
    tip: Option<BlockHash>,
}

impl RefusedTransactions {
    /// Remembers a refusal.
    pub fn insert(&mut self, wtxid: Wtxid) {
        if self.newer.len() >= MAX_REFUSED {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(wtxid);
    }

    /// Says whether it was refused lately.
    #[must_use]
    pub fn contains(&self, wtxid: &Wtxid) -> bool {
        self.newer.contains(wtxid) || self.older.contains(wtxid)
    }

    /// Forgets all when the tip is another one: what was refused may be fine now (Core:
    /// `m_recent_rejects` is reset).
    pub fn follow(&mut self, tip: BlockHash) {
        if self.tip != Some(tip) {
            self.tip = Some(tip);
            self.newer.clear();
            self.older.clear();
        }
    }

    /// Returns how many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Says whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newer.is_empty() && self.older.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> Wtxid {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Wtxid::from_bytes(bytes)
    }

    fn txid(n: u32) -> Txid {
        Txid::from_bytes(id(n).to_bytes())
    }

    fn ids(range: std::ops::Range<u32>) -> Vec<Wtxid> {
        range.map(id).collect()
    }

    #[test]
    fn p06_what_has_expired_makes_room_for_the_whole_announcement() {
        let mut requests = TransactionRequests::default();
        let most = u32::try_from(MAX_IN_FLIGHT).expect("few");
        assert_eq!(
            requests.announced(1, &ids(0..most), 0).send.len(),
            MAX_IN_FLIGHT
        );
        let early = requests.announced(1, &ids(most..6 * most), TRANSACTION_TIMEOUT_MS - 1);
        assert_eq!(
            (early.send.len(), early.retry.len()),
            (0, 5 * MAX_IN_FLIGHT)
        );
        let late = requests.announced(1, &ids(most..6 * most), TRANSACTION_TIMEOUT_MS);
        assert_eq!(late.send, ids(most..2 * most));
        assert_eq!(late.retry, ids(2 * most..6 * most));
        assert_eq!(requests.len(), MAX_IN_FLIGHT);
    }

    #[test]
    fn p05_who_announces_and_never_delivers_holds_a_transaction_two_seconds() {
        let mut requests = TransactionRequests::default();
        assert_eq!(requests.announced(1, &ids(0..2), 0).send, ids(0..2));
        let second = requests.announced(2, &ids(0..2), 10);
        assert_eq!((second.send, second.retry), (vec![], ids(0..2)));
        let again = requests.announced(1, &ids(0..2), 20);
        assert_eq!(
            again,
            Wanted::default(),
            "the same peer gains nothing by repeating"
        );
        let late = requests.announced(2, &ids(0..2), TRANSACTION_TIMEOUT_MS);
        assert_eq!((late.send, late.retry), (ids(0..2), vec![]));
        assert!(
            !requests.arrived(1, id(0), txid(0)),
            "it is asked of another peer now"
        );
        assert!(requests.arrived(2, id(0), txid(0)));
        assert!(!requests.arrived(2, id(0), txid(0)), "once");
        requests.forget(2);
        assert!(requests.is_empty());
    }

    #[test]
    fn parents_are_asked_of_whoever_sent_the_orphan_and_of_nobody_else() {
        let mut requests = TransactionRequests::default();
        let parents: Vec<Txid> = (0..120).map(txid).collect();
        let wanted = requests.parents_wanted(1, &parents, 0);
        assert_eq!(wanted, parents[..MAX_PARENTS], "no more than the limit");
        assert_eq!(requests.parents_wanted(1, &parents, 1), [], "each once");
        assert_eq!(requests.parents_wanted(2, &parents[..1], 1), [txid(0)]);
        assert!(
            !requests.arrived(3, id(0), txid(0)),
            "nobody asked this one"
        );
        assert!(requests.arrived(1, id(0), txid(0)));
        assert!(!requests.arrived(1, id(0), txid(0)), "once");
        assert!(requests.arrived(2, id(0), txid(0)));
        let later = requests.parents_wanted(1, &parents, TRANSACTION_TIMEOUT_MS);
        assert_eq!(later.len(), MAX_PARENTS, "what did not come is asked again");
        requests.forget(1);
        assert!(!requests.arrived(1, id(1), txid(1)));
    }

    #[test]
    fn p06_a_storm_of_ids_makes_no_more_requests_than_the_limit() {
        let mut requests = TransactionRequests::default();
        let wanted = requests.announced(1, &ids(0..50_000), 0);
        assert_eq!(wanted.send.len(), MAX_IN_FLIGHT);
        assert_eq!(wanted.retry.len(), 50_000 - MAX_IN_FLIGHT);
        assert_eq!(requests.len(), MAX_IN_FLIGHT);
        // Another peer is not hindered, and time sets the first one free.
        assert_eq!(
            requests.announced(2, &ids(60_000..60_100), 0).send.len(),
            100
        );
        let later = requests.announced(1, &ids(70_000..70_100), TRANSACTION_TIMEOUT_MS);
        assert_eq!(later.send.len(), 100);
        assert_eq!(requests.len(), 100, "what was not delivered is forgotten");
    }

    #[test]
    fn refused_transactions_are_bounded_and_forgotten_with_the_tip() {
        let mut refused = RefusedTransactions::default();
        refused.follow(BlockHash::from_bytes([7; 32]));
        for n in 0..200_000 {
            refused.insert(id(n));
        }
        assert!(refused.len() <= 2 * MAX_REFUSED);
        assert!(refused.contains(&id(199_999)) && refused.contains(&id(199_999 - 60_000)));
        assert!(!refused.contains(&id(0)));
        refused.follow(BlockHash::from_bytes([7; 32]));
        assert!(!refused.is_empty());
        refused.follow(BlockHash::from_bytes([8; 32]));
        assert!(refused.is_empty());
    }
}
