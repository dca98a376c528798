//! What all routes share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use synod_chainspec::ChainSpec;
use synod_gossip::PeerTable;
use synod_service::{EventLog, Shutdown, Token};
use synod_store::Reader;
use tokio::sync::Notify;

use crate::background::SharedSnapshot;
use crate::chain::ChainHandle;
use crate::digest::StateDigests;
use crate::duty::Duties;
use crate::kept::Kept;
use crate::port::ChainPort;
use crate::templates::Templates;

/// The state behind the routes; clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

/// The parts of the state.
pub struct Parts {
    /// The network.
    pub spec: ChainSpec,
    /// The chain thread: all changes, the current tip, the mempool for reading.
    pub chain: ChainHandle,
    /// Reads blocks, headers and transactions beside the chain thread.
    pub reader: Reader,
    /// Digests of the coins.
    pub digests: StateDigests,
    /// Peers.
    pub peers: Arc<PeerTable<ChainPort>>,
    /// The events of `/v1/events`.
    pub events: EventLog,
    /// Templates that miners work on.
    pub templates: Templates,
    /// What validators have to sign, and evidence.
    pub duties: Duties,
    /// What was read or written for one answer and may serve the next.
    pub kept: Kept,
    /// The operator's token.
    pub token: Token,
    /// The snapshot that the node started from, if it did.
    pub snapshot: SharedSnapshot,
    /// Stops long polls and streams.
    pub shutdown: Shutdown,
}

impl AppState {
    /// Shares the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The clock of the process, in seconds since 1970; `/dev/v1/time` can set it.
///
/// One per process, as the system's clock is: in a network that runs in one process all nodes
/// see the same time.
pub fn clock() -> u64 {
    match FIXED_TIME.load(Ordering::Relaxed) {
        0 => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs(),
        fixed => fixed,
    }
}

/// The same clock in milliseconds since 1970.
#[must_use]
pub fn clock_ms() -> u64 {
    match FIXED_TIME.load(Ordering::Relaxed) {
        0 => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
        }
        fixed => fixed.saturating_mul(1000),
    }
}

/// Sets the clock to a moment at which it stays; `None` lets it run again.
pub fn set_clock(fixed: Option<u32>) {
    FIXED_TIME.store(fixed.map_or(0, u64::from), Ordering::Relaxed);
    CLOCK_SET.notify_waiters();
}

/// Waits until the clock is set.
pub(crate) async fn clock_change() {
    CLOCK_SET.notified().await;
}

static FIXED_TIME: AtomicU64 = AtomicU64::new(0);
static CLOCK_SET: LazyLock<Notify> = LazyLock::new(Notify::new);

/// Reads what the chain thread shares.
///
/// Correctness: a panic inside the mempool is a bug that ends the node; readers that meet the
/// lock before it does may still look.
pub(crate) fn read<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}
