//! The addresses of possible peers.
//!
//! Invariant: whatever one network announces fills a small, fixed part of the book. As in
//! Core (`CAddrMan`), an address lies in one of 1,024 buckets of 64 that depends, by a secret
//! key, on its own network group and on that of whoever told it; one that has answered moves
//! to one of 256 such buckets. When a place is taken, the one that lies there stays unless it
//! has failed.
//!
//! Security: an attacker with one /16 reaches at most 64 of the new buckets and 8 of the
//! others, however many addresses it announces (Heilman et al., "Eclipse Attacks on Bitcoin's
//! Peer-to-Peer Network", 2015).

mod saved;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::netgroup::NetGroup;
use crate::url::PeerUrl;

pub use saved::{SavedAddress, SavedBook};

/// Buckets of addresses that were only told (Core: `ADDRMAN_NEW_BUCKET_COUNT`).
pub const NEW_BUCKETS: u64 = 1024;
/// Buckets of addresses that have answered (Core: `ADDRMAN_TRIED_BUCKET_COUNT`).
pub const TRIED_BUCKETS: u64 = 256;
/// Places of a bucket (Core: `ADDRMAN_BUCKET_SIZE`).
pub const BUCKET_SIZE: u64 = 64;
/// New buckets that one source group reaches (Core: `ADDRMAN_NEW_BUCKETS_PER_SOURCE_GROUP`).
pub const NEW_BUCKETS_PER_SOURCE: u64 = 64;
/// Tried buckets that one group of addresses reaches (Core:
/// `ADDRMAN_TRIED_BUCKETS_PER_GROUP`).
pub const TRIED_BUCKETS_PER_GROUP: u64 = 8;
/// Failures after which an address makes way for another one.
pub const MAX_FAILURES: u32 = 3;
/// Addresses a source may tell at once after it was greeted; one more each ten seconds (Core:
/// `MAX_ADDR_RATE_PER_SECOND`, 0.1).
pub const SOURCE_BURST: u64 = 10;
/// The milliseconds in which a source earns one further address.
pub const SOURCE_EARNS_MS: u64 = 10_000;
/// The most sources whose rate is remembered; the longest silent is forgotten.
pub const MAX_SOURCES: usize = 1_000;
/// The most addresses told or listened to at once (Core: `MAX_ADDR_TO_SEND`).
pub const MAX_TOLD: usize = 1_000;
/// Peers of the last run that are asked first (Core: `MAX_BLOCK_RELAY_ONLY_ANCHORS`).
pub const MAX_ANCHORS: usize = 2;
/// The shortest time between two attempts at one address, in seconds.
pub const RETRY_AFTER_S: u64 = 60;

/// The number of an address; never reused (CVE-2024-52919: 32 bits wrapped).
pub type AddressId = u64;

#[derive(Clone, Debug)]
struct Entry {
    url: PeerUrl,
    group: NetGroup,
    source: NetGroup,
    added: u64,
    last_attempt: Option<u64>,
    last_success: Option<u64>,
    failures: u32,
    is_tried: bool,
}

impl Entry {
    fn is_terrible(&self) -> bool {
        self.failures >= MAX_FAILURES
    }
}

/// The address book.
#[derive(Clone, Debug)]
pub struct AddressBook {
    key: (u64, u64),
    entries: BTreeMap<AddressId, Entry>,
    by_url: BTreeMap<PeerUrl, AddressId>,
    new: BTreeMap<(u64, u64), AddressId>,
    tried: BTreeMap<(u64, u64), AddressId>,
    next_id: AddressId,
    rates: BTreeMap<NetGroup, Rate>,
    anchors: Vec<PeerUrl>,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    left: u64,
    at_ms: u64,
}

impl AddressBook {
    /// Starts empty, with a secret key.
    #[must_use]
    pub fn new(key: (u64, u64)) -> Self {
        Self {
            key,
            entries: BTreeMap::new(),
            by_url: BTreeMap::new(),
            new: BTreeMap::new(),
            tried: BTreeMap::new(),
            next_id: 0,
            rates: BTreeMap::new(),
            anchors: Vec::new(),
        }
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        hasher.finish()
    }

    fn new_place(&self, url: &PeerUrl, group: NetGroup, source: NetGroup) -> (u64, u64) {
        let (group, source) = (group.to_bytes(), source.to_bytes());
        let inner = self.hash(&[b"new", &group, &source]) % NEW_BUCKETS_PER_SOURCE;
        let bucket = self.hash(&[b"new", &source, &inner.to_le_bytes()]) % NEW_BUCKETS;
        (bucket, self.position(b"new", bucket, url))
    }

    fn tried_place(&self, url: &PeerUrl, group: NetGroup) -> (u64, u64) {
        let inner = self.hash(&[b"tried", url.as_str().as_bytes()]) % TRIED_BUCKETS_PER_GROUP;
        let group = group.to_bytes();
        let bucket = self.hash(&[b"tried", &group, &inner.to_le_bytes()]) % TRIED_BUCKETS;
        (bucket, self.position(b"tried", bucket, url))
    }

    fn position(&self, table: &[u8], bucket: u64, url: &PeerUrl) -> u64 {
        self.hash(&[table, &bucket.to_le_bytes(), url.as_str().as_bytes()]) % BUCKET_SIZE
    }

    /// Adds an address that `source` told, or the operator; says whether it is new and found a
    /// place. `now` is in seconds since 1970, `now_ms` of any clock that never goes back.
    pub fn add(&mut self, url: &PeerUrl, source: Option<IpAddr>, now: u64, now_ms: u64) -> bool {
        let Some(group) = url.address().map(NetGroup::of) else {
            return false;
        };
        let source = source.map_or(group, NetGroup::of);
        if self.by_url.contains_key(url) || !self.may_tell(source, now_ms) {
            return false;
        }
        self.place(Entry {
            url: url.clone(),
            group,
            source,
            added: now,
            last_attempt: None,
            last_success: None,
            failures: 0,
            is_tried: false,
        })
    }

    fn place(&mut self, entry: Entry) -> bool {
        let place = if entry.is_tried {
            self.tried_place(&entry.url, entry.group)
        } else {
            self.new_place(&entry.url, entry.group, entry.source)
        };
        let table = if entry.is_tried {
            &self.tried
        } else {
            &self.new
        };
        if let Some(there) = table.get(&place).copied() {
            let is_terrible = self.entries.get(&there).is_none_or(Entry::is_terrible);
            if !is_terrible {
                return false;
            }
            self.remove(there);
        }
        let id = self.next_id;
        self.next_id += 1;
        let table = if entry.is_tried {
            &mut self.tried
        } else {
            &mut self.new
        };
        table.insert(place, id);
        self.by_url.insert(entry.url.clone(), id);
        self.entries.insert(id, entry);
        true
    }

    fn remove(&mut self, id: AddressId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.by_url.remove(&entry.url);
        }
        self.new.retain(|_, it| *it != id);
        self.tried.retain(|_, it| *it != id);
    }

    /// Security: one source earns one address each ten seconds.
    fn may_tell(&mut self, source: NetGroup, now_ms: u64) -> bool {
        if !self.rates.contains_key(&source) && self.rates.len() >= MAX_SOURCES {
            let oldest = self.rates.iter().min_by_key(|(_, rate)| rate.at_ms);
            if let Some(oldest) = oldest.map(|(group, _)| *group) {
                self.rates.remove(&oldest);
            }
        }
        let rate = self.rates.entry(source).or_insert(Rate {
            left: SOURCE_BURST,
            at_ms: now_ms,
        });
        let earned = now_ms.saturating_sub(rate.at_ms) / SOURCE_EARNS_MS;
        rate.left = (rate.left + earned).min(SOURCE_BURST);
        rate.at_ms += earned * SOURCE_EARNS_MS;
        let may = rate.left > 0;
        rate.left -= u64::from(may);
        may
    }

    /// Lets a source tell as much as an answer holds: this node asked for it.
    pub fn allow(&mut self, source: IpAddr, now_ms: u64) {
        let rate = Rate {
            left: MAX_TOLD as u64,
            at_ms: now_ms,
        };
        self.rates.insert(NetGroup::of(source), rate);
    }

    /// Notes that an address answered: it moves to the buckets of those that have.
    pub fn succeeded(&mut self, url: &PeerUrl, now: u64) {
        let Some(id) = self.by_url.get(url).copied() else {
            return;
        };
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.last_success = Some(now);
        entry.failures = 0;
        if entry.is_tried {
            return;
        }
        let mut moved = entry.clone();
        moved.is_tried = true;
        let place = self.tried_place(&moved.url, moved.group);
        let is_taken = self
            .tried
            .get(&place)
            .and_then(|id| self.entries.get(id))
            .is_some_and(|it| !it.is_terrible());
        if !is_taken {
            self.remove(id);
            self.place(moved);
        }
    }

    /// Notes that an address did not answer, or not well.
    pub fn failed(&mut self, url: &PeerUrl) {
        if let Some(entry) = self.find_mut(url) {
            entry.failures = entry.failures.saturating_add(1);
        }
    }

    /// Removes an address.
    pub fn forget(&mut self, url: &PeerUrl) {
        if let Some(id) = self.by_url.get(url).copied() {
            self.remove(id);
        }
    }

    fn find_mut(&mut self, url: &PeerUrl) -> Option<&mut Entry> {
        let id = self.by_url.get(url)?;
        self.entries.get_mut(id)
    }

    /// Chooses an address to ask: an anchor first, else one out of either half of the book,
    /// of a group that is not in `groups` yet. `random` decides.
    pub fn choose(
        &mut self,
        groups: &BTreeSet<NetGroup>,
        only_new: bool,
        now: u64,
        random: u64,
    ) -> Option<PeerUrl> {
        if let (false, Some(anchor)) = (only_new, self.anchors.pop()) {
            return Some(anchor);
        }
        let is_open = |entry: &&Entry| {
            let is_rested = entry
                .last_attempt
                .is_none_or(|at| now.saturating_sub(at) >= RETRY_AFTER_S);
            // All nodes of one machine are of one group: loopback does not crowd itself.
            let is_local = entry.url.address().is_some_and(|it| it.is_loopback());
            is_rested && !entry.is_terrible() && (is_local || !groups.contains(&entry.group))
        };
        let open: Vec<&Entry> = self.entries.values().filter(is_open).collect();
        let tried: Vec<&&Entry> = open.iter().filter(|it| it.is_tried).collect();
        let new: Vec<&&Entry> = open.iter().filter(|it| !it.is_tried).collect();
        let use_tried = !only_new && !tried.is_empty() && (new.is_empty() || random & 1 == 0);
        let list = if use_tried { tried } else { new };
        let count = u64::try_from(list.len()).ok().filter(|it| *it > 0)?;
        let at = usize::try_from((random >> 1) % count).ok()?;
        let url = list.get(at)?.url.clone();
        if let Some(entry) = self.find_mut(&url) {
            entry.last_attempt = Some(now);
        }
        Some(url)
    }

    /// Returns addresses to tell a peer: those that answered, the latest first.
    #[must_use]
    pub fn to_tell(&self, limit: usize) -> Vec<PeerUrl> {
        let mut good: Vec<&Entry> = self
            .entries
            .values()
            .filter(|it| it.last_success.is_some() && !it.is_terrible())
            .collect();
        good.sort_by_key(|it| std::cmp::Reverse(it.last_success));
        good.iter()
            .take(limit.min(MAX_TOLD))
            .map(|it| it.url.clone())
            .collect()
    }

    /// Remembers the peers to ask first after a start.
    pub fn set_anchors(&mut self, anchors: Vec<PeerUrl>) {
        self.anchors = anchors;
        self.anchors.truncate(MAX_ANCHORS);
    }

    /// Returns how many addresses there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
