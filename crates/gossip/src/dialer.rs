//! Looking for peers: sessions with addresses of the book, and what peers tell of addresses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::addresses::{MAX_ANCHORS, MAX_TOLD, SavedBook};
use crate::netgroup::NetGroup;
use crate::pace::Pace;
use crate::peers::{AddPeerError, Origin};
use crate::port::NodePort;
use crate::table::{MAX_AUTOMATIC, PeerTable};
use crate::url::PeerUrl;

/// How often the book is looked at when nothing happens.
const LOOK: Duration = Duration::from_secs(5);
/// How often an address is asked only to learn whether it is there, in milliseconds (Core:
/// `FEELER_INTERVAL`).
pub(crate) const FEELER_INTERVAL_MS: u64 = 120_000;
/// The addresses of the book that are asked at once.
const DIAL_BURST: u32 = 8;
/// The milliseconds in which one more is (Core: `ThreadOpenConnections` sleeps half a second).
///
/// Security: who has ports without end, and misbehaves at each, would keep a node busy with
/// greeting one after the other (P10).
const DIAL_INTERVAL_MS: u64 = 500;
/// Multiplies a counter into numbers that look random (Steele, Lea and Flood, "Fast
/// Splittable Pseudorandom Number Generators", 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl<N: NodePort> PeerTable<N> {
    /// Keeps up sessions with a few addresses of different networks until the table stops.
    pub(crate) async fn look_for_peers(self: Arc<Self>) {
        let mut turn = self.salt;
        let mut next_feeler = FEELER_INTERVAL_MS;
        let mut pace = Pace::new(DIAL_INTERVAL_MS, DIAL_BURST);
        loop {
            turn = turn.wrapping_add(GOLDEN);
            let mut random = (turn ^ (turn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            random ^= random >> 27;
            let now_ms = self.now_ms();
            let mut was_dialed = pace.wait_ms(now_ms) == 0 && self.dial_one(random);
            if was_dialed {
                pace.take(now_ms);
            }
            if now_ms >= next_feeler {
                next_feeler = now_ms + FEELER_INTERVAL_MS;
                was_dialed |= self.feel(random);
            }
            if was_dialed {
                continue;
            }
            let look = match pace.wait_ms(now_ms) {
                0 => LOOK,
                wait_ms => Duration::from_millis(wait_ms),
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                // Whether it was woken or the time was up, it looks again.
                _ = timeout(look, self.to_dial.notified()) => {}
            }
        }
    }

    /// Starts a session with one address of a network that no session speaks to yet.
    fn dial_one(self: &Arc<Self>, random: u64) -> bool {
        let groups = {
            let peers = self.lock();
            if peers.count(Origin::Automatic) >= MAX_AUTOMATIC {
                return false;
            }
            let urls = peers
                .entries
                .values()
                .filter_map(|it| it.state.url.as_ref());
            urls.filter_map(PeerUrl::address)
                .map(NetGroup::of)
                .collect::<BTreeSet<_>>()
        };
        let now = (self.clock)();
        let Some(url) = self.book().choose(&groups, false, now, random) else {
            return false;
        };
        self.start_session(&url, Origin::Automatic)
    }

    fn feel(self: &Arc<Self>, random: u64) -> bool {
        let now = (self.clock)();
        let none = BTreeSet::new();
        let Some(url) = self.book().choose(&none, true, now, random) else {
            return false;
        };
        self.start_session(&url, Origin::Feeler)
    }

    fn start_session(self: &Arc<Self>, url: &PeerUrl, origin: Origin) -> bool {
        let is_own = self.identity.listen_url.as_deref() == Some(url.as_str());
        if is_own {
            self.book().forget(url);
            return true;
        }
        match self.dial(url.clone(), origin) {
            Ok(_) => true,
            Err(AddPeerError::Discouraged) => {
                // It would be chosen again and again.
                self.book().forget(url);
                true
            }
            Err(error) => {
                tracing::debug!(%url, %error, "an address is not asked");
                false
            }
        }
    }

    /// Returns the addresses to tell a peer: this node's own.
    #[must_use]
    pub fn addresses_to_tell(&self) -> Vec<String> {
        let own = self.identity.listen_url.clone();
        own.into_iter().collect()
    }

    /// Returns the addresses to answer a peer with that asks.
    #[must_use]
    pub fn addresses_to_answer(&self) -> Vec<String> {
        let known = self.book().to_tell(MAX_TOLD);
        known.iter().map(PeerUrl::to_string).collect()
    }

    /// Notes addresses that a peer, asked for them, told.
    pub(crate) fn note_addresses(&self, from: &PeerUrl, told: &[String]) {
        let Some(address) = from.address() else {
            return;
        };
        let now_ms = self.now_ms();
        self.book().allow(address, now_ms);
        self.hear_addresses(address, told);
    }

    /// Notes addresses that a peer at `address` tells; past its rate they are dropped.
    pub fn hear_addresses(&self, address: std::net::IpAddr, told: &[String]) {
        let policy = self.policy_for(address);
        let (now, now_ms) = ((self.clock)(), self.now_ms());
        let mut is_news = false;
        for url in told.iter().take(MAX_TOLD) {
            if let Ok(url) = PeerUrl::parse(url, policy)
                && !self.is_unwanted(&url)
            {
                is_news |= self.book().add(&url, Some(address), now, now_ms);
            }
        }
        if is_news {
            self.to_dial.notify_one();
        }
    }

    /// Returns the address book to be saved; the peers that were spoken to longest are the
    /// anchors of the next start.
    #[must_use]
    pub fn saved_book(&self) -> SavedBook {
        let anchors: Vec<PeerUrl> = self
            .list()
            .into_iter()
            .filter(|it| it.origin == Origin::Automatic && it.is_connected)
            .filter_map(|it| it.url)
            .take(MAX_ANCHORS)
            .collect();
        let mut book = self.book().clone();
        if !anchors.is_empty() {
            book.set_anchors(anchors);
        }
        book.save()
    }
}
