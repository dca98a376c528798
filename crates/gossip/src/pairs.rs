//! Two conversations with one node: the one that it opened, and the one that this node opened.
//!
//! Without more, nobody knows that both are with the same node, and both would be told all news,
//! there and back. So who greets a peer shows it the marks of the sessions that it may have
//! here. The secret behind a mark is known to the two alone, so what a mark proves nobody
//! else can claim.

use std::collections::BTreeSet;

use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::MAX_MARKS;
use synod_primitives::sha256;

use crate::client::PeerClient;
use crate::outbox::Outbox;
use crate::peers::{Entry, PeerId, Peers};
use crate::port::NodePort;
use crate::table::PeerTable;
use crate::url::PeerUrl;

/// What stands before a secret when it is marked.
const TAG: &[u8] = b"synod-session";

/// Marks a session, so that who has it knows it again.
fn mark(session: NodeIdHex) -> HashHex {
    HashHex::from_bytes(sha256(&[TAG, &session.to_bytes()].concat()))
}

impl<S> Peers<S> {
    /// Pairs inbound conversations with outbound ones: who says that it listens where this node
    /// speaks to somebody, and shows the mark of this node's session there.
    ///
    /// Security: the mark alone does not do. Somebody who passes on between two nodes what they
    /// say to an address of its own could have both take it for the other.
    pub(crate) fn pair(&mut self) {
        let mut pairs = Vec::new();
        for outbound in self.entries.values().filter(|it| !it.state.is_inbound()) {
            let session = outbound.client.as_ref().and_then(PeerClient::session);
            let Some(mark) = session.map(mark) else {
                continue;
            };
            let is_marked = |it: &&Entry<S>| {
                let theirs = it.state.handshake.as_ref();
                it.state.is_inbound()
                    && theirs.is_some_and(|it| it.marks.contains(&mark))
                    && it.state.announced() == outbound.state.url
            };
            let inbound = self.entries.values().find(is_marked);
            pairs.extend(inbound.map(|it| (it.state.id, outbound.state.id)));
        }
        for entry in self.entries.values_mut() {
            entry.twin = None;
        }
        for (one, other) in pairs {
            for (id, twin) in [(one, other), (other, one)] {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.twin = Some(twin);
                }
            }
        }
    }

    /// Returns the peers that are told news: each node once, as far as it is known to be one.
    ///
    /// Security: whoever says that it listens where this node speaks to somebody silences itself
    /// alone; nobody can silence another by taking its name.
    pub(crate) fn told(&self) -> Vec<PeerId> {
        let spoken_to = |it: &&Entry<S>| !it.state.is_inbound() && it.state.is_connected;
        let outbound: Vec<&Entry<S>> = self.entries.values().filter(spoken_to).collect();
        let urls: BTreeSet<&PeerUrl> = outbound
            .iter()
            .filter_map(|it| it.state.url.as_ref())
            .collect();
        let is_told_elsewhere = |it: &Entry<S>| {
            let announced = it.state.announced();
            announced.is_some_and(|url| urls.contains(&url))
        };
        let inbound = self.entries.values().filter(|it| it.state.is_inbound());
        let alone = inbound.filter(|it| it.has_stream && !is_told_elsewhere(it));
        let told = outbound.iter().copied().chain(alone);
        told.map(|it| it.state.id).collect()
    }
}

impl<N: NodePort> PeerTable<N> {
    /// Returns the marks of the sessions that the peer at `url` may have with this node, the
    /// newest first: those of inbound peers that say that they listen there.
    pub(crate) fn marks_of(&self, url: &PeerUrl) -> Vec<HashHex> {
        let peers = self.lock();
        let inbound = peers.entries.values().rev();
        let there = inbound.filter(|it| it.state.announced().as_ref() == Some(url));
        let sessions = there.filter_map(|it| it.session);
        sessions.take(MAX_MARKS).map(mark).collect()
    }

    /// Notes what a peer has, in every conversation with it.
    pub(crate) fn note(&self, peer: PeerId, note: impl Fn(&mut Outbox)) {
        let mut peers = self.lock();
        let twin = peers.entries.get(&peer).and_then(|it| it.twin);
        for id in [Some(peer), twin].into_iter().flatten() {
            if let Some(entry) = peers.entries.get_mut(&id) {
                note(&mut entry.outbox);
            }
        }
    }
}
