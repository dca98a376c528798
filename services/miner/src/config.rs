//! Settings of the miner.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde::Deserialize;
use synod_api::miner::{MAX_THREADS, MiningPolicy};
use synod_api::{MINER_PORT, NODE_PORT};
use synod_service::config::{ConfigError, Sources};
use synod_service::logging::LogFormat;
use synod_service::{DataDir, Token, auth::TokenError};
use toml::{Table, Value};

/// The time between two blocks under `interval`, where nothing else is said.
pub const BLOCK_TIME: Duration = Duration::from_secs(5);

/// What [`run`](crate::run) needs.
#[derive(Debug, Clone)]
pub struct MinerConfig {
    /// The root of the node's routes.
    pub node: String,
    /// The address that blocks pay; empty to wait for `PUT /v1/payout`.
    pub payout: String,
    /// When to search; none for `interval` on the network `regtest` and `auto` on any other.
    pub policy: Option<MiningPolicy>,
    /// The time between two blocks under `interval`.
    pub block_time: Duration,
    /// Threads that search.
    pub threads: u16,
    /// What the routes that change something ask for.
    pub token: Token,
    /// Host names besides loopback ones that are answered.
    pub allowed_hosts: Vec<String>,
    /// Whether a line on standard error shows the rate.
    pub has_live_line: bool,
}

impl MinerConfig {
    /// Searches for a node with all processors, for an address.
    #[must_use]
    pub fn new(node: &str, payout: &str, token: Token) -> Self {
        Self {
            node: node.to_owned(),
            payout: payout.to_owned(),
            policy: None,
            block_time: BLOCK_TIME,
            threads: all_processors(),
            token,
            allowed_hosts: Vec::new(),
            has_live_line: false,
        }
    }
}

/// Returns one thread for each processor.
#[must_use]
pub fn all_processors() -> u16 {
    let found = std::thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(found).unwrap_or(MAX_THREADS).min(MAX_THREADS)
}

/// The settings file and the variables `SYNOD_MINER_...`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where REST listens.
    pub listen: SocketAddr,
    /// The root of the node's routes.
    pub node: String,
    /// The address that blocks pay.
    pub payout: String,
    /// When to search.
    pub policy: Option<MiningPolicy>,
    /// The time between two blocks in milliseconds.
    pub block_time_ms: u64,
    /// Threads that search; 0 for one for each processor.
    pub threads: u16,
    /// The data directory.
    pub data: PathBuf,
    /// Host names besides loopback ones that are answered.
    pub allowed_hosts: Vec<String>,
    /// The log's level or filter.
    pub log: String,
    /// The log's form.
    pub log_format: LogFormat,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], MINER_PORT)),
            node: format!("http://127.0.0.1:{NODE_PORT}"),
            payout: String::new(),
            policy: None,
            block_time_ms: 5000,
            threads: 0,
            data: PathBuf::from(".synod-miner"),
            allowed_hosts: Vec::new(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

impl Settings {
    /// Turns the settings into what [`run`](crate::run) needs.
    ///
    /// # Errors
    /// The token file cannot be used.
    pub fn miner(&self, data: &DataDir) -> Result<MinerConfig, TokenError> {
        let token = Token::load_or_create(&data.join("token"))?;
        let threads = if self.threads == 0 {
            all_processors()
        } else {
            self.threads
        };
        let is_for_people = self.log_format == LogFormat::Text && std::io::stderr().is_terminal();
        Ok(MinerConfig {
            policy: self.policy,
            block_time: Duration::from_millis(self.block_time_ms.max(1)),
            threads: threads.min(MAX_THREADS),
            allowed_hosts: self.allowed_hosts.clone(),
            has_live_line: is_for_people,
            ..MinerConfig::new(&self.node, &self.payout, token)
        })
    }
}

/// Searches blocks for a Synod node.
#[derive(Debug, Parser)]
#[command(name = "synod-miner", version)]
pub struct Arguments {
    /// The settings file (TOML); flags and variables SYNOD_MINER_... go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory, for the token file
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:9331]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The node's root [default: http://127.0.0.1:9330]
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// The address that blocks pay
    #[arg(long, value_name = "ADDRESS")]
    payout: Option<String>,
    /// When to search: auto, interval, on-tx or manual
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Milliseconds between two blocks under interval [default: 5000]
    #[arg(long, value_name = "MS")]
    block_time_ms: Option<u64>,
    /// Threads that search [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Another host name to answer; may be given more than once
    #[arg(long, value_name = "HOST")]
    allowed_host: Vec<String>,
    /// The log's level or filter [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// The log's form: text or json [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
}

impl Arguments {
    /// Joins flags, variables and file.
    ///
    /// # Errors
    /// A setting is unknown or has a wrong value.
    pub fn settings(self) -> Result<Settings, ConfigError> {
        let mut flags = Table::new();
        let mut set = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                flags.insert(name.to_owned(), Value::String(value));
            }
        };
        set(
            "data",
            self.data.map(|it| it.to_string_lossy().into_owned()),
        );
        set("listen", self.listen.map(|it| it.to_string()));
        set("node", self.node);
        set("payout", self.payout);
        set("policy", self.policy);
        set("log", self.log);
        set("log_format", self.log_format);
        if let Some(block_time_ms) = self.block_time_ms {
            let number = i64::try_from(block_time_ms).unwrap_or(i64::MAX);
            flags.insert("block_time_ms".to_owned(), Value::Integer(number));
        }
        if let Some(threads) = self.threads {
            flags.insert("threads".to_owned(), Value::Integer(threads.into()));
        }
        if !self.allowed_host.is_empty() {
            let hosts = self.allowed_host.into_iter().map(Value::String).collect();
            flags.insert("allowed_hosts".to_owned(), Value::Array(hosts));
        }
        let sources = Sources {
            file: self.config.as_deref(),
            flags,
            ..Sources::default()
        };
        sources.with_environment("SYNOD_MINER_").load()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_settings() {
        let arguments = Arguments::parse_from([
            "synod-miner",
            "--policy=on-tx",
            "--threads=3",
            "--block-time-ms=250",
            "--payout=bcrt1qxyz",
            "--allowed-host=miner",
            "--log-format=json",
        ]);
        let settings = arguments.settings().expect("valid");
        assert_eq!(settings.policy, Some(MiningPolicy::OnTx));
        assert_eq!((settings.threads, settings.block_time_ms), (3, 250));
        assert_eq!(settings.allowed_hosts, ["miner"]);
        assert_eq!(settings.log_format, LogFormat::Json);
        assert_eq!(settings.listen.port(), MINER_PORT);
    }

    #[test]
    fn wrong_settings_are_refused() {
        let arguments = Arguments::parse_from(["synod-miner", "--policy=sometimes"]);
        assert!(arguments.settings().is_err());
        assert!(Arguments::try_parse_from(["synod-miner", "--threads=0"]).is_err());
        assert!(Arguments::try_parse_from(["synod-miner", "--threads=1025"]).is_err());
    }
}
