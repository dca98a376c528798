//! How often something may happen.

/// Lets something happen so often in the long run, and a number of times at once before that.
///
/// The time at which all that happened so far would have been due is kept, and nothing else
/// (ITU-T I.371, the generic cell rate algorithm). Times are milliseconds of any clock that
/// never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval_ms: u64,
    ahead_ms: u64,
    due_ms: u64,
}

impl Pace {
    /// Allows one each `interval_ms` milliseconds, and `burst` at once, which is at least one.
    #[must_use]
    pub fn new(interval_ms: u64, burst: u32) -> Self {
        let ahead = u64::from(burst.saturating_sub(1));
        Self {
            interval_ms,
            ahead_ms: interval_ms.saturating_mul(ahead),
            due_ms: 0,
        }
    }

    /// Returns for how many milliseconds the next one has to wait.
    #[must_use]
    pub fn wait_ms(&self, now_ms: u64) -> u64 {
        let allowed = now_ms.saturating_add(self.ahead_ms);
        self.due_ms.saturating_sub(allowed)
    }

    /// Notes that it happens now.
    pub fn take(&mut self, now_ms: u64) {
        self.due_ms = self.due_ms.max(now_ms).saturating_add(self.interval_ms);
    }

    /// Notes that it happens now, if it may.
    pub fn try_take(&mut self, now_ms: u64) -> bool {
        let may = self.wait_ms(now_ms) == 0;
        if may {
            self.take(now_ms);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_an_interval() {
        let mut pace = Pace::new(500, 3);
        let now = 10_000;
        assert_eq!(
            [(); 4].map(|()| pace.try_take(now)),
            [true, true, true, false]
        );
        assert_eq!(pace.wait_ms(now), 500);
        assert!(!pace.try_take(now + 499));
        assert!(pace.try_take(now + 500));
        assert!(!pace.try_take(now + 999), "it was taken");
        assert_eq!(
            (0..100_000)
                .filter(|ms| pace.try_take(now + 500 + ms))
                .count(),
            199
        );
    }

    #[test]
    fn what_was_not_used_is_a_burst_again_and_no_more() {
        let mut pace = Pace::new(500, 3);
        for now in [0, 1_000_000] {
            assert_eq!((0..10).filter(|_| pace.try_take(now)).count(), 3, "{now}");
        }
    }
}
