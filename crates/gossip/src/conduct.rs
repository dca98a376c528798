//! What speaks for a peer and against it.

use crate::netgroup::Subscriber;
use crate::peers::PeerId;
use crate::port::NodePort;
use crate::table::{MISBEHAVIOR_LIMIT, PeerTable};
use crate::url::PeerUrl;

impl<N: NodePort> PeerTable<N> {
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
        peers.drop_entry(id);
        if let Some(url) = &url {
            peers.discouraged_urls.insert(url.clone());
        }
        // Loopback is shared by all nodes of this machine: no neighbour suffers for another.
        if let Some(address) = address.filter(|it| !it.to_canonical().is_loopback()) {
            peers.discouraged.insert(Subscriber::of(address));
        }
        drop(peers);
        self.forget(id);
        let url = url.as_ref();
        if let Some(url) = url {
            // Where it listens would be chosen in vain, and takes the place of another.
            self.book().forget(url);
        }
        if self.may_log() {
            let url = url.map(PeerUrl::as_str);
            tracing::warn!(peer = id, url, why, "dropped a peer for misbehaviour");
        }
    }
}
