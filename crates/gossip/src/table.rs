//! The peers of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::Handshake;
use synod_primitives::{BlockHash, Wtxid};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::addresses::AddressBook;
use crate::budget::UploadBudgets;
use crate::client::{PeerClient, Traffic};
use crate::discouraged::Discouraged;
use crate::download::Downloads;
use crate::eviction::{self, Candidate};
use crate::hear::Partials;
use crate::inventory::{RefusedTransactions, TransactionRequests};
use crate::member::{MemberId, Members};
use crate::netgroup::{NetGroup, Subscriber};
use crate::outbox::{NewBlock, Outbox};
use crate::port::NodePort;
use crate::session::{self, Session};
use crate::url::{PeerUrl, UrlPolicy};

/// The most peers at once (Core: 125 connections).
pub const MAX_PEERS: usize = 125;
/// The most peers that came by themselves; the rest is kept for those that this node chose.
pub const MAX_INBOUND: usize = 114;
/// How many peers of the address book a node speaks to (Core: `MAX_OUTBOUND_FULL_RELAY_CONNECTIONS`).
pub(crate) const MAX_AUTOMATIC: usize = 8;
/// The most peers that may come by themselves from one subscriber's addresses; loopback is
/// not counted.
pub(crate) const MAX_INBOUND_PER_SUBSCRIBER: usize = 8;
/// The misbehaviour at which a peer is dropped and discouraged.
pub(crate) const MISBEHAVIOR_LIMIT: u32 = 100;
/// How long a peer that came by itself may be silent, in milliseconds; sessions greet every
/// ten seconds.
pub(crate) const INBOUND_SILENCE_MS: u64 = 60_000;
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

/// How a peer came to be one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The operator named it: never dropped for others or for misbehaviour.
    Configured,
    /// Chosen from the address book.
    Automatic,
    /// Asked once whether it is there.
    Feeler,
    /// It came by itself.
    Inbound,
}

/// What is known of a peer.
#[derive(Clone, Debug)]
pub struct PeerState {
    /// Its number.
    pub id: PeerId,
    /// Where it is asked; `None` for one that came by itself.
    pub url: Option<PeerUrl>,
    /// Where it came from; `None` for one that this node speaks to by its URL.
    pub address: Option<IpAddr>,
    /// How it came to be a peer.
    pub origin: Origin,
    /// Whether the last exchange worked.
    pub is_connected: bool,
    /// Which member it is, in a permissioned network.
    pub member: Option<MemberId>,
    /// What it said of itself last.
    pub handshake: Option<Handshake>,
    /// When it last answered or asked, in seconds since 1970.
    pub last_seen: Option<u64>,
    /// How much its clock showed more than this node's at its last greeting, in seconds.
    pub clock_offset_s: Option<i64>,
    /// Whether it claims more work than the headers that it has to show.
    pub is_doubted: bool,
    /// How long its last handshake took, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Points against it; at 100 it is dropped.
    pub misbehavior: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Bytes of bodies exchanged with it.
    pub traffic: Arc<Traffic>,
    since_ms: u64,
    heard_ms: u64,
    last_block_ms: Option<u64>,
    last_transaction_ms: Option<u64>,
}

impl PeerState {
    /// Says whether the operator named the peer.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.origin == Origin::Configured
    }

    /// Returns where the peer says that it listens.
    #[must_use]
    pub fn announced(&self) -> Option<PeerUrl> {
        let url = self.handshake.as_ref()?.listen_url.as_deref()?;
        PeerUrl::parse(url, UrlPolicy::Operator).ok()
    }

    /// Says whether the peer came by itself.
    #[must_use]
    pub fn is_inbound(&self) -> bool {
        self.origin == Origin::Inbound
    }
}

pub(crate) struct Entry<S> {
    pub(crate) state: PeerState,
    /// What it is to be told.
    pub(crate) outbox: Outbox,
    /// Wakes whoever tells it.
    pub(crate) wake: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    /// The secret by which an inbound peer names itself.
    pub(crate) session: Option<NodeIdHex>,
    /// How far the headers that an inbound peer posts have been judged.
    pub(crate) headers: Option<S>,
    /// The best header that an inbound peer posted.
    pub(crate) posted: Option<BlockHash>,
    /// Whether it reads the stream of announcements.
    pub(crate) has_stream: bool,
    /// The number of the last thing that it told as a member, 0 before the first.
    pub(crate) told: u64,
    /// What speaks to it in the name of the session that this node has there.
    client: Option<PeerClient>,
}

/// Why a peer was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddPeerError {
    /// There are as many as there may be.
    #[error("there are {MAX_PEERS} peers already")]
    TooMany,
    /// It misbehaved, or the operator removed it.
    #[error("the peer was dropped before")]
    Discouraged,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

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
    /// Held while a block that was announced is handed to the node.
    pub(crate) submitting: tokio::sync::Mutex<()>,
    /// Wakes sessions that wait for a turn.
    pub(crate) downloads_changed: Notify,
    /// Wakes the task that hands blocks on to the node.
    pub(crate) to_feed: Notify,
    /// Wakes the task that looks for peers.
    pub(crate) to_dial: Notify,
}

pub(crate) struct Peers<S> {
    pub(crate) entries: BTreeMap<PeerId, Entry<S>>,
    pub(crate) discouraged_urls: Discouraged<PeerUrl>,
    pub(crate) discouraged: Discouraged<Subscriber>,
    /// Where peers listen that the operator removed.
    pub(crate) removed: Discouraged<PeerUrl>,
    next_id: PeerId,
}

impl<S> Default for Peers<S> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            discouraged_urls: Discouraged::default(),
            discouraged: Discouraged::default(),
            removed: Discouraged::default(),
            next_id: 0,
        }
    }
}

impl<S> Peers<S> {
    pub(crate) fn count(&self, origin: Origin) -> usize {
        self.entries
            .values()
            .filter(|it| it.state.origin == origin)
            .count()
    }

    pub(crate) fn by_session(&mut self, session: NodeIdHex) -> Option<&mut Entry<S>> {
        self.entries
            .values_mut()
            .find(|it| it.session == Some(session))
    }

    pub(crate) fn insert(&mut self, new: NewPeer, now_ms: u64, stop: CancellationToken) -> PeerId {
        let id = self.next_id;
        self.next_id += 1;
        let state = PeerState {
            id,
            url: new.url,
            address: new.address,
            origin: new.origin,
            is_connected: false,
            member: None,
            handshake: None,
            last_seen: None,
            clock_offset_s: None,
            is_doubted: false,
            latency_ms: None,
            misbehavior: 0,
            last_error: None,
            traffic: Arc::default(),
            since_ms: now_ms,
            heard_ms: now_ms,
            last_block_ms: None,
            last_transaction_ms: None,
        };
        let entry = Entry {
            state,
            outbox: Outbox::default(),
            wake: Arc::default(),
            stop,
            session: new.session,
            headers: None,
            posted: None,
            has_stream: false,
            told: 0,
            client: None,
        };
        self.entries.insert(id, entry);
        id
    }

    /// Drops inbound peers that were not heard for too long; returns their numbers.
    pub(crate) fn drop_silent(&mut self, now_ms: u64) -> Vec<PeerId> {
        let is_silent = |it: &PeerState| {
            it.is_inbound() && now_ms.saturating_sub(it.heard_ms) > INBOUND_SILENCE_MS
        };
        let silent: Vec<PeerId> = self
            .entries
            .values()
            .filter(|it| is_silent(&it.state))
            .map(|it| it.state.id)
            .collect();
        for id in &silent {
            self.drop_entry(*id);
        }
        silent
    }

    /// Makes room for an inbound peer; `Err` when all are protected.
    pub(crate) fn make_room(&mut self, salt: u64) -> Result<Option<PeerId>, AddPeerError> {
        let inbound = self.count(Origin::Inbound);
        if inbound < MAX_INBOUND && self.entries.len() < MAX_PEERS {
            return Ok(None);
        }
        let candidates = self
            .entries
            .values()
            .filter(|it| it.state.is_inbound())
            .filter_map(|it| {
                Some(Candidate {
                    id: it.state.id,
                    group: NetGroup::of(it.state.address?),
                    since: it.state.since_ms,
                    latency_ms: it.state.latency_ms,
                    last_transaction: it.state.last_transaction_ms,
                    last_block: it.state.last_block_ms,
                })
            });
        let victim = eviction::choose(candidates.collect(), salt).ok_or(AddPeerError::TooMany)?;
        self.drop_entry(victim);
        Ok(Some(victim))
    }

    pub(crate) fn drop_entry(&mut self, id: PeerId) -> bool {
        let entry = self.entries.remove(&id);
        if let Some(entry) = &entry {
            entry.stop.cancel();
            entry.wake.notify_one();
        }
        entry.is_some()
    }
}

pub(crate) struct NewPeer {
    pub(crate) url: Option<PeerUrl>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) origin: Origin,
    pub(crate) session: Option<NodeIdHex>,
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
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            entry.client = Some(client.clone());
        }
    }

    pub(crate) fn drop_client(&self, id: PeerId) {
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            entry.client = None;
        }
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
        for entry in peers.entries.values_mut() {
            // A node that both came and is spoken to is told twice: who is who is only claimed,
            // and nobody may silence another by taking its name.
            if entry.has_stream || (!entry.state.is_inbound() && entry.state.is_connected) {
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

    /// Notes that a peer sent a block or transactions that were new.
    pub(crate) fn praise(&self, id: PeerId, is_block: bool) {
        let now = self.now_ms();
        self.update(id, |state| {
            if is_block {
                state.last_block_ms = Some(now);
            } else {
                state.last_transaction_ms = Some(now);
            }
        });
    }

    pub(crate) fn note_heard(&self, id: PeerId) {
        let (now_ms, now) = (self.now_ms(), (self.clock)());
        self.update(id, |state| {
            state.heard_ms = now_ms;
            state.last_seen = Some(now);
        });
    }

    /// Adds points against a peer; drops it at the limit.
    ///
    /// Security: a peer that the operator named is kept: whoever can make it look bad must
    /// not be able to cut it off (P21).
    pub(crate) fn blame(&self, id: PeerId, points: u32, why: &str) {
        let mut peers = self.lock();
        let Some(entry) = peers.entries.get_mut(&id) else {
            return;
        };
        entry.state.misbehavior = entry.state.misbehavior.saturating_add(points);
        entry.state.last_error = Some(why.to_owned());
        if entry.state.misbehavior < MISBEHAVIOR_LIMIT || entry.state.is_configured() {
            return;
        }
        let (url, address) = (entry.state.url.clone(), entry.state.address);
        tracing::warn!(
            peer = id,
            url = url.as_ref().map(PeerUrl::as_str),
            why,
            "dropped a peer for misbehaviour"
        );
        peers.drop_entry(id);
        if let Some(url) = url {
            peers.discouraged_urls.insert(url);
        }
        // Loopback is shared by all nodes of this machine: no neighbour suffers for another.
        if let Some(address) = address.filter(|it| !it.to_canonical().is_loopback()) {
            peers.discouraged.insert(Subscriber::of(address));
        }
        drop(peers);
        self.forget(id);
    }

    /// Waits until all sessions have ended; the stop token has been cancelled.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
