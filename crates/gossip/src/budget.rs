//! How much is sent to whom.

use std::collections::BTreeMap;

use crate::netgroup::Subscriber;

/// The seconds of its rate that a subscriber may take at once.
pub const BURST_S: u64 = 8;
/// The most subscribers that are remembered; the one that was sent least lately is forgotten.
pub const MAX_SUBSCRIBERS: usize = 4_096;

/// What each subscriber may still be sent. Times are milliseconds.
///
/// Security: a request of a hundred bytes makes an answer of megabytes (P26). The answer that
/// passes the limit is still sent whole; the next one waits until it is earned.
#[derive(Debug)]
pub struct UploadBudgets {
    bytes_per_s: u64,
    spent: BTreeMap<Subscriber, Spent>,
}

#[derive(Clone, Copy, Debug)]
struct Spent {
    bytes: u64,
    at_ms: u64,
}

impl UploadBudgets {
    /// Allows each subscriber so many bytes a second.
    #[must_use]
    pub fn new(bytes_per_s: u64) -> Self {
        Self {
            bytes_per_s: bytes_per_s.max(1),
            spent: BTreeMap::new(),
        }
    }

    fn settle(&mut self, who: Subscriber, now_ms: u64) -> u64 {
        let Some(spent) = self.spent.get_mut(&who) else {
            return 0;
        };
        let seconds = now_ms.saturating_sub(spent.at_ms);
        let earned = self.bytes_per_s.saturating_mul(seconds) / 1000;
        if earned > 0 {
            spent.bytes = spent.bytes.saturating_sub(earned);
            spent.at_ms = now_ms;
        }
        let bytes = spent.bytes;
        if bytes == 0 {
            self.spent.remove(&who);
        }
        bytes
    }

    /// Says whether the subscriber may be sent something.
    pub fn may_send(&mut self, who: Subscriber, now_ms: u64) -> bool {
        self.settle(who, now_ms) < self.bytes_per_s.saturating_mul(BURST_S)
    }

    /// Notes bytes that were sent.
    pub fn spend(&mut self, who: Subscriber, bytes: usize, now_ms: u64) {
        self.settle(who, now_ms);
        if !self.spent.contains_key(&who) && self.spent.len() >= MAX_SUBSCRIBERS {
            let least = self.spent.iter().min_by_key(|(_, it)| (it.at_ms, it.bytes));
            if let Some(least) = least.map(|(who, _)| *who) {
                self.spent.remove(&least);
            }
        }
        let spent = self.spent.entry(who).or_insert(Spent {
            bytes: 0,
            at_ms: now_ms,
        });
        spent.bytes = spent.bytes.saturating_add(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn who(n: u32) -> Subscriber {
        Subscriber::of(IpAddr::V4(n.into()))
    }

    #[test]
    fn p26_a_thousand_blocks_a_second_end_with_the_budget() {
        let mut budgets = UploadBudgets::new(1_000_000);
        let mut sent = 0;
        for _ in 0..1000 {
            if budgets.may_send(who(1), 0) {
                budgets.spend(who(1), 4_000_000, 0);
                sent += 1;
            }
        }
        assert_eq!(sent, 2, "eight seconds' worth");
        assert!(budgets.may_send(who(2), 0), "others are not hindered");
        assert!(!budgets.may_send(who(1), 0));
        assert!(budgets.may_send(who(1), 1000), "what it has earned since");
        assert!(budgets.may_send(who(1), 20_000));
    }

    #[test]
    fn p26_subscribers_without_end_fill_no_memory() {
        let mut budgets = UploadBudgets::new(10);
        for n in 0..6_000 {
            budgets.spend(who(n), 1_000, u64::from(n) / 1000);
        }
        assert!(budgets.spent.len() <= MAX_SUBSCRIBERS);
        assert!(!budgets.may_send(who(5_999), 6));
    }
}
