//! The peers of a node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::{BlockAnnouncement, Handshake};
use synod_primitives::{BlockHash, Wtxid};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::Traffic;
use crate::download::Downloads;
use crate::port::NodePort;
use crate::session::{self, Session};
use crate::url::PeerUrl;

/// The most peers at once (Core: 125 connections).
pub const MAX_PEERS: usize = 125;
/// The most announcements that wait for one peer; past it the newest are dropped, and the
/// peer learns of them when it asks.
pub const MAX_QUEUED_ANNOUNCEMENTS: usize = 1000;
/// The misbehaviour at which a peer is dropped.
pub(crate) const MISBEHAVIOR_LIMIT: u32 = 100;

/// The number of a peer while the node runs; never reused.
pub type PeerId = u64;

/// Who this node is to its peers.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain that it is on.
    pub chain_id: HashHex,
    /// What people call the network.
    pub network: String,
    /// Its program and version.
    pub agent: String,
    /// Drawn at random when it started, so that it recognises itself.
    pub node_id: NodeIdHex,
    /// Where peers reach it.
    pub listen_url: Option<String>,
}

/// What is known of a peer.
#[derive(Clone, Debug)]
pub struct PeerState {
    /// Its number.
    pub id: PeerId,
    /// Where it listens.
    pub url: PeerUrl,
    /// Whether the operator named it.
    pub is_configured: bool,
    /// Whether the last exchange worked.
    pub is_connected: bool,
    /// What it said of itself last.
    pub handshake: Option<Handshake>,
    /// When it last answered, in seconds since 1970.
    pub last_seen: Option<u64>,
    /// How long its last handshake took, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Points against it; at 100 it is dropped.
    pub misbehavior: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Bytes of bodies exchanged with it.
    pub traffic: Arc<Traffic>,
}

/// News for a peer, or a reason to look at it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// Tell it of a block.
    AnnounceBlock(BlockAnnouncement),
    /// Tell it of a transaction.
    AnnounceTransaction(Wtxid),
    /// It has a block that this node may lack.
    BlockThere(BlockHash),
    /// It has transactions that this node may lack.
    TransactionsThere(Vec<Wtxid>),
}

struct Entry {
    state: PeerState,
    queue: mpsc::Sender<Message>,
    stop: CancellationToken,
}

/// Why a peer was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddPeerError {
    /// There are as many as there may be.
    #[error("there are {MAX_PEERS} peers already")]
    TooMany,
    /// It was dropped for misbehaviour.
    #[error("the peer was dropped for misbehaviour")]
    Discouraged,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

/// All peers, each with its session.
pub struct PeerTable<N: NodePort> {
    pub(crate) node: N,
    pub(crate) identity: Identity,
    pub(crate) http: reqwest::Client,
    pub(crate) clock: fn() -> u64,
    pub(crate) stop: CancellationToken,
    tasks: tokio_util::task::TaskTracker,
    peers: Mutex<Peers>,
    started: Instant,
    downloads: Mutex<Downloads>,
    /// Wakes sessions that wait for a turn.
    pub(crate) downloads_changed: Notify,
    /// Wakes the task that hands blocks on to the node.
    pub(crate) to_feed: Notify,
}

#[derive(Default)]
struct Peers {
    entries: BTreeMap<PeerId, Entry>,
    discouraged: Vec<PeerUrl>,
    next_id: PeerId,
}

/// The most dropped peers that are remembered; the oldest are forgotten.
const MAX_DISCOURAGED: usize = 1000;

impl<N: NodePort> PeerTable<N> {
    /// Starts without peers. `clock` gives seconds since 1970; `stop` ends all sessions.
    #[must_use]
    pub fn new(node: N, identity: Identity, clock: fn() -> u64, stop: CancellationToken) -> Self {
        Self {
            node,
            identity,
            http: crate::client::PeerClient::http(),
            clock,
            stop,
            tasks: tokio_util::task::TaskTracker::new(),
            peers: Mutex::default(),
            started: Instant::now(),
            downloads: Mutex::default(),
            downloads_changed: Notify::new(),
            to_feed: Notify::new(),
        }
    }

    /// Starts what all sessions share: the task that hands blocks on to the node.
    pub fn start(self: &Arc<Self>) {
        self.tasks.spawn(Arc::clone(self).feed());
    }

    /// Returns the milliseconds since the table was made.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn downloads(&self) -> MutexGuard<'_, Downloads> {
        self.downloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns who this node is to its peers.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Adds a peer and starts its session; one that is there already is kept.
    ///
    /// # Errors
    /// There are too many, or the peer misbehaved.
    pub fn add(
        self: &Arc<Self>,
        url: PeerUrl,
        is_configured: bool,
    ) -> Result<PeerId, AddPeerError> {
        if self.stop.is_cancelled() {
            return Err(AddPeerError::Stopping);
        }
        let mut peers = self.lock();
        if let Some(entry) = peers
            .entries
            .values_mut()
            .find(|entry| entry.state.url == url)
        {
            entry.state.is_configured |= is_configured;
            return Ok(entry.state.id);
        }
        if is_configured {
            peers.discouraged.retain(|dropped| *dropped != url);
        } else if peers.discouraged.contains(&url) {
            return Err(AddPeerError::Discouraged);
        }
        if peers.entries.len() >= MAX_PEERS {
            return Err(AddPeerError::TooMany);
        }
        let id = peers.next_id;
        peers.next_id += 1;
        let (queue, inbox) = mpsc::channel(MAX_QUEUED_ANNOUNCEMENTS);
        let stop = self.stop.child_token();
        let traffic = Arc::new(Traffic::default());
        let state = PeerState {
            id,
            url: url.clone(),
            is_configured,
            is_connected: false,
            handshake: None,
            last_seen: None,
            latency_ms: None,
            misbehavior: 0,
            last_error: None,
            traffic: Arc::clone(&traffic),
        };
        peers.entries.insert(
            id,
            Entry {
                state,
                queue,
                stop: stop.clone(),
            },
        );
        drop(peers);
        let session = Session::new(Arc::clone(self), id, url, traffic);
        self.tasks.spawn(session::run(session, inbox, stop));
        Ok(id)
    }

    /// Drops a peer and ends its session; says whether it was there.
    pub fn remove(&self, id: PeerId) -> bool {
        let entry = self.lock().entries.remove(&id);
        if let Some(entry) = &entry {
            entry.stop.cancel();
        }
        entry.is_some()
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

    /// Returns how many peers answer.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.lock()
            .entries
            .values()
            .filter(|entry| entry.state.is_connected)
            .count()
    }

    /// Tells all peers of a block, but for the one that it came from.
    pub fn announce_block(&self, block: &BlockAnnouncement) {
        for entry in self.lock().entries.values() {
            // A full queue drops the news: the peer asks for headers by itself.
            let _ = entry.queue.try_send(Message::AnnounceBlock(block.clone()));
        }
    }

    /// Tells all peers of a transaction.
    pub fn announce_transaction(&self, wtxid: Wtxid) {
        for entry in self.lock().entries.values() {
            let _ = entry.queue.try_send(Message::AnnounceTransaction(wtxid));
        }
    }

    /// Notes what a peer announced; says whether the peer is known by this node id.
    pub fn heard(
        &self,
        node_id: NodeIdHex,
        blocks: &[BlockHash],
        transactions: Vec<Wtxid>,
    ) -> bool {
        let peers = self.lock();
        let is_sender = |entry: &&Entry| {
            let handshake = entry.state.handshake.as_ref();
            handshake.is_some_and(|it| it.node_id == node_id)
        };
        let Some(entry) = peers.entries.values().find(is_sender) else {
            return false;
        };
        for hash in blocks {
            let _ = entry.queue.try_send(Message::BlockThere(*hash));
        }
        if !transactions.is_empty() {
            let _ = entry
                .queue
                .try_send(Message::TransactionsThere(transactions));
        }
        true
    }

    pub(crate) fn update(&self, id: PeerId, change: impl FnOnce(&mut PeerState)) {
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            change(&mut entry.state);
        }
    }

    /// Adds points against a peer; drops it at the limit.
    pub(crate) fn blame(&self, id: PeerId, points: u32, why: &str) {
        let mut peers = self.lock();
        let Some(entry) = peers.entries.get_mut(&id) else {
            return;
        };
        entry.state.misbehavior = entry.state.misbehavior.saturating_add(points);
        entry.state.last_error = Some(why.to_owned());
        if entry.state.misbehavior < MISBEHAVIOR_LIMIT {
            return;
        }
        tracing::warn!(peer = %entry.state.url, why, "dropped a peer for misbehaviour");
        entry.stop.cancel();
        let url = entry.state.url.clone();
        peers.entries.remove(&id);
        peers.discouraged.push(url);
        if peers.discouraged.len() > MAX_DISCOURAGED {
            peers.discouraged.remove(0);
        }
    }

    /// Waits until all sessions have ended; the stop token has been cancelled.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
