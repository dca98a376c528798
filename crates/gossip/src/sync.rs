//! Catching up: headers of one peer first, then blocks from all that have them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesOrdered, StreamExt};
use synod_primitives::{BlockHash, Header};
use tokio::time::{sleep, timeout};

use crate::answers::BlockStep;
use crate::download::{Arrived, BLOCK_WINDOW, Fed};
use crate::peers::PeerId;
use crate::port::{NodePort, Verdict};
use crate::session::Session;
use crate::table::PeerTable;
use crate::trouble::Trouble;

/// The most pages of headers in one catching up: ten million headers, read twice.
const MAX_PAGES: usize = 10_000;
/// How often a session that waits looks whether it can do something, at the latest.
const LOOK: Duration = Duration::from_millis(500);
/// The wait before a busy node is handed the same blocks again.
const BUSY: Duration = Duration::from_millis(50);
/// Points for a block that breaks a rule, or that is another than the one asked for.
pub(crate) const INVALID_BLOCK: u32 = 100;
/// Points for a block whose bytes are not those that its header commits to (Core 28:
/// `MaybePunishNodeForBlock` for whole blocks).
pub(crate) const MUTATED_BLOCK: u32 = 100;

impl<N: NodePort> Session<N> {
    /// Asks for headers until the peer has none that are new, then takes part in fetching the
    /// blocks below them; says whether its headers bear out what it claims, as far as this node
    /// looked at them.
    pub(crate) async fn catch_up(&mut self) -> Result<bool, Trouble> {
        let (best, is_declined) = self.read_headers().await?;
        let Some(best) = best else {
            return Ok(is_declined);
        };
        self.download(best).await?;
        Ok(true)
    }

    /// Returns the best header of the peer that is worth having, and whether this node would
    /// not look at some of them, which is no fault of the peer's.
    async fn read_headers(&self) -> Result<(Option<BlockHash>, bool), Trouble> {
        let mut locator = self.table.node.locator().await;
        let mut sync = N::HeaderSync::default();
        let mut best = None;
        let mut is_declined = false;
        for _ in 0..MAX_PAGES {
            let page = self.client.headers(&locator).await?;
            let node = &self.table.node;
            let judged = node.judge_headers(sync, page.headers, page.has_more).await;
            match judged.verdict {
                Verdict::Misbehavior => return Err(Trouble::Misbehavior("invalid headers")),
                Verdict::Unavailable => return Err(Trouble::Busy),
                Verdict::Accepted => {}
                Verdict::Orphan | Verdict::Declined | Verdict::Mutated => is_declined = true,
            }
            best = judged.best.or(best);
            let Some(next) = judged.next else {
                break;
            };
            sync = judged.sync;
            locator = vec![next];
        }
        Ok((best, is_declined))
    }

    /// Fetches blocks, side by side with other sessions, until none is missing up to `best`.
    async fn download(&mut self, best: BlockHash) -> Result<(), Trouble> {
        loop {
            let mut range = self.table.take_range(self.id);
            if range.is_empty() && self.table.downloads().is_short_of(self.id) {
                let missing = self.table.node.missing_blocks(best, BLOCK_WINDOW).await;
                if self.table.want(self.id, &missing) == 0 {
                    return Ok(());
                }
                range = self.table.take_range(self.id);
            }
            if range.is_empty() {
                self.wait_for_a_turn().await?;
                continue;
            }
            let fetched = self.fetch_range(&range).await;
            self.table.end_request(self.id);
            fetched?;
        }
    }

    /// Waits while others fetch what is missing, and sees to it that they do.
    async fn wait_for_a_turn(&self) -> Result<(), Trouble> {
        self.table.bench_stallers();
        let now = self.table.now_ms();
        if self.table.downloads().benched_until(self.id, now).is_some() {
            return Err(Trouble::Stalled);
        }
        // Whether it was woken or the time was up, it looks again.
        let _ = timeout(LOOK, self.table.downloads_changed.notified()).await;
        Ok(())
    }

    async fn fetch_range(&self, range: &[BlockHash]) -> Result<(), Trouble> {
        let mut stream = self.client.blocks(range).await?;
        let mut expected = range.iter();
        loop {
            let step = match timeout(LOOK, stream.next()).await {
                Ok(step) => step?,
                Err(_) => {
                    // Another session may have taken the range away meanwhile.
                    if self.table.downloads().is_asked(self.id) {
                        continue;
                    }
                    return Err(Trouble::Stalled);
                }
            };
            match step {
                None => return Ok(()),
                Some(BlockStep::Bytes(bytes)) => {
                    let now = self.table.now_ms();
                    self.table.downloads().progress(self.id, bytes, now);
                }
                Some(BlockStep::Block(raw)) => {
                    let header = raw.first_chunk::<{ Header::SIZE }>().map(Header::decode);
                    let hash = header.map(|it| it.block_hash());
                    if hash.as_ref() != expected.next() {
                        return Err(Trouble::Misbehavior("a block that was not asked for"));
                    }
                    let (Some(hash), Some(header)) = (hash, header) else {
                        return Err(Trouble::Misbehavior("bytes that are no block"));
                    };
                    let from = self.id;
                    let arrived = Arrived { hash, raw, from };
                    self.table.arrived(arrived, header.previous_block_hash);
                }
            }
        }
    }
}

impl<N: NodePort> PeerTable<N> {
    /// Notes the blocks that are missing up to the best header of a peer; returns how many of them
    /// are worth asking for.
    ///
    /// Correctness: the list may be older than what came in meanwhile, so a block may be wanted
    /// once more that is here. Blocks on top of it wait for it until it is noted no more: they
    /// are to be looked at then, whether or not any other block arrives.
    pub(crate) fn want(&self, peer: PeerId, missing: &[BlockHash]) -> usize {
        let open = self.downloads().want(peer, missing, self.now_ms());
        self.to_feed.notify_one();
        open
    }

    /// Ends a request of a peer: others may be asked for what it did not deliver.
    pub(crate) fn end_request(&self, peer: PeerId) {
        self.downloads().end_request(peer);
        self.to_feed.notify_one();
        self.downloads_changed.notify_waiters();
    }

    pub(crate) fn take_range(&self, peer: PeerId) -> Vec<BlockHash> {
        let now = self.now_ms();
        self.downloads().take(peer, now)
    }

    pub(crate) fn bench_stallers(&self) {
        let now = self.now_ms();
        let stallers = self.downloads().bench_stallers(now);
        for peer in &stallers {
            tracing::debug!(peer, "a peer held up the download and lost its turn");
        }
        if !stallers.is_empty() {
            self.downloads_changed.notify_waiters();
        }
    }

    pub(crate) fn arrived(&self, block: Arrived, parent: BlockHash) {
        let now = self.now_ms();
        if self.downloads().arrived(block, parent, now) {
            self.to_feed.notify_one();
        }
    }

    /// Hands blocks on to the node as they become complete, until the table stops: it has the
    /// next ones while it checks those before, and more are fetched meanwhile.
    pub(crate) async fn feed(self: Arc<Self>) {
        let stopped = self.stop.clone();
        tokio::select! {
            () = stopped.cancelled() => {}
            () = self.feed_on() => {}
        }
    }

    async fn feed_on(&self) {
        let mut fed = FuturesOrdered::new();
        loop {
            for block in self.downloads().feed() {
                let verdict = self.node.feed_block(block.raw.clone());
                fed.push_back(async move { (block, verdict.await) });
            }
            let (block, verdict) = tokio::select! {
                Some(next) = fed.next() => next,
                () = self.to_feed.notified() => continue,
            };
            self.settle(&block, verdict);
            if verdict == Verdict::Unavailable {
                // All come back before any of them is handed on again, in order. Who came after a
                // block that the node did not look at may have found no parent.
                while let Some((block, verdict)) = fed.next().await {
                    let is_too_early = verdict == Verdict::Orphan;
                    let again = if is_too_early {
                        Verdict::Unavailable
                    } else {
                        verdict
                    };
                    self.settle(&block, again);
                }
                sleep(BUSY).await;
            }
            self.downloads_changed.notify_waiters();
        }
    }

    fn settle(&self, block: &Arrived, verdict: Verdict) {
        let fed = match verdict {
            Verdict::Accepted => Fed::Done,
            Verdict::Orphan | Verdict::Declined => Fed::Declined,
            Verdict::Mutated => {
                self.blame(block.from, MUTATED_BLOCK, "a mutated block");
                Fed::Mutated
            }
            Verdict::Misbehavior => {
                self.blame(block.from, INVALID_BLOCK, "an invalid block");
                Fed::Declined
            }
            Verdict::Unavailable => Fed::Again,
        };
        let now = self.now_ms();
        self.downloads().settled(block.hash, fed, now);
    }
}
