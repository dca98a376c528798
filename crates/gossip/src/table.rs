//! The peers of a node.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synod_primitives::Wtxid;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::addresses::AddressBook;
use crate::budget::UploadBudgets;
use crate::client::PeerClient;
use crate::download::Downloads;
use crate::hear::Partials;
use crate::inventory::{RefusedTransactions, TransactionRequests};
use crate::member::Members;
use crate::outbox::{NewBlock, Outbox};
use crate::pace::Pace;
use crate::peers::{
    AddPeerError, Entry, Identity, MAX_PEERS, NewPeer, Origin, PeerId, PeerState, Peers,
};
use crate::port::NodePort;
use crate::session::{self, Session};
use crate::url::{PeerUrl, UrlPolicy};

/// How many peers of the address book a node speaks to (Core: `MAX_OUTBOUND_FULL_RELAY_CONNECTIONS`).
pub(crate) const MAX_AUTOMATIC: usize = 8;
/// The most peers that may come by themselves from one subscriber's addresses; loopback is
/// not counted.
pub(crate) const MAX_INBOUND_PER_SUBSCRIBER: usize = 8;
/// The misbehaviour at which a peer is dropped and discouraged.
pub(crate) const MISBEHAVIOR_LIMIT: u32 = 100;
/// The lines of the log that peers may cause at once.
const LOG_BURST: u32 = 50;
/// The milliseconds in which they may cause one more: 720 an hour.
const LOG_INTERVAL_MS: u64 = 5_000;

/// All peers, each with its session.
pub struct PeerTable<N: NodePort> {
    pub(crate) node: N,
    pub(crate) identity: Identity,
    pub(crate) clock: fn() -> u64,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// The policy for addresses that peers of the public network announce.
    pub(crate) announced_policy: UrlPolicy,
    pub(crate) salt: u64,
    pub(crate) members: Option<Arc<Members>>,
    /// Whether the operator was told that this node's clock is off.
    pub(crate) was_clock_off: AtomicBool,
    started: Instant,
    peers: Mutex<Peers<N::HeaderSync>>,
    downloads: Mutex<Downloads>,
    book: Mutex<AddressBook>,
    pub(crate) requests: Mutex<TransactionRequests>,
    pub(crate) refused: Mutex<RefusedTransactions>,
    pub(crate) partials: Mutex<Partials>,
    pub(crate) budgets: Mutex<UploadBudgets>,
    log_pace: Mutex<Pace>,
    /// Held while a block that was announced is handed to the node.
    pub(crate) submitting: tokio::sync::Mutex<()>,
    /// Wakes sessions that wait for a turn.
    pub(crate) downloads_changed: Notify,
    /// Wakes the task that hands blocks on to the node.
    pub(crate) to_feed: Notify,
    /// Wakes the task that looks for peers.
    pub(crate) to_dial: Notify,
}

/// What a table is made of.
pub struct TableParts<N: NodePort> {
    /// The node that it speaks for.
    pub node: N,
    /// Who this node is.
    pub identity: Identity,
    /// Gives seconds since 1970.
    pub clock: fn() -> u64,
    /// Ends all sessions.
    pub stop: CancellationToken,
    /// Addresses known from before.
    pub book: AddressBook,
    /// Whether peers may announce addresses of private networks.
    pub allows_private: bool,
    /// The bytes of blocks that one subscriber is sent a second, in the long run.
    pub upload_bytes_per_s: u64,
    /// A random number.
    pub salt: u64,
    /// The members, in a permissioned network: nobody else is spoken to.
    pub members: Option<Arc<Members>>,
}

impl<N: NodePort> PeerTable<N> {
    /// Starts without peers.
    #[must_use]
    pub fn new(parts: TableParts<N>) -> Self {
        Self {
            node: parts.node,
            identity: parts.identity,
            clock: parts.clock,
            stop: parts.stop,
            tasks: TaskTracker::new(),
            announced_policy: if parts.allows_private {
                UrlPolicy::AnnouncedPrivately
            } else {
                UrlPolicy::Announced
            },
            salt: parts.salt,
            members: parts.members,
            was_clock_off: AtomicBool::new(false),
            started: Instant::now(),
            peers: Mutex::default(),
            downloads: Mutex::default(),
            book: Mutex::new(parts.book),
            requests: Mutex::default(),
            refused: Mutex::default(),
            partials: Mutex::default(),
            budgets: Mutex::new(UploadBudgets::new(parts.upload_bytes_per_s)),
            log_pace: Mutex::new(Pace::new(LOG_INTERVAL_MS, LOG_BURST)),
            submitting: tokio::sync::Mutex::default(),
            downloads_changed: Notify::new(),
            to_feed: Notify::new(),
            to_dial: Notify::new(),
        }
    }

    /// Starts what all sessions share: the task that hands blocks on to the node, and the one
    /// that looks for peers.
    pub fn start(self: &Arc<Self>) {
        self.tasks.spawn(Arc::clone(self).feed());
        self.tasks.spawn(Arc::clone(self).look_for_peers());
    }

    /// Returns the milliseconds since the table was made.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Peers<N::HeaderSync>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn downloads(&self) -> MutexGuard<'_, Downloads> {
        self.downloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, AddressBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether a line that a peer causes may go to the log; past the limit it is left out.
    ///
    /// Security: peers that come, misbehave and are dropped, each for the next one, must not fill
    /// the disk.
    pub(crate) fn may_log(&self) -> bool {
        let now = self.now_ms();
        let mut pace = self.log_pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.try_take(now)
    }

    /// Says whether a peer at the URL was dropped, by the operator or for misbehaviour.
    pub(crate) fn is_unwanted(&self, url: &PeerUrl) -> bool {
        let peers = self.lock();
        peers.discouraged_urls.contains(url) || peers.removed.contains(url)
    }

    /// Returns who this node is to its peers.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the members of a permissioned network; `None` in an open one.
    #[must_use]
    pub fn members(&self) -> Option<&Arc<Members>> {
        self.members.as_ref()
    }

    /// Adds a peer that the operator names and starts its session; one that is there already
    /// is kept.
    ///
    /// # Errors
    /// There are too many, or the node is stopping.
    pub fn add(self: &Arc<Self>, url: PeerUrl) -> Result<PeerId, AddPeerError> {
        self.dial(url, Origin::Configured)
    }

    /// Starts a session with the peer at `url`.
    pub(crate) fn dial(
        self: &Arc<Self>,
        url: PeerUrl,
        origin: Origin,
    ) -> Result<PeerId, AddPeerError> {
        if self.stop.is_cancelled() {
            return Err(AddPeerError::Stopping);
        }
        let mut peers = self.lock();
        let same = |entry: &&mut Entry<N::HeaderSync>| entry.state.url.as_ref() == Some(&url);
        if let Some(entry) = peers.entries.values_mut().find(same) {
            if origin == Origin::Configured {
                entry.state.origin = origin;
            }
            return Ok(entry.state.id);
        }
        if origin == Origin::Configured {
            peers.discouraged_urls.remove(&url);
            peers.removed.remove(&url);
        } else if peers.discouraged_urls.contains(&url) || peers.removed.contains(&url) {
            return Err(AddPeerError::Discouraged);
        }
        if peers.entries.len() >= MAX_PEERS {
            return Err(AddPeerError::TooMany);
        }
        let stop = self.stop.child_token();
        let new = NewPeer {
            url: Some(url.clone()),
            address: None,
            origin,
            session: None,
        };
        let id = peers.insert(new, self.now_ms(), stop.clone());
        let entry = peers
            .entries
            .get(&id)
            .map(|it| (Arc::clone(&it.state.traffic), Arc::clone(&it.wake)));
        drop(peers);
        if let Some((traffic, wake)) = entry {
            let session = Session::new(Arc::clone(self), id, url, traffic, wake);
            self.tasks.spawn(session::run(session, stop));
        }
        Ok(id)
    }

    /// Drops a peer for the operator; says whether it was there. Where it listens is not asked
    /// again until the operator names it.
    pub fn remove(&self, id: PeerId) -> bool {
        let mut peers = self.lock();
        let state = peers.entries.get(&id).map(|it| &it.state);
        let url = state.and_then(|it| it.url.clone().or_else(|| it.announced()));
        let was_there = peers.drop_entry(id);
        if let Some(url) = &url {
            peers.removed.insert(url.clone());
        }
        drop(peers);
        if let Some(url) = &url {
            self.book().forget(url);
        }
        self.forget(id);
        was_there
    }

    /// Ends a peer that came out of the address book and is of no use now.
    pub(crate) fn let_go(&self, id: PeerId) {
        self.lock().drop_entry(id);
        self.forget(id);
    }

    /// Returns how many nodes this one is connected with.
    #[must_use]
    pub fn connected(&self) -> usize {
        let peers = self.lock();
        let connected = peers.entries.values().filter(|it| it.state.is_connected);
        // One that both came and is spoken to counts once.
        let nodes =
            connected.filter_map(|it| Some(it.state.handshake.as_ref()?.node_id.to_bytes()));
        nodes.collect::<BTreeSet<_>>().len()
    }

    /// Gives what a peer was asked for to others.
    pub(crate) fn forget(&self, id: PeerId) {
        self.downloads().forget(id);
        self.to_feed.notify_one();
        self.downloads_changed.notify_waiters();
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget(id);
        self.partials
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget(id);
    }

    /// Returns all peers, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<PeerState> {
        self.lock()
            .entries
            .values()
            .map(|entry| entry.state.clone())
            .collect()
    }

    /// Tells all peers of a block, but for those that have it.
    pub fn announce_block(&self, block: &Arc<NewBlock>) {
        self.tell(|outbox| outbox.push_block(block));
    }

    /// Returns what speaks to a peer beside its session, for bulk work that may wait; `None`
    /// when there is no session with it, or it came by itself.
    #[must_use]
    pub fn client(&self, id: PeerId) -> Option<PeerClient> {
        self.lock().entries.get(&id)?.client.clone()
    }

    pub(crate) fn keep_client(&self, id: PeerId, client: &PeerClient) {
        let mut peers = self.lock();
        if let Some(entry) = peers.entries.get_mut(&id) {
            entry.client = Some(client.clone());
        }
        // Correctness: the peer may have greeted this node before its own answer arrived.
        peers.pair();
    }

    pub(crate) fn drop_client(&self, id: PeerId) {
        let mut peers = self.lock();
        if let Some(entry) = peers.entries.get_mut(&id) {
            entry.client = None;
        }
        peers.pair();
    }

    /// Tells all peers of transactions, but for those that have them.
    pub fn announce_transactions(&self, wtxids: &[Wtxid]) {
        self.tell(|outbox| {
            for wtxid in wtxids {
                outbox.push_transaction(*wtxid);
            }
        });
    }

    pub(crate) fn tell(&self, push: impl Fn(&mut Outbox)) {
        let mut peers = self.lock();
        for id in peers.told() {
            if let Some(entry) = peers.entries.get_mut(&id) {
                push(&mut entry.outbox);
                entry.wake.notify_one();
            }
        }
    }

    pub(crate) fn update(&self, id: PeerId, change: impl FnOnce(&mut PeerState)) {
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            change(&mut entry.state);
        }
    }

    pub(crate) fn with_outbox<T>(
        &self,
        id: PeerId,
        ask: impl FnOnce(&mut Outbox) -> T,
    ) -> Option<T> {
        self.lock()
            .entries
            .get_mut(&id)
            .map(|it| ask(&mut it.outbox))
    }

    /// Waits until all sessions have ended; the stop token has been cancelled.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
