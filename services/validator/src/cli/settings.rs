//! Settings of `run` and `signer`: flags, variables `SYNOD_VALIDATOR_...`, a TOML file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use synod_api::{NODE_PORT, VALIDATOR_PORT};
use synod_service::config::{ConfigError, Sources};
use synod_service::logging::LogFormat;
use toml::{Table, Value};

use super::DEFAULT_DATA;

/// The settings file and the variables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// Where REST listens.
    pub(super) listen: SocketAddr,
    /// The roots of the nodes' routes, the preferred one first.
    pub(super) nodes: Vec<String>,
    /// Files with the nodes' operator tokens: one for each node, or one for all.
    pub(super) node_token_files: Vec<PathBuf>,
    /// The address that sealed blocks pay.
    pub(super) payout: Option<String>,
    /// Slots to watch for doppelgangers before the first signature; none for two epochs.
    pub(super) watch_slots: Option<u64>,
    /// A file with the passphrase of the keys.
    pub(super) passphrase_file: Option<PathBuf>,
    /// The root of a remote signer, which then has the keys and their protection.
    pub(super) remote_signer: Option<String>,
    /// A file with the remote signer's token.
    pub(super) remote_signer_token_file: Option<PathBuf>,
    /// The data directory.
    pub(super) data: PathBuf,
    /// The second place of the protection database; none for `<data>.high-water`.
    pub(super) high_water: Option<PathBuf>,
    /// Goes on without a whole protection database.
    pub(super) dangerously_accept_protection_loss: bool,
    /// Host names besides loopback ones that are answered.
    pub(super) allowed_hosts: Vec<String>,
    /// The log's level or filter.
    pub(super) log: String,
    /// The log's form.
    pub(super) log_format: LogFormat,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], VALIDATOR_PORT)),
            nodes: vec![format!("http://127.0.0.1:{NODE_PORT}")],
            node_token_files: Vec::new(),
            payout: None,
            watch_slots: None,
            passphrase_file: None,
            remote_signer: None,
            remote_signer_token_file: None,
            data: PathBuf::from(DEFAULT_DATA),
            high_water: None,
            dangerously_accept_protection_loss: false,
            allowed_hosts: Vec::new(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// Flags of `run` and `signer`.
#[derive(Debug, Args)]
struct CommonArguments {
    /// The settings file (TOML); flags and variables SYNOD_VALIDATOR_... go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory, for keys, protection and token
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The second place of the protection database [default: DIR.high-water]
    #[arg(long, value_name = "FILE")]
    high_water: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:9334]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Read the passphrase of the keys from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Sign although the protection database was lost or is an older copy: what was lost can
    /// be signed again, and that is slashed
    #[arg(long)]
    dangerously_accept_protection_loss: bool,
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

/// Flags of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// A node's root, the preferred one first; may be given more than once
    /// [default: http://127.0.0.1:9330]
    #[arg(long, value_name = "URL")]
    node: Vec<String>,
    /// A file with a node's operator token: one for each node, or one for all
    #[arg(long, value_name = "FILE")]
    node_token_file: Vec<PathBuf>,
    /// The address that sealed blocks pay
    #[arg(long, value_name = "ADDRESS")]
    payout: Option<String>,
    /// Slots to watch for doppelgangers before the first signature [default: two epochs]
    #[arg(long, value_name = "N")]
    watch_slots: Option<u32>,
    /// The root of a remote signer, which then has the keys and their protection
    #[arg(long, value_name = "URL", requires = "remote_signer_token_file")]
    remote_signer: Option<String>,
    /// A file with the remote signer's token
    #[arg(long, value_name = "FILE")]
    remote_signer_token_file: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArguments,
}

/// Flags of `signer`.
#[derive(Debug, Args)]
pub(super) struct SignerArguments {
    #[command(flatten)]
    common: CommonArguments,
}

fn text(path: PathBuf) -> Value {
    let name = path.into_os_string().into_string();
    Value::String(name.unwrap_or_else(|raw| raw.to_string_lossy().into_owned()))
}

impl CommonArguments {
    fn load(self, mut flags: Table) -> Result<Settings, ConfigError> {
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                flags.insert(name.to_owned(), value);
            }
        };
        set("data", self.data.map(text));
        set("high_water", self.high_water.map(text));
        set(
            "listen",
            self.listen.map(|it| Value::String(it.to_string())),
        );
        set("passphrase_file", self.passphrase_file.map(text));
        set("log", self.log.map(Value::String));
        set("log_format", self.log_format.map(Value::String));
        let accepts = self.dangerously_accept_protection_loss;
        set(
            "dangerously_accept_protection_loss",
            accepts.then_some(Value::Boolean(true)),
        );
        let hosts: Vec<_> = self.allowed_host.into_iter().map(Value::String).collect();
        set(
            "allowed_hosts",
            (!hosts.is_empty()).then_some(Value::Array(hosts)),
        );
        let sources = Sources {
            file: self.config.as_deref(),
            flags,
            ..Sources::default()
        };
        sources.with_environment("SYNOD_VALIDATOR_").load()
    }
}

impl RunArguments {
    pub(super) fn settings(self) -> Result<Settings, ConfigError> {
        let mut flags = Table::new();
        let nodes: Vec<_> = self.node.into_iter().map(Value::String).collect();
        if !nodes.is_empty() {
            flags.insert("nodes".to_owned(), Value::Array(nodes));
        }
        let tokens: Vec<_> = self.node_token_file.into_iter().map(text).collect();
        if !tokens.is_empty() {
            flags.insert("node_token_files".to_owned(), Value::Array(tokens));
        }
        let others = [
            ("payout", self.payout.map(Value::String)),
            (
                "watch_slots",
                self.watch_slots.map(|it| Value::Integer(it.into())),
            ),
            ("remote_signer", self.remote_signer.map(Value::String)),
            (
                "remote_signer_token_file",
                self.remote_signer_token_file.map(text),
            ),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                flags.insert(name.to_owned(), value);
            }
        }
        self.common.load(flags)
    }
}

impl SignerArguments {
    pub(super) fn settings(self) -> Result<Settings, ConfigError> {
        self.common.load(Table::new())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Run {
        #[command(flatten)]
        arguments: RunArguments,
    }

    #[test]
    fn flags_become_settings() {
        let run = Run::parse_from([
            "run",
            "--node=http://127.0.0.1:1",
            "--node=http://127.0.0.1:2",
            "--watch-slots=0",
            "--payout=bcrt1qxyz",
            "--high-water=/elsewhere/mark",
            "--log-format=json",
        ]);
        let settings = run.arguments.settings().expect("valid");
        assert_eq!(settings.nodes, ["http://127.0.0.1:1", "http://127.0.0.1:2"]);
        assert_eq!(settings.watch_slots, Some(0));
        assert_eq!(settings.high_water, Some(PathBuf::from("/elsewhere/mark")));
        assert_eq!(settings.listen.port(), VALIDATOR_PORT);
        assert!(!settings.dangerously_accept_protection_loss);
    }

    #[test]
    fn a_remote_signer_needs_its_token() {
        let words = ["run", "--remote-signer=http://127.0.0.1:1"];
        assert!(Run::try_parse_from(words).is_err());
    }
}
