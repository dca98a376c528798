//! The one place where the service reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// A source of the present time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// The machine's clock.
    System,
}

impl Clock {
    /// Unix seconds.
    pub(crate) fn now(self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}
