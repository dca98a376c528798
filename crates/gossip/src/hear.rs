//! What peers tell this node, whichever way it came: posted, streamed or asked for.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use bytes::Bytes;
use synod_primitives::{BlockHash, Header, Transaction, Txid, Wtxid};

use crate::compact::{CompactBlock, Rebuilt, Reconstruction};
use crate::inventory::{RefusedTransactions, TransactionRequests, Wanted};
use crate::peers::PeerId;
use crate::port::{NodePort, Verdict};
use crate::table::PeerTable;

/// The most blocks that are put together at once, one a peer; past it a whole block is asked
/// for.
pub(crate) const MAX_PARTIAL_BLOCKS: usize = 16;
/// The most peers that help with one block at once (Core 28:
/// `MAX_CMPCTBLOCKS_INFLIGHT_PER_BLOCK`): one that does not deliver holds up nobody.
pub(crate) const MAX_HELPERS: usize = 3;
/// How long a block that is put together waits for what is missing, in milliseconds.
pub(crate) const PARTIAL_TIMEOUT_MS: u64 = 10_000;
/// Points for bytes that are no message.
pub(crate) const MALFORMED: u32 = 20;
/// Points for headers that break a rule.
pub(crate) const INVALID_HEADERS: u32 = 100;
/// Points for a transaction that breaks a rule of consensus.
pub(crate) const INVALID_TRANSACTION: u32 = 20;

/// What became of transactions of a peer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeardTransactions {
    /// Those to be offered again: their parents were not here, or the node was busy.
    pub again: Vec<Wtxid>,
    /// Parents of orphans that the same peer is to send: who has the child should have them.
    pub parents: Vec<Txid>,
}

/// What became of a compact block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It was taken in.
    Accepted,
    /// It was known.
    Known,
    /// Others are delivering it.
    Pending,
    /// The transactions of these ranks are missing.
    Missing(Vec<u32>),
    /// The whole block is needed.
    Whole,
    /// Headers or blocks before it are missing.
    Behind,
    /// It is not wanted, but no fault of the peer's.
    Declined,
    /// The node is busy.
    Busy,
    /// No honest peer sends it; the peer was blamed.
    Refused,
}

/// Blocks that are being put together.
#[derive(Debug, Default)]
pub(crate) struct Partials {
    by_peer: BTreeMap<PeerId, Partial>,
}

#[derive(Debug)]
struct Partial {
    hash: BlockHash,
    block: Reconstruction,
    since: u64,
}

impl Partials {
    fn expire(&mut self, now: u64) {
        self.by_peer
            .retain(|_, it| now.saturating_sub(it.since) < PARTIAL_TIMEOUT_MS);
    }

    /// Says whether as many peers as may help with a block already.
    fn has_helpers(&mut self, hash: BlockHash, now: u64) -> bool {
        self.expire(now);
        self.by_peer.values().filter(|it| it.hash == hash).count() >= MAX_HELPERS
    }

    /// Holds a block for a peer, in place of one before it; false when there are too many.
    fn hold(&mut self, peer: PeerId, hash: BlockHash, block: Reconstruction, now: u64) -> bool {
        self.by_peer.remove(&peer);
        if self.by_peer.len() >= MAX_PARTIAL_BLOCKS {
            return false;
        }
        let since = now;
        self.by_peer.insert(peer, Partial { hash, block, since });
        true
    }

    fn take(&mut self, peer: PeerId, hash: BlockHash) -> Option<Reconstruction> {
        if self.by_peer.get(&peer)?.hash != hash {
            return None;
        }
        self.by_peer.remove(&peer).map(|it| it.block)
    }

    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.by_peer.remove(&peer);
    }
}

impl<N: NodePort> PeerTable<N> {
    fn partials(&self) -> MutexGuard<'_, Partials> {
        self.partials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, TransactionRequests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, RefusedTransactions> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a compact block.
    pub async fn hear_compact(&self, peer: PeerId, body: Bytes) -> Heard {
        let Ok(compact) = CompactBlock::decode(body) else {
            self.blame(peer, MALFORMED, "bytes that are no compact block");
            return Heard::Refused;
        };
        let hash = compact.hash();
        self.note(peer, |outbox| outbox.note_block(hash));
        if self.node.knows_block(hash).await {
            return Heard::Known;
        }
        let page = vec![(compact.header, compact.proof.clone())];
        let sync = N::HeaderSync::default();
        let judged = self.node.judge_headers(sync, page, false).await;
        match judged.verdict {
            Verdict::Accepted => {}
            Verdict::Misbehavior => {
                self.blame(peer, INVALID_HEADERS, "an invalid header");
                return Heard::Refused;
            }
            Verdict::Unavailable => return Heard::Busy,
            Verdict::Orphan | Verdict::Declined | Verdict::Mutated => return Heard::Behind,
        }
        match *self.node.missing_blocks(hash, 2).await {
            [only] if only == hash => {}
            [] => return Heard::Declined,
            _ => return Heard::Behind,
        }
        if self.partials().has_helpers(hash, self.now_ms()) {
            return Heard::Pending;
        }
        self.rebuild(peer, &compact).await
    }

    async fn rebuild(&self, peer: PeerId, compact: &CompactBlock) -> Heard {
        let mut pool = Vec::new();
        self.node
            .visit_mempool(&mut |wtxid, raw| pool.push((wtxid, raw.clone())));
        let pairs = pool.iter().map(|(wtxid, raw)| (*wtxid, raw));
        let block = Reconstruction::start(compact, pairs);
        self.go_on(peer, compact.hash(), block).await
    }

    /// Takes in the transactions that a compact block lacked.
    pub async fn hear_missing(&self, peer: PeerId, hash: BlockHash, raws: Vec<Bytes>) -> Heard {
        let Some(mut block) = self.partials().take(peer, hash) else {
            return Heard::Pending;
        };
        if block.fill(raws).is_err() {
            self.blame(peer, MALFORMED, "other transactions than were asked for");
            return Heard::Refused;
        }
        self.go_on(peer, hash, block).await
    }

    async fn go_on(&self, peer: PeerId, hash: BlockHash, mut block: Reconstruction) -> Heard {
        match block.finish() {
            Rebuilt::Missing(ranks) => {
                let now = self.now_ms();
                if self.partials().hold(peer, hash, block, now) {
                    Heard::Missing(ranks)
                } else {
                    Heard::Whole
                }
            }
            Rebuilt::Collided => Heard::Whole,
            // Security: a peer may announce before it has checked everything, so what the
            // block says is not held against it; its header was checked (P21).
            Rebuilt::Whole(raw) => match self.submit_one(peer, raw).await {
                Verdict::Mutated => Heard::Whole,
                Verdict::Misbehavior => Heard::Declined,
                verdict => heard(verdict),
            },
        }
    }

    /// Takes in a whole block that was asked for.
    pub async fn hear_whole(&self, peer: PeerId, raw: Bytes) -> Heard {
        // Security: only a block whose header was judged, and that is missing, is looked at.
        let header = raw.first_chunk::<{ Header::SIZE }>().map(Header::decode);
        let Some(hash) = header.map(|it| it.block_hash()) else {
            self.blame(peer, MALFORMED, "bytes that are no block");
            return Heard::Refused;
        };
        if self.node.missing_blocks(hash, 1).await != [hash] {
            return Heard::Declined;
        }
        match self.submit_one(peer, raw).await {
            Verdict::Mutated => {
                self.blame(peer, crate::sync::MUTATED_BLOCK, "a mutated block");
                Heard::Refused
            }
            Verdict::Misbehavior => {
                self.blame(peer, crate::sync::INVALID_BLOCK, "an invalid block");
                Heard::Refused
            }
            verdict => heard(verdict),
        }
    }

    async fn submit_one(&self, peer: PeerId, raw: Bytes) -> Verdict {
        // Several peers deliver the same block at once: the second finds it known.
        let _turn = self.submitting.lock().await;
        let header = raw.first_chunk::<{ Header::SIZE }>().map(Header::decode);
        if let Some(header) = header
            && self.node.knows_block(header.block_hash()).await
        {
            return Verdict::Declined;
        }
        let verdict = self.node.submit_block(raw).await;
        if verdict == Verdict::Accepted {
            self.praise(peer, true);
        }
        verdict
    }

    /// Decides on transactions that a peer announced.
    pub fn hear_inventory(&self, peer: PeerId, wtxids: &[Wtxid]) -> Wanted {
        let tip = self.node.tip();
        let mut unknown = Vec::new();
        {
            let mut refused = self.refused();
            refused.follow(tip.hash);
            for wtxid in wtxids {
                if !refused.contains(wtxid) && !self.node.knows_transaction(*wtxid) {
                    unknown.push(*wtxid);
                }
            }
        }
        self.note(peer, |outbox| {
            for wtxid in wtxids {
                outbox.note_transaction(*wtxid);
            }
        });
        let now = self.now_ms();
        self.requests().announced(peer, &unknown, now)
    }

    /// Takes in transactions that were asked of a peer.
    pub async fn hear_transactions(&self, peer: PeerId, raws: Vec<Bytes>) -> HeardTransactions {
        let mut asked = Vec::new();
        for raw in raws {
            let Ok(transaction) = Transaction::decode(&raw) else {
                self.blame(peer, MALFORMED, "bytes that are no transaction");
                return HeardTransactions::default();
            };
            let wtxid = transaction.wtxid();
            // Security: what nobody asked for costs nothing more than its hash.
            if self.requests().arrived(peer, wtxid, transaction.txid()) {
                asked.push((wtxid, raw));
            }
        }
        if asked.is_empty() {
            return HeardTransactions::default();
        }
        let raws = asked.iter().map(|(_, raw)| raw.clone()).collect();
        let verdicts = self.node.submit_transactions(peer, raws).await;
        let mut again = Vec::new();
        let mut missing = Vec::new();
        for ((wtxid, _), admitted) in asked.iter().zip(verdicts) {
            match admitted.verdict {
                Verdict::Accepted => self.praise(peer, false),
                Verdict::Orphan => {
                    again.push(*wtxid);
                    missing.extend(admitted.missing);
                }
                Verdict::Unavailable => again.push(*wtxid),
                Verdict::Declined | Verdict::Mutated => self.refused().insert(*wtxid),
                Verdict::Misbehavior => {
                    self.refused().insert(*wtxid);
                    self.blame(peer, INVALID_TRANSACTION, "an invalid transaction");
                }
            }
        }
        let now = self.now_ms();
        let parents = self.requests().parents_wanted(peer, &missing, now);
        HeardTransactions { again, parents }
    }

    /// Takes in a page of headers that a peer posts; returns the header after which it is to
    /// go on, and the blocks that it is to post.
    pub async fn hear_headers(
        &self,
        peer: PeerId,
        page: Vec<(Header, Bytes)>,
        has_more: bool,
    ) -> Posted {
        let sync = self
            .lock()
            .entries
            .get_mut(&peer)
            .and_then(|it| it.headers.take())
            .unwrap_or_default();
        let judged = self.node.judge_headers(sync, page, has_more).await;
        match judged.verdict {
            Verdict::Misbehavior => {
                self.blame(peer, INVALID_HEADERS, "invalid headers");
                return Posted::default();
            }
            Verdict::Unavailable => {
                return Posted {
                    wait_ms: BUSY_WAIT_MS,
                    ..Posted::default()
                };
            }
            Verdict::Accepted | Verdict::Orphan | Verdict::Declined | Verdict::Mutated => {}
        }
        if let Some(entry) = self.lock().entries.get_mut(&peer) {
            entry.headers = Some(judged.sync);
            entry.posted = judged.best.or(entry.posted);
        }
        let posted = match judged.best {
            Some(best) => self.ask_poster(peer, best).await,
            None => Posted::default(),
        };
        Posted {
            next: judged.next,
            ..posted
        }
    }

    /// Takes in blocks that a peer posts because it was asked to; returns what it is to post
    /// next.
    pub async fn hear_blocks(&self, peer: PeerId, raws: Vec<Bytes>) -> Posted {
        for raw in raws {
            let Some(header) = raw.first_chunk::<{ Header::SIZE }>().map(Header::decode) else {
                self.blame(peer, MALFORMED, "bytes that are no block");
                return Posted::default();
            };
            let hash = header.block_hash();
            let from = peer;
            let block = crate::download::Arrived { hash, raw, from };
            // Security: what was not asked for is dropped.
            self.arrived(block, header.previous_block_hash);
        }
        self.end_request(peer);
        let posted = self.lock().entries.get(&peer).and_then(|it| it.posted);
        match posted {
            Some(best) => self.ask_poster(peer, best).await,
            None => Posted::default(),
        }
    }

    async fn ask_poster(&self, peer: PeerId, best: BlockHash) -> Posted {
        self.bench_stallers();
        let missing = self
            .node
            .missing_blocks(best, crate::download::BLOCK_WINDOW)
            .await;
        let open = self.want(peer, &missing);
        let send = self.take_range(peer);
        let is_waiting = open > 0 && send.is_empty();
        Posted {
            next: None,
            send,
            wait_ms: if is_waiting { BUSY_WAIT_MS } else { 0 },
        }
    }
}

/// How long a peer that posts is to wait before it asks again, in milliseconds.
const BUSY_WAIT_MS: u64 = 100;

/// What a peer that posts its chain is to do next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Posted {
    /// The header after which it is to post further headers.
    pub next: Option<BlockHash>,
    /// The blocks that it is to post.
    pub send: Vec<BlockHash>,
    /// When it is to ask again if there is nothing to send, in milliseconds; 0 for never.
    pub wait_ms: u64,
}

fn heard(verdict: Verdict) -> Heard {
    match verdict {
        Verdict::Accepted => Heard::Accepted,
        Verdict::Orphan => Heard::Behind,
        Verdict::Unavailable => Heard::Busy,
        Verdict::Declined | Verdict::Mutated | Verdict::Misbehavior => Heard::Declined,
    }
}
