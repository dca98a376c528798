//! The settings of the service.

use std::path::PathBuf;
use std::sync::Arc;

use synod_service::{AccessPolicy, Limits};

use crate::faucet::Faucet;

/// How the chain changes its difficulty, for display.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retarget {
    /// Blocks in a period.
    pub interval: u32,
    /// Seconds that should lie between two blocks.
    pub spacing_s: u32,
}

/// What an explorer needs to run.
#[derive(Clone, Debug)]
pub struct ExplorerConfig {
    /// The root of the node to follow, such as `http://127.0.0.1:9330`.
    pub node_url: String,
    /// The data directory; the index is `explorer.sqlite` in it.
    pub data: PathBuf,
    /// True to empty the index and begin again.
    pub reindex: bool,
    /// Who pays requests for coins; `None` for an explorer without a faucet.
    pub faucet: Option<Arc<dyn Faucet>>,
    /// How the chain changes its difficulty; `None` when it never does, or it is not known.
    pub retarget: Option<Retarget>,
    /// Which hosts and origins are answered.
    pub access: AccessPolicy,
    /// Limits of each listener.
    pub limits: Limits,
}

impl ExplorerConfig {
    /// The settings for a node and a data directory, everything else as usual.
    #[must_use]
    pub fn new(node_url: impl Into<String>, data: impl Into<PathBuf>) -> Self {
        Self {
            node_url: node_url.into(),
            data: data.into(),
            reindex: false,
            faucet: None,
            retarget: None,
            access: AccessPolicy::default(),
            limits: Limits::default(),
        }
    }
}
