//! The task that owns the writer.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use synod_primitives::{Transaction, Txid};
use synod_service::Shutdown;
use tokio::sync::{mpsc, oneshot};

use super::catch_up::{self, Ahead, Step};
use super::events::{self, News};
use super::identity::{self, FollowError, Network};
use super::live::{Live, LiveEvent};
use crate::clock::Clock;
use crate::index::Indexer;
use crate::node::{Node, NodeChain};

/// How often the node is asked when it says nothing by itself.
const POLL: Duration = Duration::from_secs(2);
/// The wait after the node or the database failed.
const RETRY: Duration = Duration::from_millis(500);
/// Transactions that were accepted through this explorer and wait to be shown.
const SUBMITTED_QUEUE: usize = 1024;
/// News taken at once.
const NEWS_BATCH: usize = 512;
/// How long a request waits for its transaction to be shown.
const SHOW_TIMEOUT: Duration = Duration::from_secs(5);

/// A transaction that the node accepted, and who waits for it to be shown.
struct Submitted {
    transaction: Transaction,
    shown: oneshot::Sender<()>,
}

/// What the rest of the service sees of the follower.
#[derive(Clone, Debug)]
pub(crate) struct FollowerHandle {
    submitted: mpsc::Sender<Submitted>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    has_caught_up: AtomicBool,
    is_connected: AtomicBool,
    network: ArcSwapOption<Network>,
    /// The height of the last final block.
    final_height: ArcSwapOption<u32>,
}

impl FollowerHandle {
    /// Shows a transaction that the node has accepted; returns when readers see it.
    pub(crate) async fn show(&self, transaction: Transaction) {
        let (shown, done) = oneshot::channel();
        if self
            .submitted
            .send(Submitted { transaction, shown })
            .await
            .is_ok()
        {
            // Correctness: the node has the transaction. If the index is busy for longer than
            // this, its events bring it.
            let _ = tokio::time::timeout(SHOW_TIMEOUT, done).await;
        }
    }

    /// Says whether the index has reached the node's tip since the start.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.state.has_caught_up.load(Ordering::Relaxed)
    }

    /// Says whether the node answered the last time it was asked.
    pub(crate) fn is_connected(&self) -> bool {
        self.state.is_connected.load(Ordering::Relaxed)
    }

    /// The height of the last final block, as the node said last; `None` where none is final.
    pub(crate) fn final_height(&self) -> Option<u32> {
        self.state.final_height.load().as_deref().copied()
    }

    /// The network, once the node has answered.
    pub(crate) fn network(&self) -> Option<Arc<Network>> {
        self.state.network.load_full()
    }
}

/// The task.
pub(crate) struct Follower {
    indexer: Indexer,
    node: Node,
    live: Live,
    clock: Clock,
    state: Arc<State>,
    submitted: mpsc::Receiver<Submitted>,
    ahead: Option<Ahead>,
    /// The index may be behind the node.
    is_behind: bool,
    /// The view of the mempool may differ from the node's.
    is_pool_stale: bool,
}

impl Follower {
    /// Makes the task and the handle to it.
    pub(crate) fn new(
        indexer: Indexer,
        node: Node,
        live: Live,
        clock: Clock,
    ) -> (Self, FollowerHandle) {
        let (sender, submitted) = mpsc::channel(SUBMITTED_QUEUE);
        let state = Arc::new(State::default());
        let handle = FollowerHandle {
            submitted: sender,
            state: state.clone(),
        };
        let follower = Self {
            indexer,
            node,
            live,
            clock,
            state,
            submitted,
            ahead: None,
            is_behind: true,
            is_pool_stale: true,
        };
        (follower, handle)
    }

    /// Follows until a stop is asked for.
    ///
    /// # Errors
    /// The node belongs to another network or was reset.
    pub(crate) async fn run(mut self, shutdown: Shutdown) -> Result<(), identity::IdentityError> {
        let (sender, mut news) = mpsc::channel(events::QUEUE);
        let reader = events::read_events(self.node.clone(), sender, shutdown.clone());
        let reader = tokio::spawn(reader);
        let result = self.follow(&mut news, &shutdown).await;
        drop(news);
        reader.abort();
        self.indexer.close().await;
        result
    }

    async fn follow(
        &mut self,
        news: &mut mpsc::Receiver<News>,
        shutdown: &Shutdown,
    ) -> Result<(), identity::IdentityError> {
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(NEWS_BATCH);
        loop {
            let result = tokio::select! {
                biased;
                () = shutdown.stopping() => return Ok(()),
                Some(submitted) = self.submitted.recv() => self.show(submitted).await,
                () = std::future::ready(()), if self.is_behind || self.is_pool_stale => {
                    self.work().await
                }
                count = news.recv_many(&mut batch, NEWS_BATCH), if !news.is_closed() => {
                    if count == 0 { self.is_behind = true; }
                    self.take_in(std::mem::take(&mut batch)).await
                }
                _ = poll.tick() => {
                    self.is_behind = true;
                    self.is_pool_stale = true;
                    Ok(())
                }
            };
            match result {
                Ok(()) => {}
                Err(FollowError::Identity(error)) => return Err(error),
                Err(error) => self.pause(&error, shutdown).await,
            }
        }
    }

    async fn pause(&mut self, error: &FollowError, shutdown: &Shutdown) {
        let was_connected = self.state.is_connected.swap(false, Ordering::Relaxed);
        if was_connected || !self.has_caught_up() {
            tracing::warn!(%error, node = self.node.url(), "cannot follow the node; trying again");
        }
        self.ahead = None;
        self.is_behind = true;
        self.is_pool_stale = true;
        tokio::select! {
            () = shutdown.stopping() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }

    fn has_caught_up(&self) -> bool {
        self.state.has_caught_up.load(Ordering::Relaxed)
    }

    /// Does the next piece of work: blocks first, then the mempool.
    async fn work(&mut self) -> Result<(), FollowError> {
        if self.is_behind {
            self.advance().await
        } else {
            self.reconcile().await
        }
    }

    async fn advance(&mut self) -> Result<(), FollowError> {
        let chain = self.node.chain().await?;
        self.check_identity(&chain).await?;
        let finalized = chain.status.finalized.map(|it| Arc::new(it.height));
        self.state.final_height.store(finalized);
        if self.indexer.tip() == Some(chain.tip) {
            self.is_behind = false;
            self.caught_up(&chain);
            return Ok(());
        }
        let departure = catch_up::find_departure(&mut self.indexer, &self.node, &chain).await?;
        if let Some(departure) = departure {
            if chain.status.initial_sync && departure.fork_height == chain.tip.height {
                // The node was restarted behind us and is fetching what we have already.
                self.is_behind = false;
                return Ok(());
            }
            if !self.has_caught_up() {
                let node = self.node.url();
                identity::check_reset(&self.indexer, &chain, departure.fork_height, node)?;
            }
        }
        let now = self.clock.now();
        let (indexer, node) = (&mut self.indexer, &self.node);
        let step = catch_up::step(indexer, node, &chain, departure, &mut self.ahead, now).await?;
        if step == Step::AtTip {
            // The node has moved on since it was asked; its events or the poll say when.
            self.is_behind = false;
        }
        self.announce(step);
        // What the node dropped or took back with the blocks comes with its events; what they
        // missed is found by comparing.
        self.is_pool_stale = true;
        Ok(())
    }

    fn announce(&self, step: Step) {
        if let Step::Reorganised { fork_height, depth } = step {
            tracing::warn!(
                fork_height,
                depth,
                "the active chain moved to another branch"
            );
            self.live.announce(LiveEvent::Reorg { fork_height, depth });
        }
        if let (Step::Advanced | Step::Reorganised { .. }, Some(tip)) = (step, self.indexer.tip()) {
            let hash = tip.hash.to_string();
            self.live.announce(LiveEvent::Tip {
                height: tip.height,
                hash,
            });
        }
    }

    async fn check_identity(&mut self, chain: &NodeChain) -> Result<(), FollowError> {
        if self
            .state
            .network
            .load()
            .as_ref()
            .is_none_or(|known| **known != Network::of(chain))
        {
            let url = self.node.url().to_owned();
            identity::check_network(self.indexer.writer(), chain, &url).await??;
            self.state.network.store(Some(Arc::new(Network::of(chain))));
        }
        self.state.is_connected.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn caught_up(&self, chain: &NodeChain) {
        if !self.state.has_caught_up.swap(true, Ordering::Relaxed) {
            tracing::info!(height = chain.tip.height, "the index is at the node's tip");
        }
    }

    /// Makes the view of the mempool equal to the node's.
    async fn reconcile(&mut self) -> Result<(), FollowError> {
        let pool = self.indexer.pool();
        let fees = u64::try_from(pool.fees_sat()).unwrap_or(0);
        if self.node.mempool_size().await? == (pool.len() as u64, pool.vsize(), fees) {
            // Another mempool with the same three numbers is not to be expected, and the events
            // of its transactions are not lost.
            self.is_pool_stale = false;
            return Ok(());
        }
        let theirs = self.node.mempool().await?;
        let wanted: HashSet<Txid> = theirs.iter().copied().collect();
        let gone: Vec<Txid> = pool
            .entries()
            .map(|entry| entry.transaction.txid())
            .filter(|txid| !wanted.contains(txid))
            .collect();
        let missing: Vec<Txid> = theirs
            .into_iter()
            .filter(|txid| pool.get(txid).is_none())
            .collect();
        self.is_pool_stale = false;
        if gone.is_empty() && missing.is_empty() {
            return Ok(());
        }
        self.indexer.remove_from_pool(&gone);
        self.fetch(&missing).await
    }

    async fn fetch(&mut self, missing: &[Txid]) -> Result<(), FollowError> {
        if !missing.is_empty() {
            let transactions = self.node.transactions(missing).await?;
            let unknown = self
                .indexer
                .add_to_pool(&transactions, self.clock.now())
                .await?;
            if !unknown.is_empty() {
                // Their inputs are in a block that the index does not have yet.
                self.is_behind = true;
                self.is_pool_stale = true;
            }
        }
        self.announce_pool();
        Ok(())
    }

    fn announce_pool(&self) {
        let pool = self.indexer.pool();
        let (count, vsize) = (pool.len(), pool.vsize());
        self.live.announce(LiveEvent::Mempool { count, vsize });
    }

    /// Takes in what the node's events said.
    async fn take_in(&mut self, news: Vec<News>) -> Result<(), FollowError> {
        let pool = self.indexer.pool();
        let mut added = Vec::new();
        let mut removed = Vec::new();
        for item in news {
            match item {
                News::Chain => self.is_behind = true,
                News::Unknown => {
                    self.is_behind = true;
                    self.is_pool_stale = true;
                }
                News::Added(txid) if pool.get(&txid).is_none() => added.push(txid),
                News::Added(_) => {}
                News::Removed(txid) => {
                    added.retain(|known| *known != txid);
                    removed.push(txid);
                }
            }
        }
        if self.is_behind {
            // Blocks come first; what they confirm leaves the view together with them. The rest
            // is compared afterwards.
            self.is_pool_stale |= !added.is_empty() || !removed.is_empty();
            return Ok(());
        }
        if added.is_empty() && removed.is_empty() {
            return Ok(());
        }
        self.indexer.remove_from_pool(&removed);
        self.fetch(&added).await
    }

    /// Shows a transaction that the node accepted through this explorer.
    async fn show(&mut self, submitted: Submitted) -> Result<(), FollowError> {
        let Submitted { transaction, shown } = submitted;
        let now = self.clock.now();
        let mut unknown = self
            .indexer
            .add_to_pool(std::slice::from_ref(&transaction), now)
            .await?;
        if !unknown.is_empty() {
            // Its parents came to the node by another way: bring blocks and mempool up to date.
            self.advance().await?;
            self.reconcile().await?;
            unknown = self.indexer.add_to_pool(&[transaction], now).await?;
        }
        if unknown.is_empty() {
            self.announce_pool();
        }
        let _ = shown.send(());
        Ok(())
    }
}
