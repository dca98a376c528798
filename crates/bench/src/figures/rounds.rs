//! Timing rounds of the same work.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this thread has used.
pub(super) fn thread_time() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

/// The CPU time that all threads of this process have used.
pub(super) fn process_time() -> Duration {
    time_of(ClockId::ProcessCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

/// Seconds of the rounds, sorted.
pub(super) struct Rounds(Vec<f64>);

impl Rounds {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Times one round.
    pub(super) fn time(&mut self, work: impl FnOnce()) {
        let start = thread_time();
        work();
        self.push((thread_time() - start).as_secs_f64());
    }

    /// Puts in a round that was timed otherwise.
    pub(super) fn push(&mut self, seconds: f64) {
        let place = self.0.partition_point(|it| *it <= seconds);
        self.0.insert(place, seconds);
    }

    pub(super) fn merge(mut self, other: &Self) -> Self {
        other.0.iter().for_each(|seconds| self.push(*seconds));
        self
    }

    pub(super) fn best(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(super) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Writes best and median of a round of `count` things, in microseconds for each.
    pub(super) fn tell(&self, name: &str, count: usize) {
        let each = |seconds: f64| seconds * 1e6 / count as f64;
        let (best, median) = (each(self.best()), each(self.median()));
        let per_second = 1e6 / best;
        println!("{name:<34} best {best:8.2} us  median {median:8.2} us  best {per_second:9.0} /s");
    }
}
