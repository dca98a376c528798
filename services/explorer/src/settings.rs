//! The settings of the binary: from a file, the environment and the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use serde::Deserialize;
use synod_api::{AmountSat, ESPLORA_PORT, EXPLORER_PORT, NODE_PORT, WalletClient};
use synod_service::config::Sources;
use synod_service::logging::{self, LogFormat};
use synod_service::{Shutdown, bind};
use toml::{Table, Value};

use crate::{ExplorerConfig, Listeners, Retarget, WalletFaucet, run};

/// The prefix of this service's variables in the environment.
const ENVIRONMENT: &str = "SYNOD_EXPLORER_";

/// The explorer: follows a node, serves the Esplora API and pages.
///
/// Every option can also stand in a settings file or in the environment: `--node` as
/// `SYNOD_EXPLORER_NODE`. The command line goes before the environment before the file.
#[derive(Parser, Debug)]
#[command(name = "synod-explorer", version)]
pub struct Arguments {
    /// Settings file in TOML.
    #[arg(long, env = "SYNOD_EXPLORER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory; the index is in it.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Root of the node to follow [default: http://127.0.0.1:9330].
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Address for pages and `/api` [default: 127.0.0.1:9332].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Address for the Esplora API at the bare root [default: 127.0.0.1:9335].
    #[arg(long, value_name = "ADDR")]
    esplora_listen: Option<String>,
    /// Host name to answer beside loopback ones; may be given several times.
    #[arg(long = "allowed-host", value_name = "HOST")]
    allowed_hosts: Vec<String>,
    /// Root of the wallet service that pays for the faucet.
    #[arg(long, value_name = "URL")]
    faucet_url: Option<String>,
    /// File with that service's token.
    #[arg(long, value_name = "FILE")]
    faucet_token_file: Option<String>,
    /// Empty the index and begin again.
    #[arg(long)]
    reindex: bool,
    /// What to log: a level, or a list such as `info,synod_explorer=debug` [default: info].
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look: text or json.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

/// The settings, whatever their source.
#[derive(Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// The file that the settings come from; named in the environment alone.
    config: Option<PathBuf>,
    data: PathBuf,
    node: String,
    listen: SocketAddr,
    esplora_listen: SocketAddr,
    allowed_hosts: Vec<String>,
    faucet_url: Option<String>,
    faucet_token_file: Option<PathBuf>,
    /// The wallet that pays.
    faucet_wallet: String,
    /// The most that one payment may be, in satoshis.
    faucet_max_sat: u64,
    /// Blocks between two changes of the difficulty, for display.
    retarget_interval: Option<u32>,
    /// Seconds that should lie between two blocks, for display.
    block_spacing_s: Option<u32>,
    reindex: bool,
    log: String,
    log_format: LogFormat,
}

impl Default for Settings {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            config: None,
            data: PathBuf::from(".synod/explorer"),
            node: format!("http://127.0.0.1:{NODE_PORT}"),
            listen: local(EXPLORER_PORT),
            esplora_listen: local(ESPLORA_PORT),
            allowed_hosts: Vec::new(),
            faucet_url: None,
            faucet_token_file: None,
            faucet_wallet: "faucet".to_owned(),
            faucet_max_sat: 10_000_000_000,
            retarget_interval: None,
            block_spacing_s: None,
            reindex: false,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

impl Arguments {
    /// Takes what was said on the command line.
    fn flags(&self) -> Table {
        let mut flags = Table::new();
        let texts = [
            ("data", &self.data),
            ("node", &self.node),
            ("listen", &self.listen),
            ("esplora_listen", &self.esplora_listen),
            ("faucet_url", &self.faucet_url),
            ("faucet_token_file", &self.faucet_token_file),
            ("log", &self.log),
            ("log_format", &self.log_format),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                flags.insert(name.to_owned(), Value::String(text.clone()));
            }
        }
        if !self.allowed_hosts.is_empty() {
            let hosts = self
                .allowed_hosts
                .iter()
                .cloned()
                .map(Value::String)
                .collect();
            flags.insert("allowed_hosts".to_owned(), Value::Array(hosts));
        }
        if self.reindex {
            flags.insert("reindex".to_owned(), Value::Boolean(true));
        }
        flags
    }

    /// Runs the explorer until a signal asks it to stop.
    ///
    /// # Errors
    /// Settings that are not valid, a port that is taken, a data directory in use, another
    /// network.
    pub async fn execute(self) -> anyhow::Result<()> {
        let sources = Sources {
            file: self.config.as_deref(),
            environment: None,
            flags: self.flags(),
        };
        let settings: Settings = sources.with_environment(ENVIRONMENT).load()?;
        logging::init(settings.log_format, &settings.log)?;
        let listeners = Listeners {
            main: bind(settings.listen).await?,
            esplora_root: Some(bind(settings.esplora_listen).await?),
        };
        let shutdown = Shutdown::new();
        shutdown.listen_for_signals()?;
        tracing::info!(address = %settings.listen, node = settings.node, "explorer starts");
        Ok(run(settings.into_config()?, listeners, shutdown).await?)
    }
}

impl Settings {
    fn into_config(self) -> anyhow::Result<ExplorerConfig> {
        let mut config = ExplorerConfig::new(self.node, self.data);
        config.reindex = self.reindex;
        config.access.allowed_hosts = self.allowed_hosts;
        if let (Some(interval), Some(spacing_s)) = (self.retarget_interval, self.block_spacing_s) {
            config.retarget = Some(Retarget {
                interval,
                spacing_s,
            });
        }
        if let Some(url) = &self.faucet_url {
            let file = self
                .faucet_token_file
                .context("--faucet-url needs --faucet-token-file")?;
            let token = std::fs::read_to_string(&file)
                .with_context(|| format!("the token file {} cannot be read", file.display()))?;
            let client = WalletClient::new(url)?.with_token(&token)?;
            let most = AmountSat::new(self.faucet_max_sat)?;
            config.faucet = Some(Arc::new(WalletFaucet::new(
                client,
                self.faucet_wallet,
                most,
            )));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_turned_into_settings() {
        let line = [
            "synod-explorer",
            "--data",
            "d",
            "--listen",
            "127.0.0.1:1",
            "--reindex",
        ];
        let arguments = Arguments::try_parse_from(line).expect("valid");
        let sources = Sources {
            flags: arguments.flags(),
            ..Sources::default()
        };
        let settings: Settings = sources.load().expect("valid");
        assert_eq!(settings.listen.port(), 1);
        assert!(settings.reindex);
        assert_eq!(settings.node, "http://127.0.0.1:9330");
        let config = settings.into_config().expect("valid");
        assert_eq!(config.data, PathBuf::from("d"));
    }

    #[test]
    fn a_faucet_without_its_token_is_refused() {
        let settings = Settings {
            faucet_url: Some("http://127.0.0.1:1".to_owned()),
            ..Settings::default()
        };
        let error = settings.into_config().expect_err("refused");
        assert!(error.to_string().contains("--faucet-token-file"));
    }
}
