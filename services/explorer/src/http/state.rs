//! What handlers work with.

use std::sync::Arc;

use synod_script::Network as AddressNetwork;
use synod_service::Shutdown;

use crate::clock::Clock;
use crate::config::Retarget;
use crate::faucet::Faucet;
use crate::follow::{FollowerHandle, Live};
use crate::node::Node;
use crate::snapshot::{Snapshot, SnapshotError, Snapshots};

/// The network whose addresses are read and written: all our networks use regtest's prefixes.
pub(crate) const ADDRESSES: AddressNetwork = AddressNetwork::Regtest;

/// The service as its handlers see it.
#[derive(Clone)]
pub(crate) struct Explorer {
    pub(crate) snapshots: Snapshots,
    pub(crate) node: Node,
    pub(crate) follower: FollowerHandle,
    pub(crate) live: Live,
    pub(crate) clock: Clock,
    pub(crate) faucet: Option<Arc<dyn Faucet>>,
    /// How the chain changes its difficulty.
    pub(crate) retarget: Option<Retarget>,
    pub(crate) shutdown: Shutdown,
}

impl Explorer {
    /// Takes a snapshot to answer from.
    ///
    /// # Errors
    /// The index is empty, or failed.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        self.snapshots.take().await
    }
}
