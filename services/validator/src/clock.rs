//! The one place where the service reads clocks, and the rule when they may be trusted.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of the wall clock and of a clock that only goes forward, in milliseconds.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> u64 + Send + Sync>,
    started: Instant,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.wall_ms())
    }
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::from_wall(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// Another wall clock: Unix milliseconds.
    pub fn from_wall(wall: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            wall: Arc::new(wall),
            started: Instant::now(),
        }
    }

    /// Unix milliseconds.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        (self.wall)()
    }

    /// Milliseconds since the clock was made; never falls, and stands still in suspension.
    #[must_use]
    pub fn steady_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Why the clock is not trusted, as one sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ClockRefusal {
    /// It differs from the node's.
    #[error(
        "the node's clock is {ahead_ms} ms ahead of this machine's; half a slot is {limit_ms} ms"
    )]
    Skewed {
        /// How far the node's clock is ahead.
        ahead_ms: i64,
        /// Half a slot.
        limit_ms: u64,
    },
    /// It was set back.
    #[error(
        "the clock was set back by {back_ms} ms; nothing is signed until it is past the latest time it had shown"
    )]
    SetBack {
        /// How far.
        back_ms: u64,
    },
    /// A duty of a slot that has not begun.
    #[error("the slot begins in {early_ms} ms")]
    Early {
        /// How long until then.
        early_ms: u64,
    },
}

/// The rule: the wall clock is within half a slot of the node's, and not before a time at which
/// something could be signed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockGuard {
    latest_ms: u64,
}

impl ClockGuard {
    /// Judges the wall clock at a moment when the node's was read.
    pub(crate) fn check(
        &mut self,
        wall_ms: u64,
        node_ms: u64,
        slot_ms: u64,
    ) -> Result<(), ClockRefusal> {
        let limit_ms = slot_ms / 2;
        if wall_ms.abs_diff(node_ms) > limit_ms {
            return Err(ClockRefusal::Skewed {
                ahead_ms: ahead_ms(wall_ms, node_ms),
                limit_ms,
            });
        }
        self.check_back(wall_ms, limit_ms)?;
        self.latest_ms = self.latest_ms.max(wall_ms);
        Ok(())
    }

    /// Judges the wall clock just before a signature for a slot.
    pub(crate) fn check_slot(
        &self,
        wall_ms: u64,
        slot_start_ms: u64,
        slot_ms: u64,
    ) -> Result<(), ClockRefusal> {
        let limit_ms = slot_ms / 2;
        self.check_back(wall_ms, limit_ms)?;
        if wall_ms.saturating_add(limit_ms) < slot_start_ms {
            return Err(ClockRefusal::Early {
                early_ms: slot_start_ms - wall_ms,
            });
        }
        Ok(())
    }

    fn check_back(&self, wall_ms: u64, limit_ms: u64) -> Result<(), ClockRefusal> {
        if wall_ms.saturating_add(limit_ms) < self.latest_ms {
            return Err(ClockRefusal::SetBack {
                back_ms: self.latest_ms - wall_ms,
            });
        }
        Ok(())
    }
}

/// Returns how far the node's clock is ahead.
pub(crate) fn ahead_ms(wall_ms: u64, node_ms: u64) -> i64 {
    let distance = i64::try_from(node_ms.abs_diff(wall_ms)).unwrap_or(i64::MAX);
    if node_ms >= wall_ms {
        distance
    } else {
        -distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn s07_a_clock_half_a_slot_off_is_trusted_and_one_more_millisecond_is_not() {
        for node in [10 * HOUR + 500, 10 * HOUR - 500] {
            assert_eq!(ClockGuard::default().check(10 * HOUR, node, 1000), Ok(()));
        }
        for (node, ahead_ms) in [
            (10 * HOUR + 501, 501),
            (10 * HOUR - 501, -501),
            (11 * HOUR, 3_600_000),
            (9 * HOUR, -3_600_000),
        ] {
            let refused = ClockRefusal::Skewed {
                ahead_ms,
                limit_ms: 500,
            };
            assert_eq!(
                ClockGuard::default().check(10 * HOUR, node, 1000),
                Err(refused)
            );
        }
    }

    #[test]
    fn s07_a_clock_that_jumps_back_is_refused_until_it_has_caught_up() {
        let mut guard = ClockGuard::default();
        assert_eq!(guard.check(10 * HOUR, 10 * HOUR, 1000), Ok(()));
        // The node jumps with it, as on one machine.
        let back = guard.check(9 * HOUR, 9 * HOUR, 1000);
        assert_eq!(back, Err(ClockRefusal::SetBack { back_ms: HOUR }));
        let almost = 10 * HOUR - 501;
        assert!(guard.check_slot(almost, almost, 1000).is_err());
        assert_eq!(guard.check_slot(almost + 1, almost + 1, 1000), Ok(()));
    }

    #[test]
    fn s07_a_wrong_time_does_not_count_as_the_latest() {
        let mut guard = ClockGuard::default();
        assert!(guard.check(20 * HOUR, 10 * HOUR, 1000).is_err());
        assert_eq!(guard.check(10 * HOUR, 10 * HOUR, 1000), Ok(()));
    }

    #[test]
    fn s07_a_slot_is_not_signed_before_it_begins() {
        let guard = ClockGuard::default();
        assert_eq!(guard.check_slot(9_500, 10_000, 1000), Ok(()));
        assert_eq!(
            guard.check_slot(9_499, 10_000, 1000),
            Err(ClockRefusal::Early { early_ms: 501 })
        );
    }
}
