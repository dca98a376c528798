//! The peers of a node as such: who they are, what is known of them, and who makes room.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::Handshake;
use synod_primitives::BlockHash;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::client::PeerClient;
use crate::discouraged::Discouraged;
use crate::eviction::{self, Candidate};
use crate::member::MemberId;
use crate::netgroup::{NetGroup, Subscriber};
use crate::outbox::Outbox;
use crate::traffic::Traffic;
use crate::url::{PeerUrl, UrlPolicy};

/// The most peers at once (Core: 125 connections).
pub const MAX_PEERS: usize = 125;
/// The most peers that came by themselves; the rest is kept for those that this node chose.
pub const MAX_INBOUND: usize = 114;
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
    pub(crate) since_ms: u64,
    pub(crate) heard_ms: u64,
    pub(crate) last_block_ms: Option<u64>,
    pub(crate) last_transaction_ms: Option<u64>,
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
    pub(crate) client: Option<PeerClient>,
    /// The other conversation with the same node, where that is proved.
    pub(crate) twin: Option<PeerId>,
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
            twin: None,
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
