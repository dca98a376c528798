//! Hashes a second: over the last seconds, and over all time spent searching.

use std::time::{Duration, Instant};

/// The time after which a sample counts a third of a new one, in seconds.
const TIME_CONSTANT: f64 = 10.0;

/// Measures the rate of a growing count.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    last: Instant,
    last_hashes: u64,
    recent: Option<f64>,
    searching: Duration,
}

impl Rate {
    /// Begins at a moment with nothing hashed.
    #[must_use]
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            last: now,
            last_hashes: 0,
            recent: None,
            searching: Duration::ZERO,
        }
    }

    /// Takes the count at a moment; `was_searching` says what the time since the last call was
    /// spent on.
    pub(crate) fn sample(&mut self, now: Instant, hashes: u64, was_searching: bool) {
        let elapsed = now.saturating_duration_since(self.last);
        if was_searching {
            self.searching += elapsed;
        }
        let seconds = elapsed.as_secs_f64();
        if seconds > 0.0 {
            let rate = hashes.saturating_sub(self.last_hashes) as f64 / seconds;
            let weight = 1.0 - (-seconds / TIME_CONSTANT).exp();
            let before = self.recent.unwrap_or(rate);
            self.recent = Some(before + weight * (rate - before));
            self.last = now;
            self.last_hashes = hashes;
        }
    }

    /// Returns the hashes a second of the last seconds, exponentially weighted.
    #[must_use]
    pub(crate) fn recent(&self) -> f64 {
        self.recent.unwrap_or(0.0)
    }

    /// Returns the hashes a second over all time spent searching.
    #[must_use]
    pub(crate) fn total(&self) -> f64 {
        let seconds = self.searching.as_secs_f64();
        if seconds > 0.0 {
            self.last_hashes as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_shown_as_it_is() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin);
        for second in 1..=20 {
            rate.sample(begin + Duration::from_secs(second), 1000 * second, true);
        }
        assert!((rate.recent() - 1000.0).abs() < 0.001);
        assert!((rate.total() - 1000.0).abs() < 0.001);
    }

    #[test]
    fn idle_time_lowers_the_recent_rate_and_not_the_total() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin);
        rate.sample(begin + Duration::from_secs(10), 10_000, true);
        rate.sample(begin + Duration::from_secs(20), 10_000, false);
        assert!((rate.recent() - 1000.0 * (-1.0_f64).exp()).abs() < 0.001);
        assert!((rate.total() - 1000.0).abs() < 0.001);
    }
}
