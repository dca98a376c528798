//! What the validator's tasks share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synod_api::HashHex;
use synod_api::validator::{
    LastSeal, ValidatorKey, ValidatorNode, ValidatorPhase, ValidatorStatus,
};
use tokio::sync::watch;

/// What has come of it.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) phase: ValidatorPhase,
    pub(crate) keys: Vec<ValidatorKey>,
    pub(crate) node: Option<String>,
    pub(crate) nodes: Vec<ValidatorNode>,
    pub(crate) slot: Option<u64>,
    pub(crate) watch_slots_left: u64,
    pub(crate) sealed: u64,
    pub(crate) voted: u64,
    pub(crate) refused: u64,
    pub(crate) missed: u64,
    pub(crate) last_seal: Option<LastSeal>,
    pub(crate) last_error: Option<String>,
}

/// The tasks' common state; clones share it.
#[derive(Clone)]
pub(crate) struct State {
    chain_id: [u8; 32],
    signer: String,
    progress: Arc<Mutex<Progress>>,
    /// Whether an operator wants signatures.
    pub(crate) is_running: watch::Sender<bool>,
}

impl State {
    pub(crate) fn new(chain_id: [u8; 32], signer: String, nodes: Vec<ValidatorNode>) -> Self {
        let progress = Progress {
            phase: ValidatorPhase::WaitingForNode,
            keys: Vec::new(),
            node: None,
            nodes,
            slot: None,
            watch_slots_left: 0,
            sealed: 0,
            voted: 0,
            refused: 0,
            missed: 0,
            last_seal: None,
            last_error: None,
        };
        Self {
            chain_id,
            signer,
            progress: Arc::new(Mutex::new(progress)),
            is_running: watch::Sender::new(true),
        }
    }

    /// Locks what has come of it; not to be held across an await.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        // Correctness: fields are independent, so a panic leaves nothing half-changed.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> ValidatorStatus {
        let progress = self.progress().clone();
        let phase = match (*self.is_running.borrow(), progress.phase) {
            (false, _) => ValidatorPhase::Paused,
            (true, phase) => phase,
        };
        ValidatorStatus {
            phase,
            chain_id: HashHex::from_bytes(self.chain_id),
            keys: progress.keys,
            node: progress.node,
            nodes: progress.nodes,
            signer: self.signer.clone(),
            slot: progress.slot,
            watch_slots_left: progress.watch_slots_left,
            sealed: progress.sealed,
            voted: progress.voted,
            refused: progress.refused,
            missed: progress.missed,
            last_seal: progress.last_seal,
            last_error: progress.last_error,
        }
    }
}
