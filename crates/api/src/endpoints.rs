//! `endpoints.json`: where the services of a network answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::HashHex;

/// The services of one network, written when all of them answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointsFile {
    /// The network's name.
    pub network: String,
    /// The network's engine: `pow`, `pos` or `dpos`.
    pub engine: String,
    /// The network's chain id.
    pub chain_id: HashHex,
    /// The nodes.
    pub nodes: Vec<NodeEndpoint>,
    /// The miner; left out where blocks are sealed.
    #[serde(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miner: Option<TokenEndpoint>,
    /// The validators; none under proof of work.
    #[serde(default)]
    pub validators: Vec<NodeEndpoint>,
    /// The explorer.
    pub explorer: ExplorerEndpoint,
    /// The wallet service.
    pub wallet: TokenEndpoint,
    /// Milliseconds from the start to the moment when every service answered.
    pub ready_ms: u64,
}

/// A node or validator of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeEndpoint {
    /// Its name within its network.
    pub name: String,
    /// The root of its routes, without a trailing slash.
    pub url: String,
    /// The bearer token of its operator.
    pub token: String,
}

/// A service with operator routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenEndpoint {
    /// The root of its routes, without a trailing slash.
    pub url: String,
    /// The bearer token of its operator.
    pub token: String,
}

/// The explorer's three roots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplorerEndpoint {
    /// The root of the pages.
    pub url: String,
    /// The root of the Esplora API (`.../api`).
    pub api: String,
    /// The root of the listener that serves the Esplora API without a prefix.
    pub esplora_root: String,
}
