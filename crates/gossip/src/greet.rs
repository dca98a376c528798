//! Peers that come by themselves: their greeting, and how they are told from one another.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use synod_api::hex::NodeIdHex;
use synod_api::p2p::{Handshake, MAX_AGENT, MAX_MARKS};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clocks::{CLOCK_WARNING_S, offset};
use crate::member::{MemberError, MemberId, Signed};
use crate::netgroup::Subscriber;
use crate::outbox::Outbox;
use crate::peers::{Entry, NewPeer, Origin, PeerId};
use crate::port::NodePort;
use crate::table::{MAX_INBOUND_PER_SUBSCRIBER, PeerTable};
use crate::traffic::Traffic;
use crate::url::{PeerUrl, UrlPolicy};

/// Why a greeting is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GreetError {
    /// The peer is on another chain.
    #[error("this node is on another chain")]
    OtherChain,
    /// The peer speaks another version.
    #[error("this node speaks another version of the protocol")]
    OtherVersion,
    /// A text is too long.
    #[error("the agent's name or the list of marks is too long")]
    TooLong,
    /// The peer is this node itself.
    #[error("this is the node itself")]
    Itself,
    /// The peer's address misbehaved lately, or there is no room.
    #[error("there is no room for further peers")]
    NoRoom,
}

/// A peer that was greeted.
#[derive(Clone, Debug)]
pub struct Greeted {
    /// Its number.
    pub id: PeerId,
    /// The secret by which it names itself from now on.
    pub session: NodeIdHex,
}

/// What a stream of announcements needs.
pub struct Listener {
    /// The peer.
    pub id: PeerId,
    /// Wakes the stream.
    pub wake: Arc<Notify>,
    /// Ends it.
    pub stop: CancellationToken,
    /// Counts its bytes.
    pub traffic: Arc<Traffic>,
}

impl<N: NodePort> PeerTable<N> {
    /// Greets a peer that came from `address`; `known` is the secret that it has from before,
    /// `fresh` a random one that it gets otherwise.
    ///
    /// # Errors
    /// The peer is of no use, or there is no room for it.
    pub fn greet(
        self: &Arc<Self>,
        address: IpAddr,
        theirs: Handshake,
        known: Option<NodeIdHex>,
        fresh: NodeIdHex,
    ) -> Result<Greeted, GreetError> {
        if theirs.chain_id != self.identity.chain_id {
            return Err(GreetError::OtherChain);
        }
        if theirs.protocol_version != synod_api::p2p::PROTOCOL_VERSION {
            return Err(GreetError::OtherVersion);
        }
        if theirs.agent.len() > MAX_AGENT || theirs.marks.len() > MAX_MARKS {
            return Err(GreetError::TooLong);
        }
        if theirs.node_id == self.identity.node_id {
            return Err(GreetError::Itself);
        }
        let listens_at = theirs.listen_url.clone();
        let greeted = self.seat(address, theirs, known, fresh)?;
        self.lock().pair();
        self.note_listener(address, listens_at.as_deref());
        Ok(greeted)
    }

    fn seat(
        &self,
        address: IpAddr,
        theirs: Handshake,
        known: Option<NodeIdHex>,
        fresh: NodeIdHex,
    ) -> Result<Greeted, GreetError> {
        let now_ms = self.now_ms();
        let mut peers = self.lock();
        let mut gone = peers.drop_silent(now_ms);
        let seat = known.and_then(|session| {
            let entry = peers.by_session(session)?;
            Some((entry.state.id, session))
        });
        let (id, session) = match seat {
            Some(seat) => seat,
            None => {
                if peers.discouraged.contains(&Subscriber::of(address)) {
                    return Err(GreetError::NoRoom);
                }
                let subscriber = Subscriber::of(address);
                let is_neighbour = |it: &&Entry<N::HeaderSync>| {
                    it.state
                        .address
                        .is_some_and(|it| Subscriber::of(it) == subscriber)
                };
                let neighbours = peers.entries.values().filter(is_neighbour).count();
                let is_local = address.to_canonical().is_loopback();
                if neighbours >= MAX_INBOUND_PER_SUBSCRIBER && !is_local {
                    return Err(GreetError::NoRoom);
                }
                gone.extend(peers.make_room(self.salt).map_err(|_| GreetError::NoRoom)?);
                let new = NewPeer {
                    url: None,
                    address: Some(address),
                    origin: Origin::Inbound,
                    session: Some(fresh),
                };
                (peers.insert(new, now_ms, self.stop.child_token()), fresh)
            }
        };
        if let Some(entry) = peers.entries.get_mut(&id) {
            entry.state.is_connected = true;
            entry.state.handshake = Some(theirs);
        }
        drop(peers);
        for id in gone {
            self.forget(id);
        }
        self.note_heard(id);
        self.note_clock(id);
        Ok(Greeted { id, session })
    }

    /// Security: only a URL that the policy for announced ones allows is ever asked; a peer on
    /// loopback may announce loopback.
    fn note_listener(self: &Arc<Self>, address: IpAddr, url: Option<&str>) {
        let policy = self.policy_for(address);
        let Some(Ok(url)) = url.map(|it| PeerUrl::parse(it, policy)) else {
            return;
        };
        if self.is_unwanted(&url) {
            return;
        }
        let now = (self.clock)();
        if self.book().add(&url, Some(address), now, self.now_ms()) {
            self.to_dial.notify_one();
        }
    }

    /// Returns which addresses a peer may announce that is at `address` itself.
    #[must_use]
    pub fn policy_for(&self, address: IpAddr) -> UrlPolicy {
        if address.to_canonical().is_loopback() {
            UrlPolicy::AnnouncedFromLoopback
        } else {
            self.announced_policy
        }
    }

    /// Notes what a peer's clock shows; the clock itself is never followed (P20).
    pub(crate) fn note_clock(&self, id: PeerId) {
        let now = (self.clock)();
        let mut off = None;
        self.update(id, |state| {
            let theirs = state.handshake.as_ref().map(|it| it.time);
            off = theirs.map(|it| offset(it, now));
            state.clock_offset_s = off;
        });
        if let Some(off_s) = off.filter(|it| it.unsigned_abs() > CLOCK_WARNING_S) {
            tracing::debug!(peer = id, off_s, "a peer's clock is far off this one's");
        }
        let is_off = self.is_clock_off();
        let was_off = self.was_clock_off.swap(is_off, Ordering::Relaxed);
        if was_off != is_off && self.may_log() {
            if is_off {
                tracing::warn!("this computer's clock is far off those of its peers: check it");
            } else {
                tracing::info!("this computer's clock agrees with those of its peers");
            }
        }
    }

    /// Notes which member a peer that was greeted is.
    pub fn note_member(&self, id: PeerId, member: MemberId) {
        self.update(id, |state| state.member = Some(member));
    }

    /// Holds a signed request against the conversation that it belongs to; `is_telling` says
    /// that it changes something, and then it comes after all that were told before.
    ///
    /// # Errors
    /// The session is another member's, or a later request was taken.
    pub fn follow_member(
        &self,
        session: NodeIdHex,
        signed: &Signed,
        is_telling: bool,
    ) -> Result<(), MemberError> {
        let mut peers = self.lock();
        // A session that is not known is refused where it is needed.
        let Some(entry) = peers.by_session(session) else {
            return Ok(());
        };
        if entry.state.member != Some(signed.from) {
            return Err(MemberError::OtherSession);
        }
        if is_telling {
            if signed.sequence <= entry.told {
                return Err(MemberError::Reordered);
            }
            entry.told = signed.sequence;
        }
        Ok(())
    }

    /// Finds the peer that a secret names and notes that it was heard.
    pub fn find_session(&self, session: NodeIdHex) -> Option<PeerId> {
        let id = self.lock().by_session(session).map(|it| it.state.id)?;
        self.note_heard(id);
        Some(id)
    }

    /// Counts the bytes of a request of an inbound peer and its answer.
    pub fn count(&self, id: PeerId, received: usize, sent: usize) {
        if let Some(entry) = self.lock().entries.get(&id) {
            entry.state.traffic.receive(received);
            entry.state.traffic.send(sent);
        }
    }

    /// Opens the stream of announcements of an inbound peer; `None` when it has one.
    pub fn open_stream(&self, id: PeerId) -> Option<Listener> {
        let mut peers = self.lock();
        let entry = peers.entries.get_mut(&id)?;
        if entry.has_stream {
            return None;
        }
        entry.has_stream = true;
        Some(Listener {
            id,
            wake: Arc::clone(&entry.wake),
            stop: entry.stop.clone(),
            traffic: Arc::clone(&entry.state.traffic),
        })
    }

    /// Notes that the stream ended.
    pub fn close_stream(&self, id: PeerId) {
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            entry.has_stream = false;
            entry.outbox = Outbox::default();
        }
    }
}
