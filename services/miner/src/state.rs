//! What the miner's tasks share: what the operator wants, and what has come of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use synod_api::miner::{MinedBlock, MinerStatus, MiningPolicy};
use synod_api::{HashHex, NodeClient};
use synod_service::ApiError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::MinerConfig;
use crate::kernel::Kernel;

/// The most requests for blocks that wait at once.
pub(crate) const MAX_REQUESTS: usize = 16;

/// What the operator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Controls {
    pub(crate) policy: MiningPolicy,
    /// True until somebody chose a policy or the network's is known.
    pub(crate) is_policy_open: bool,
    pub(crate) block_time: Duration,
    pub(crate) is_running: bool,
    pub(crate) threads: u16,
    pub(crate) payout: String,
}

/// What has come of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) is_searching: bool,
    pub(crate) hashes: u64,
    pub(crate) recent_rate: f64,
    pub(crate) total_rate: f64,
    pub(crate) found: u64,
    pub(crate) stale: u64,
    pub(crate) refused: u64,
    pub(crate) requested: u32,
    pub(crate) last_block: Option<MinedBlock>,
    pub(crate) height: Option<u32>,
    pub(crate) is_node_reachable: bool,
    pub(crate) last_error: Option<String>,
}

/// A request for blocks; dropped when its sender has gone.
pub(crate) struct MineRequest {
    pub(crate) left: u32,
    pub(crate) blocks: Vec<HashHex>,
    pub(crate) reply: oneshot::Sender<Result<Vec<HashHex>, ApiError>>,
}

/// The tasks' common state; clones share it.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) node: NodeClient,
    pub(crate) controls: watch::Sender<Controls>,
    pub(crate) requests: mpsc::Sender<MineRequest>,
    progress: Arc<Mutex<Progress>>,
    kernel: Kernel,
}

impl State {
    pub(crate) fn new(
        config: &MinerConfig,
        node: NodeClient,
        kernel: Kernel,
    ) -> (Self, mpsc::Receiver<MineRequest>) {
        let controls = Controls {
            // Until the network is known: the policy that does the least.
            policy: config.policy.unwrap_or(MiningPolicy::Interval),
            is_policy_open: config.policy.is_none(),
            block_time: config.block_time,
            is_running: true,
            threads: config.threads,
            payout: config.payout.clone(),
        };
        let (requests, receiver) = mpsc::channel(MAX_REQUESTS);
        let controls = watch::Sender::new(controls);
        (
            Self {
                node,
                controls,
                requests,
                progress: Arc::default(),
                kernel,
            },
            receiver,
        )
    }

    /// Locks what has come of it; not to be held across an await.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        // Correctness: fields are independent, so a panic leaves nothing half-changed.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> MinerStatus {
        let controls = self.controls.borrow().clone();
        let progress = self.progress().clone();
        MinerStatus {
            policy: controls.policy,
            block_time_ms: u64::try_from(controls.block_time.as_millis()).unwrap_or(u64::MAX),
            running: controls.is_running,
            searching: progress.is_searching,
            threads: controls.threads,
            kernel: self.kernel.to_string(),
            hash_rate: progress.recent_rate,
            hash_rate_total: progress.total_rate,
            hashes: progress.hashes,
            blocks_found: progress.found,
            blocks_stale: progress.stale,
            blocks_refused: progress.refused,
            blocks_requested: progress.requested,
            last_block: progress.last_block,
            payout: controls.payout,
            node: self.node.root().to_owned(),
            node_reachable: progress.is_node_reachable,
            height: progress.height,
            last_error: progress.last_error,
        }
    }
}
