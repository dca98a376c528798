//! The command line of `synod-node`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use synod_node::{NodeConfig, tools};
use synod_service::config::Sources;
use synod_service::{Shutdown, logging};
use toml::{Table, Value};

/// A node of a Synod network: chain, mempool and peers over REST.
#[derive(Parser)]
#[command(name = "synod-node", version, about)]
struct Cli {
    /// How much to log: error, warn, info, debug, trace, or a filter by module.
    #[arg(long, global = true, env = "SYNOD_LOG", default_value = "info")]
    log: String,
    /// The form of the log: text or json.
    #[arg(long, global = true, env = "SYNOD_LOG_FORMAT", default_value = "text")]
    log_format: logging::LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the node until it is stopped.
    Run(NodeArgs),
    /// Take in blocks from Bitcoin Core's files (blk*.dat, bootstrap.dat), checking everything.
    Import {
        #[command(flatten)]
        node: NodeArgs,
        /// A file, or a directory with blk*.dat.
        file: PathBuf,
        /// Print one line of JSON at the end.
        #[arg(long)]
        json: bool,
    },
    /// Write the active chain in Bitcoin Core's framing.
    Export {
        #[command(flatten)]
        node: NodeArgs,
        /// The file to create; - is standard output.
        file: PathBuf,
    },
    /// Check every row of the database.
    Verify(NodeArgs),
    /// Print the settings that result from file, environment and flags.
    Config(NodeArgs),
}

#[derive(Args)]
struct NodeArgs {
    /// The data directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A preset (devnet, regtest) or a chain spec file.
    #[arg(long)]
    network: Option<String>,
    /// Override an activation height, as NAME@HEIGHT (bip34, dersig, cltv, csv, segwit).
    #[arg(long)]
    activation: Vec<String>,
    /// The address to listen on.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// A second address that serves peers only.
    #[arg(long)]
    peer_listen: Option<SocketAddr>,
    /// Where peers reach this node, as http://HOST:PORT.
    #[arg(long)]
    announce: Option<String>,
    /// A peer, as http://HOST:PORT.
    #[arg(long)]
    peer: Vec<String>,
    /// Let peers announce addresses of private networks.
    #[arg(long)]
    allow_private: bool,
    /// A host name besides loopback ones that is answered.
    #[arg(long)]
    allowed_host: Vec<String>,
    /// Offer the routes for tests, on loopback only.
    #[arg(long)]
    dev: bool,
    /// Threads that check scripts.
    #[arg(long)]
    threads: Option<u32>,
    /// A TOML file with these settings.
    #[arg(long)]
    config: Option<PathBuf>,
}

impl NodeArgs {
    fn load(self) -> Result<NodeConfig> {
        let mut flags = Table::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                flags.insert(name.to_owned(), value);
            }
        };
        let list = |items: Vec<String>| {
            (!items.is_empty()).then(|| items.into_iter().map(Value::String).collect::<Vec<_>>())
        };
        let text = |it: &dyn ToString| Value::String(it.to_string());
        set(
            "data",
            self.data
                .map(|it| Value::String(it.to_string_lossy().into_owned())),
        );
        set("network", self.network.map(Value::String));
        set("activation", list(self.activation).map(Value::Array));
        set("listen", self.listen.map(|it| text(&it)));
        set("peer_listen", self.peer_listen.map(|it| text(&it)));
        set("announce", self.announce.map(Value::String));
        set("peer", list(self.peer).map(Value::Array));
        set("allowed_host", list(self.allowed_host).map(Value::Array));
        set(
            "allow_private",
            self.allow_private.then_some(Value::Boolean(true)),
        );
        set("dev", self.dev.then_some(Value::Boolean(true)));
        set("threads", self.threads.map(|it| Value::Integer(it.into())));
        let sources = Sources {
            file: self.config.as_deref(),
            flags,
            ..Sources::default()
        };
        Ok(sources.with_environment("SYNOD_NODE_").load()?)
    }
}

/// Runs the command that the process was given.
#[tokio::main]
pub(crate) async fn run() -> Result<ExitCode> {
    let cli = Cli::parse();
    logging::init(cli.log_format, &cli.log)?;
    match cli.command {
        Command::Run(node) => serve(node.load()?).await?,
        Command::Import { node, file, json } => {
            let report = tools::import::run(node.load()?, &file).await?;
            if json {
                println!("{}", serde_json::to_string(&report)?);
            } else {
                println!(
                    "{} blocks, {} transactions, {} inputs in {:.1} s ({:.0} inputs/s); height {}",
                    report.blocks,
                    report.transactions,
                    report.inputs,
                    report.seconds,
                    report.inputs_per_second,
                    report.height
                );
            }
        }
        Command::Export { node, file } => {
            let blocks = tools::export::run(node.load()?, &file).await?;
            eprintln!("{blocks} blocks written");
        }
        Command::Verify(node) => {
            let report = tools::verify::run(&node.load()?).await?;
            println!("{report:#?}");
            if !report.is_sound() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Config(node) => print!("{}", toml::to_string_pretty(&node.load()?)?),
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: NodeConfig) -> Result<()> {
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let listener = synod_service::bind(config.listen).await?;
    let opened = synod_node::open(&config).await?;
    tracing::info!(listen = %listener.local_addr()?, network = config.network, "the node serves");
    synod_node::run(config, opened, listener, shutdown).await
}
