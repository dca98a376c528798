//! Who misbehaved: not spoken to again by chance, and first to go.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// The most entries remembered; the oldest are forgotten (Core 28 keeps a rolling filter of
/// 50,000).
pub const MAX_DISCOURAGED: usize = 50_000;

/// A bounded set that forgets its oldest entries.
#[derive(Clone, Debug)]
pub struct Discouraged<T> {
    order: VecDeque<T>,
    set: HashSet<T>,
}

impl<T> Default for Discouraged<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            set: HashSet::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Discouraged<T> {
    /// Adds an entry.
    pub fn insert(&mut self, entry: T) {
        if self.set.insert(entry.clone()) {
            self.order.push_back(entry);
        }
        if self.order.len() > MAX_DISCOURAGED
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }

    /// Says whether the entry is there.
    #[must_use]
    pub fn contains(&self, entry: &T) -> bool {
        self.set.contains(entry)
    }

    /// Removes an entry.
    pub fn remove(&mut self, entry: &T) {
        if self.set.remove(entry) {
            self.order.retain(|it| it != entry);
        }
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;
    use crate::netgroup::Subscriber;

    #[test]
    fn p10_addresses_without_end_fill_no_memory() {
        let mut discouraged = Discouraged::default();
        let host = |network: u16, host: u16| {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, network, 0, 0, 0, 0, host))
        };
        for n in 0..10_000 {
            discouraged.insert(Subscriber::of(host(1, n)));
        }
        assert_eq!(discouraged.len(), 1, "one subscriber");
        for n in 0..60_000 {
            discouraged.insert(Subscriber::of(host(n, 1)));
        }
        assert_eq!(discouraged.len(), MAX_DISCOURAGED);
        assert!(discouraged.contains(&Subscriber::of(host(59_999, 7))));
        assert!(
            !discouraged.contains(&Subscriber::of(host(2, 1))),
            "the oldest"
        );
        discouraged.remove(&Subscriber::of(host(59_999, 1)));
        assert!(!discouraged.contains(&Subscriber::of(host(59_999, 1))));
    }
}
