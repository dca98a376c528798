//! What a node is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use synod_chainspec::ChainSpec;
use synod_primitives::{BlockHash, Height};

use crate::limits::RouteLimits;

/// The default bytes of coins held in memory.
const DEFAULT_COINS_CACHE: usize = 128 << 20;

/// The default seconds between two savings of the mempool.
const DEFAULT_MEMPOOL_SAVE_S: u64 = 60;

/// The default bytes of blocks that one peer's address is sent a second: one gigabit's worth.
const DEFAULT_UPLOAD_BYTES_PER_S: u64 = 128 << 20;

/// Names the stored chain as the trusted one.
const TRUST_TIP: &str = "tip";

/// The settings of a node; unknown names are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The data directory.
    pub data: PathBuf,
    /// A preset's name, or a spec file.
    #[serde(default = "default_network")]
    pub network: String,
    /// Overrides of activation heights, each `NAME@HEIGHT`.
    #[serde(default)]
    pub activation: Vec<String>,
    /// The address of the main listener.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The address of a second listener that serves peers only.
    #[serde(default)]
    pub peer_listen: Option<SocketAddr>,
    /// Where peers reach this node; by default the address of the listener.
    #[serde(default)]
    pub announce: Option<String>,
    /// Base URLs of peers.
    #[serde(default)]
    pub peer: Vec<String>,
    /// Keys of the members of a permissioned network, beside those of the chain spec; this node
    /// speaks to no others.
    #[serde(default)]
    pub member: Vec<String>,
    /// Whether peers may announce addresses of private networks.
    #[serde(default)]
    pub allow_private: bool,
    /// Bytes of blocks that one peer's address is sent a second, in the long run.
    #[serde(default = "default_upload")]
    pub peer_upload_bytes_per_s: u64,
    /// Host names besides loopback ones that are answered.
    #[serde(default)]
    pub allowed_host: Vec<String>,
    /// Whether the routes for tests exist.
    #[serde(default)]
    pub dev: bool,
    /// Blocks that the operator takes for granted, each `HEIGHT:HASH`; `tip` stands for the
    /// chain as it is stored, for a network that stood still as a whole.
    #[serde(default)]
    pub trust_checkpoint: Vec<String>,
    /// Threads that check scripts; all processors by default.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Megabytes of the database past which old blocks are forgotten; 0 keeps as few as
    /// possible; nothing is forgotten without it.
    #[serde(default)]
    pub prune: Option<u64>,
    /// Whether to start although acknowledged commits are missing; for one start after an
    /// older copy was put back.
    #[serde(default)]
    pub accept_older: bool,
    /// The height at which the node stops.
    #[serde(default)]
    pub stop_at_height: Option<u32>,
    /// Bytes of coins held in memory.
    #[serde(default = "default_coins_cache")]
    pub coins_cache_bytes: usize,
    /// Seconds between two savings of the mempool, at least 1; it is saved at a stop as well.
    #[serde(default = "default_mempool_save")]
    pub mempool_save_s: u64,
    /// How much is handled at once, and how often one address may ask.
    #[serde(default)]
    pub limits: RouteLimits,
}

fn default_network() -> String {
    "devnet".to_owned()
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], synod_api::NODE_PORT))
}

fn default_upload() -> u64 {
    DEFAULT_UPLOAD_BYTES_PER_S
}

fn default_coins_cache() -> usize {
    DEFAULT_COINS_CACHE
}

fn default_mempool_save() -> u64 {
    DEFAULT_MEMPOOL_SAVE_S
}

impl NodeConfig {
    /// Makes settings with defaults.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            network: default_network(),
            activation: Vec::new(),
            listen: default_listen(),
            peer_listen: None,
            announce: None,
            peer: Vec::new(),
            member: Vec::new(),
            allow_private: false,
            peer_upload_bytes_per_s: default_upload(),
            allowed_host: Vec::new(),
            dev: false,
            trust_checkpoint: Vec::new(),
            threads: None,
            prune: None,
            accept_older: false,
            stop_at_height: None,
            coins_cache_bytes: default_coins_cache(),
            mempool_save_s: default_mempool_save(),
            limits: RouteLimits::default(),
        }
    }

    /// Resolves preset or file, and overrides; trusted blocks join those of the file.
    ///
    /// # Errors
    /// There is no such preset or file, or it is no chain spec; a trusted block is not written
    /// as `HEIGHT:HASH`.
    pub fn spec(&self) -> Result<ChainSpec> {
        let mut spec = resolve_spec(&self.network, &self.activation)?;
        for text in self.trust_checkpoint.iter().filter(|it| *it != TRUST_TIP) {
            spec.trust.checkpoints.push(parse_checkpoint(text)?);
        }
        Ok(spec)
    }

    /// Says whether the operator takes the stored chain for granted.
    #[must_use]
    pub fn trusts_tip(&self) -> bool {
        self.trust_checkpoint.iter().any(|it| it == TRUST_TIP)
    }

    /// Returns the number of threads that check scripts.
    #[must_use]
    pub fn thread_count(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.filter(|it| *it > 0).unwrap_or_else(all)
    }
}

fn parse_checkpoint(text: &str) -> Result<(Height, BlockHash)> {
    let parts = text.split_once(':').and_then(|(height, hash)| {
        Some((
            Height(height.parse().ok()?),
            hash.parse::<BlockHash>().ok()?,
        ))
    });
    parts.with_context(|| format!("{text} is no trusted block: it is written as HEIGHT:HASH"))
}

/// Reads a preset by its name, else a spec file, and applies overrides.
///
/// # Errors
/// There is no such preset or file, or it is no chain spec.
pub fn resolve_spec(network: &str, activations: &[String]) -> Result<ChainSpec> {
    let mut spec = if ChainSpec::PRESETS.contains(&network) {
        ChainSpec::preset(network)?
    } else {
        let text = std::fs::read_to_string(network).with_context(|| {
            format!("{network} is neither a preset (devnet, regtest) nor a file that can be read")
        })?;
        ChainSpec::parse(&text)?
    };
    for activation in activations {
        spec.override_activation(activation)?;
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(trusted: &[&str]) -> NodeConfig {
        NodeConfig {
            network: "regtest".to_owned(),
            trust_checkpoint: trusted.iter().map(|it| (*it).to_owned()).collect(),
            ..NodeConfig::new(PathBuf::from("nowhere"))
        }
    }

    #[test]
    fn trusted_blocks_are_heights_and_hashes_and_the_tip() {
        let hash = "ab".repeat(32);
        let config = with(&[&format!("7:{hash}"), "tip"]);
        let spec = config.spec().expect("a spec");
        let hash = hash.parse().expect("a hash");
        assert_eq!(spec.trust.checkpoints, [(Height(7), hash)]);
        assert!(config.trusts_tip() && !with(&[]).trusts_tip());
        for wrong in ["7", "7:ab", "-1:00", "TIP", &format!("x:{hash}")] {
            assert!(with(&[wrong]).spec().is_err(), "{wrong}");
        }
    }
}
