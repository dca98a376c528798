//! The task that wakes the chain thread when a timer of the engine is due.

use std::time::Duration;

use synod_engine::Millis;
use synod_service::Shutdown;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::chain::ChainHandle;
use crate::state::{clock_change, clock_ms};

/// The longest sleep: the system's clock can be set meanwhile.
const LOOK: Duration = Duration::from_secs(1);
/// The shortest wait after a tick: the chain thread has a queue.
const PAUSE: Duration = Duration::from_millis(2);

/// Keeps the engine's timers until the service stops.
pub(crate) async fn keep_time(
    chain: ChainHandle,
    mut due: watch::Receiver<Option<Millis>>,
    shutdown: Shutdown,
) {
    loop {
        let at = *due.borrow_and_update();
        let now = clock_ms();
        let wait = match at {
            Some(at) if at.0 <= now => {
                chain.tick().await;
                PAUSE
            }
            Some(at) => Duration::from_millis(at.0.saturating_sub(now)).min(LOOK),
            None => LOOK,
        };
        tokio::select! {
            () = shutdown.stopping() => return,
            changed = due.changed() => if changed.is_err() {
                return;
            },
            () = clock_change() => {}
            () = sleep(wait) => {}
        }
    }
}
