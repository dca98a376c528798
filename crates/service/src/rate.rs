//! How often one address may ask (attack W06): a bucket of requests that fills with time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::per_address::subscriber;

/// The most addresses whose buckets are remembered. Past it those whose buckets are full again
/// are forgotten; if there are none, newcomers share one bucket.
pub const MAX_RATED_ADDRESSES: usize = 16_384;
/// What a request costs of what a bucket holds.
const REQUEST: u64 = 1_000;

/// How often one address may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run, at least 1.
    pub per_second: u32,
    /// Requests at once, at least 1.
    pub burst: u32,
}

/// The buckets of all addresses.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: Rate,
    counts_loopback: bool,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    of: HashMap<IpAddr, Bucket>,
    shared: Option<Bucket>,
}

/// Thousandths of requests that are left, at a moment.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u64,
    at: Instant,
}

impl RateLimit {
    pub(crate) fn new(rate: Rate, counts_loopback: bool) -> Self {
        Self {
            rate,
            counts_loopback,
            buckets: Mutex::default(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many; when the next one is not.
    pub(crate) fn count(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = subscriber(address);
        if address.is_loopback() && !self.counts_loopback {
            return Ok(());
        }
        let mut buckets = self.lock();
        if buckets.of.len() >= MAX_RATED_ADDRESSES && !buckets.of.contains_key(&address) {
            buckets
                .of
                .retain(|_, bucket| self.filled(*bucket, now).left < self.capacity());
        }
        let full = Bucket {
            left: self.capacity(),
            at: now,
        };
        let is_crowded = buckets.of.len() >= MAX_RATED_ADDRESSES;
        let bucket = if is_crowded && !buckets.of.contains_key(&address) {
            buckets.shared.get_or_insert(full)
        } else {
            buckets.of.entry(address).or_insert(full)
        };
        *bucket = self.filled(*bucket, now);
        match bucket.left.checked_sub(REQUEST) {
            Some(left) => {
                bucket.left = left;
                Ok(())
            }
            None => {
                let missing = REQUEST - bucket.left;
                let wait_ms = missing.div_ceil(u64::from(self.rate.per_second.max(1)));
                Err(Duration::from_millis(wait_ms))
            }
        }
    }

    fn capacity(&self) -> u64 {
        u64::from(self.rate.burst.max(1)) * REQUEST
    }

    /// What a bucket holds now: a thousandth of a request for each millisecond and each request a
    /// second. Times between two milliseconds stay for the next one.
    fn filled(&self, bucket: Bucket, now: Instant) -> Bucket {
        let elapsed = now.saturating_duration_since(bucket.at).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let earned = elapsed.saturating_mul(u64::from(self.rate.per_second.max(1)));
        let left = bucket.left.saturating_add(earned);
        if left >= self.capacity() {
            return Bucket {
                left: self.capacity(),
                at: now,
            };
        }
        Bucket {
            left,
            at: bucket.at + Duration::from_millis(elapsed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn limit(per_second: u32, burst: u32) -> RateLimit {
        RateLimit::new(Rate { per_second, burst }, false)
    }

    #[test]
    fn w06_a_burst_is_answered_and_one_past_it_is_not_until_it_is_earned() {
        let rate = limit(4, 3);
        let start = Instant::now();
        let one = ip("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(rate.count(one, start), Ok(()));
        }
        let wait = Duration::from_millis(250);
        assert_eq!(rate.count(one, start), Err(wait));
        assert_eq!(
            rate.count(ip("192.0.2.2"), start),
            Ok(()),
            "others have theirs"
        );
        let almost = start + wait - Duration::from_millis(1);
        assert_eq!(rate.count(one, almost), Err(Duration::from_millis(1)));
        assert_eq!(rate.count(one, start + wait), Ok(()));
        assert!(rate.count(one, start + wait).is_err());
        // A long silence earns a burst and no more.
        let later = start + Duration::from_secs(3_600);
        let answered = (0..10).filter(|_| rate.count(one, later).is_ok()).count();
        assert_eq!(answered, 3);
    }

    #[test]
    fn w06_time_between_two_milliseconds_is_not_lost() {
        let rate = limit(1, 1);
        let start = Instant::now();
        let one = ip("192.0.2.1");
        assert_eq!(rate.count(one, start), Ok(()));
        let step = Duration::from_micros(400);
        let answered = (1..=2_500).filter(|i| rate.count(one, start + step * *i).is_ok());
        assert_eq!(answered.count(), 1, "after one second");
    }

    #[test]
    fn w06_a_subscriber_of_ipv6_is_one_and_loopback_is_none() {
        let rate = limit(1, 1);
        let now = Instant::now();
        assert!(rate.count(ip("2001:db8:0:1::1"), now).is_ok());
        assert!(rate.count(ip("2001:db8:0:1:ffff::2"), now).is_err());
        assert!(rate.count(ip("2001:db8:0:2::1"), now).is_ok());
        assert!((0..5).all(|_| rate.count(ip("127.0.0.1"), now).is_ok()));
    }

    #[test]
    fn w06_many_addresses_do_not_fill_the_memory() {
        let rate = limit(1, 2);
        let now = Instant::now();
        let many = |number: u32| IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        let count = u32::try_from(MAX_RATED_ADDRESSES).expect("few");
        for number in 0..count {
            assert!(rate.count(many(number), now).is_ok());
        }
        // Newcomers share one bucket; who was there keeps its own.
        assert!(rate.count(many(count), now).is_ok());
        assert!(rate.count(many(count + 1), now).is_ok());
        assert!(rate.count(many(count + 2), now).is_err());
        assert!(rate.count(many(0), now).is_ok());
        assert_eq!(rate.lock().of.len(), MAX_RATED_ADDRESSES);
        // When the buckets are full again they are forgotten.
        let later = now + Duration::from_secs(10);
        assert!(rate.count(many(count + 2), later).is_ok());
        assert_eq!(rate.lock().of.len(), 1);
    }
}
