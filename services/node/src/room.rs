//! Watching for room in storage: readiness says that there is none, and acceptance goes on by
//! itself when there is some.

use std::time::Duration;

use synod_service::{Check, Shutdown};
use tokio::time::{MissedTickBehavior, interval};

use crate::chain::ChainHandle;

/// How often readiness follows the chain thread, and how often room is looked for.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps the readiness check `storage` true to the chain thread until the service stops.
pub(crate) async fn watch(chain: ChainHandle, check: Check, shutdown: Shutdown) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.stopping() => return,
            _ = ticks.tick() => {}
        }
        if !chain.is_storage_full() {
            check.pass();
            continue;
        }
        check.fail("the disk is full: blocks and transactions are refused until there is room");
        chain.resume().await;
    }
}
