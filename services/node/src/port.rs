//! The node as gossip sees it.

use std::sync::PoisonError;

use bytes::Bytes;
use synod_gossip::{Admitted, HeadersJudged, NodePort, PeerId, Tip, Verdict};
use synod_mempool::{Class, Options, Rejected};
use synod_node_core::{
    Accepted, Admission, Blame, BlockTree, Durability, HeaderSync, Offer, Placement, Refusal,
};
use synod_primitives::{BlockHash, Header, Transaction, Txid, Wtxid};
use synod_store::Reader;

use crate::chain::ChainHandle;
use crate::duty::{Duties, hear};
use crate::headers;
use crate::state::read;

/// Gossip's way to the chain thread.
#[derive(Clone)]
pub struct ChainPort {
    chain: ChainHandle,
    reader: Reader,
    duties: Duties,
}

impl ChainPort {
    /// Makes the port.
    #[must_use]
    pub fn new(chain: ChainHandle, reader: Reader, duties: Duties) -> Self {
        Self {
            chain,
            reader,
            duties,
        }
    }

    /// Returns the parents that do not wait for theirs themselves.
    fn not_waiting(&self, parents: &[Txid]) -> Vec<Txid> {
        let waiting = read(self.chain.waiting());
        let unknown = parents.iter().filter(|it| !waiting.holds(it));
        unknown.copied().collect()
    }
}

impl NodePort for ChainPort {
    type HeaderSync = HeaderSync;

    fn tip(&self) -> Tip {
        let view = self.chain.view();
        Tip {
            hash: view.hash,
            height: view.height,
            chainwork: view.chainwork,
        }
    }

    fn prune_height(&self) -> Option<u32> {
        self.chain.prune_height()
    }

    async fn locator(&self) -> Vec<BlockHash> {
        let locator = self.chain.look(|node, _| {
            let tree = node.chain().tree();
            Ok(tree.locator(tree.tip()))
        });
        locator.await.unwrap_or_default()
    }

    async fn judge_headers(
        &self,
        mut sync: HeaderSync,
        page: Vec<(Header, Bytes)>,
        has_more: bool,
    ) -> HeadersJudged<HeaderSync> {
        let answer = self.chain.run(move |node, now| {
            let judged = node
                .chain_mut()
                .judge_headers(&mut sync, &page, has_more, now);
            let verdict = judged.as_ref().map_or_else(blame, |_| Verdict::Accepted);
            let step = judged.unwrap_or_default();
            Ok(HeadersJudged {
                sync,
                verdict,
                next: step.next,
                best: step.best,
            })
        });
        answer.await.unwrap_or_else(|_| HeadersJudged {
            sync: HeaderSync::default(),
            verdict: Verdict::Unavailable,
            next: None,
            best: None,
        })
    }

    async fn missing_blocks(&self, best: BlockHash, limit: usize) -> Vec<BlockHash> {
        let missing = self
            .chain
            .look(move |node, _| Ok(node.chain().missing_blocks(best, limit)));
        missing.await.unwrap_or_default()
    }

    async fn submit_block(&self, block: Bytes) -> Verdict {
        let answer = self.chain.run(move |node, now| {
            let verdicts = node.submit_blocks(&[block], now, Durability::Synced)?;
            Ok(verdicts.first().map(block_verdict))
        });
        answer.await.ok().flatten().unwrap_or(Verdict::Unavailable)
    }

    fn feed_block(&self, block: Bytes) -> impl Future<Output = Verdict> + Send + use<> {
        let verdict = self.chain.feed(block);
        async move {
            let verdict = verdict.await;
            verdict.map_or(Verdict::Unavailable, |it| block_verdict(&it))
        }
    }

    async fn knows_block(&self, hash: BlockHash) -> bool {
        let known = self.chain.look(move |node, _| {
            let tree = node.chain().tree();
            let status = tree.find(hash).map(|id| &tree.entry(id).record.status);
            Ok(status.is_some_and(|status| status.has_block() || status.is_failed()))
        });
        // A busy chain thread is no reason to fetch anything.
        known.await.unwrap_or(true)
    }

    async fn headers_after(&self, after: BlockHash, limit: usize) -> Option<Vec<(Header, Bytes)>> {
        let find = move |tree: &BlockTree| tree.find(after).filter(|id| tree.is_active(*id));
        let page = headers::after(&self.chain, &self.reader, limit, None, find);
        page.await.ok().flatten()
    }

    async fn raw_block(&self, hash: BlockHash) -> Option<Bytes> {
        self.reader.block(hash).await.ok().flatten()
    }

    fn visit_mempool(&self, visit: &mut dyn FnMut(Wtxid, &Bytes)) {
        let mempool = self.chain.mempool().read();
        let mempool = mempool.unwrap_or_else(PoisonError::into_inner);
        for entry in mempool.entries(None) {
            visit(entry.wtxid(), entry.transaction().raw());
        }
    }

    fn mempool_transactions(&self, wtxids: &[Wtxid]) -> Vec<Bytes> {
        let mempool = self.chain.mempool().read();
        let mempool = mempool.unwrap_or_else(PoisonError::into_inner);
        let found = wtxids
            .iter()
            .filter_map(|wtxid| mempool.find_by_wtxid(wtxid));
        found.map(|it| it.transaction().raw().clone()).collect()
    }

    fn mempool_parents(&self, txids: &[Txid]) -> Vec<Bytes> {
        let mempool = read(self.chain.mempool());
        let found = txids.iter().filter_map(|txid| mempool.find(txid));
        found.map(|it| it.transaction().raw().clone()).collect()
    }

    fn knows_transaction(&self, wtxid: Wtxid) -> bool {
        read(self.chain.mempool()).find_by_wtxid(&wtxid).is_some()
            || read(self.chain.waiting()).knows(&wtxid)
    }

    async fn hear_messages(&self, from: PeerId, messages: Vec<Bytes>) -> Vec<Verdict> {
        hear(&self.chain, &self.duties, from, messages).await
    }

    async fn submit_transactions(&self, from: PeerId, transactions: Vec<Bytes>) -> Vec<Admitted> {
        let from = synod_mempool::PeerId(from);
        let admissions = transactions.iter().map(|raw| async {
            let Ok(transaction) = Transaction::decode(raw) else {
                return Verdict::Misbehavior.into();
            };
            let offer = Offer {
                transaction,
                options: Options::default(),
                from,
            };
            match self.chain.admit(offer).await {
                Ok(Admission::Accepted(_)) => Verdict::Accepted.into(),
                Ok(Admission::Held(why)) => Admitted {
                    verdict: Verdict::Orphan,
                    missing: self.not_waiting(why.missing_parents().unwrap_or_default()),
                },
                Ok(Admission::Rejected(rejected)) => transaction_verdict(&rejected).into(),
                Err(_) => Verdict::Unavailable.into(),
            }
        });
        // All are polled once before any answer: they wait side by side and are verified together.
        futures_util::future::join_all(admissions).await
    }
}

fn blame(refusal: &Refusal) -> Verdict {
    match refusal.blame {
        Blame::Malformed | Blame::Invalid => Verdict::Misbehavior,
        Blame::Mutated => Verdict::Mutated,
        Blame::Nobody => Verdict::Declined,
    }
}

fn block_verdict(result: &Result<Accepted, Refusal>) -> Verdict {
    match result {
        Ok(Accepted {
            placement: Placement::Orphan,
            ..
        }) => Verdict::Orphan,
        Ok(_) => Verdict::Accepted,
        Err(refusal) => blame(refusal),
    }
}

fn transaction_verdict(rejected: &Rejected) -> Verdict {
    if rejected.is_known() {
        return Verdict::Accepted;
    }
    match rejected.class() {
        Class::Consensus => Verdict::Misbehavior,
        _ => Verdict::Declined,
    }
}
