//! How much one address holds at once, so that none takes all places (attack P11).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what each address holds; as many entries as there are places in all, at the most.
#[derive(Debug)]
pub(crate) struct PerAddress {
    limit: usize,
    counts_loopback: bool,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One place of an address, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<(Arc<PerAddress>, IpAddr)>);

impl PerAddress {
    /// Loopback, where proxies and the other services of this machine come from, counts only
    /// where it is asked for.
    pub(crate) fn new(limit: usize, counts_loopback: bool) -> Arc<Self> {
        Arc::new(Self {
            limit,
            counts_loopback,
            held: Mutex::default(),
        })
    }

    /// Takes a place for an address; `None` when it has as many as it may.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = subscriber(address);
        if address.is_loopback() && !self.counts_loopback {
            return Some(Place(None));
        }
        let mut held = self.held();
        let count = held.entry(address).or_insert(0);
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(self), address))))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((counts, address)) = self.0.take() else {
            return;
        };
        let mut held = counts.held();
        if let Some(count) = held.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&address);
            }
        }
    }
}

/// Returns what stands for a subscriber: an IPv4 address, or a /64 of IPv6, of which each has as
/// many addresses as it likes.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) if !it.is_loopback() => {
            let [a, b, c, d, ..] = it.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn p11_an_address_has_its_places_and_no_more_until_it_gives_one_back() {
        let places = PerAddress::new(2, false);
        let first = places.take(ip("192.0.2.1")).expect("free");
        let _second = places.take(ip("::ffff:192.0.2.1")).expect("free");
        assert!(places.take(ip("192.0.2.1")).is_none());
        assert!(places.take(ip("192.0.2.2")).is_some(), "others have theirs");
        drop(first);
        assert!(places.take(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn p11_all_addresses_of_an_ipv6_subscriber_are_one() {
        let places = PerAddress::new(1, false);
        let held = places.take(ip("2001:db8:0:1::1")).expect("free");
        assert!(places.take(ip("2001:db8:0:1:ffff::2")).is_none());
        assert!(places.take(ip("2001:db8:0:2::1")).is_some());
        drop(held);
        assert!(places.held().is_empty(), "nobody is remembered");
    }

    #[test]
    fn loopback_counts_only_where_it_is_asked_for() {
        for (counts, second) in [(false, true), (true, false)] {
            let places = PerAddress::new(1, counts);
            for address in ["127.0.0.1", "::1"] {
                let _first = places.take(ip(address)).expect("free");
                assert_eq!(places.take(ip(address)).is_some(), second, "{address}");
            }
        }
    }
}
