//! The command line of `synod-node`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use synod_node::{NodeConfig, member, tools};
use synod_service::config::{Origins, Sources};
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
    Run {
        #[command(flatten)]
        node: NodeArgs,
        /// Rebuild everything from the stored blocks first.
        #[arg(long)]
        reindex: bool,
        /// Start although acknowledged commits are missing, as after an older copy was put back.
        #[arg(long)]
        accept_older: bool,
        /// Megabytes of the database past which old blocks are forgotten (0: as few as possible
        /// are kept); the last 288 always stay.
        #[arg(long, value_name = "MB")]
        prune: Option<u32>,
        /// Stop when the chain has this height.
        #[arg(long, value_name = "HEIGHT")]
        stop_at_height: Option<u32>,
    },
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
    /// Check the database: 1 its structure, 2 all blocks, 3 all coins and the index, 4 the last
    /// blocks against the rules.
    Verify {
        #[command(flatten)]
        node: NodeArgs,
        /// How much is checked.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=4))]
        level: u8,
        /// How many blocks are connected once more on level 4.
        #[arg(long, default_value_t = 6)]
        blocks: u32,
    },
    /// Write the coins at the tip into a file, or start a new node from one.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Copy the database into a new directory, also while the node runs.
    Backup {
        #[command(flatten)]
        node: NodeArgs,
        /// The directory to create; it can be given to --data.
        directory: PathBuf,
    },
    /// Print this node's key as a member of a permissioned network; makes it at the first time.
    Member(NodeArgs),
    /// Print the settings that result from file, environment and flags, and where each comes from.
    Config(NodeArgs),
}

#[derive(Subcommand)]
enum SnapshotCommand {
    /// Write the coins at the tip into a file, and print what a chain spec needs to trust it.
    Write {
        #[command(flatten)]
        node: NodeArgs,
        /// The file to create.
        file: PathBuf,
    },
    /// Start a new node from a file that the chain spec trusts.
    Load {
        #[command(flatten)]
        node: NodeArgs,
        /// The file to read.
        file: PathBuf,
    },
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
    /// The key of a member; with any, this node speaks to members only.
    #[arg(long, value_name = "KEY")]
    member: Vec<String>,
    /// Let peers announce addresses of private networks.
    #[arg(long)]
    allow_private: bool,
    /// A host name besides loopback ones that is answered.
    #[arg(long)]
    allowed_host: Vec<String>,
    /// Offer the routes for tests, on loopback only.
    #[arg(long)]
    dev: bool,
    /// A block to take for granted, as HEIGHT:HASH from somebody you trust; tip stands for the
    /// stored chain, for a network that stood still as a whole.
    #[arg(long, value_name = "HEIGHT:HASH")]
    trust_checkpoint: Vec<String>,
    /// Threads that check scripts.
    #[arg(long)]
    threads: Option<u32>,
    /// A limit of the routes, as NAME=NUMBER: reads, heavy_reads, submits, peers, operator,
    /// streams, connections, requests_per_s, request_burst.
    #[arg(long, value_name = "NAME=NUMBER", value_parser = limit)]
    limit: Vec<(String, u32)>,
    /// A TOML file with these settings.
    #[arg(long)]
    config: Option<PathBuf>,
}

impl NodeArgs {
    fn load(self) -> Result<NodeConfig> {
        self.load_with(Table::new())
    }

    fn load_with(self, flags: Table) -> Result<NodeConfig> {
        Ok(self.load_with_origins(flags)?.0)
    }

    fn load_with_origins(self, mut flags: Table) -> Result<(NodeConfig, Origins)> {
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
        set("member", list(self.member).map(Value::Array));
        set("allowed_host", list(self.allowed_host).map(Value::Array));
        set(
            "allow_private",
            self.allow_private.then_some(Value::Boolean(true)),
        );
        let trusted = list(self.trust_checkpoint).map(Value::Array);
        set("trust_checkpoint", trusted);
        set("dev", self.dev.then_some(Value::Boolean(true)));
        set("threads", self.threads.map(|it| Value::Integer(it.into())));
        let limits = self.limit.into_iter();
        let limits: Table = limits
            .map(|(name, number)| (name, Value::Integer(number.into())))
            .collect();
        set(
            "limits",
            (!limits.is_empty()).then_some(Value::Table(limits)),
        );
        let sources = Sources {
            file: self.config.as_deref(),
            flags,
            ..Sources::default()
        };
        Ok(sources
            .with_environment("SYNOD_NODE_")
            .load_with_origins()?)
    }
}

/// Reads `NAME=NUMBER`; whether there is such a limit the settings say.
fn limit(text: &str) -> Result<(String, u32), String> {
    let (name, number) = text.split_once('=').ok_or("NAME=NUMBER is expected")?;
    let number = number.parse().map_err(|error| format!("{error}"))?;
    Ok((name.to_owned(), number))
}

/// Runs the command that the process was given.
#[tokio::main]
pub(crate) async fn run() -> Result<ExitCode> {
    let cli = Cli::parse();
    logging::init(cli.log_format, &cli.log)?;
    match cli.command {
        Command::Run {
            node,
            reindex,
            accept_older,
            prune,
            stop_at_height,
        } => {
            let mut flags = Table::new();
            let mut set = |name: &str, value: Option<u32>| {
                if let Some(value) = value {
                    flags.insert(name.to_owned(), Value::Integer(value.into()));
                }
            };
            set("prune", prune);
            set("stop_at_height", stop_at_height);
            if accept_older {
                flags.insert("accept_older".to_owned(), Value::Boolean(true));
            }
            let config = node.load_with(flags)?;
            if reindex {
                tools::reindex::run(&config).await?;
            }
            serve(config).await?;
        }
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
        Command::Verify {
            node,
            level,
            blocks,
        } => {
            let level = tools::verify::Level::new(level).context("a level is 1 to 4")?;
            let report = tools::verify::run(&node.load()?, level, blocks).await?;
            println!("{report}");
            if !report.is_sound() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Snapshot(SnapshotCommand::Write { node, file }) => {
            let head = tools::snapshot::write(&node.load()?, &file).await?;
            eprintln!("{} coins at height {}", head.coins, head.height);
            // What a chain spec needs to trust it.
            print!("{}", head.to_trust().to_toml());
        }
        Command::Snapshot(SnapshotCommand::Load { node, file }) => {
            let head = tools::snapshot::load(&node.load()?, &file).await?;
            eprintln!(
                "{} coins at height {}: the node can run",
                head.coins, head.height
            );
        }
        Command::Backup { node, directory } => {
            tools::backup::run(&node.load()?, &directory).await?;
            eprintln!("the database is in {}", directory.display());
        }
        Command::Member(node) => println!("{}", member::own_key(&node.load()?.data)?.id()),
        Command::Config(node) => {
            let (config, origins) = node.load_with_origins(Table::new())?;
            for (name, value) in Table::try_from(&config)? {
                println!("{name} = {value} # {}", origins.of(&name));
            }
        }
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
