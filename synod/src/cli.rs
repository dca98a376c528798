//! The command line of `synod`.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::faucet::FaucetArgs;
use crate::health::HealthArgs;
use crate::up::UpArgs;
use crate::{faucet, health, up};

/// Private Bitcoin-format networks on one machine: nodes, miner, explorer and wallets.
#[derive(Parser)]
#[command(name = "synod", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring up a network and keep it running until Ctrl-C.
    Up(UpArgs),
    /// Send coins of a running network to an address.
    Faucet(FaucetArgs),
    /// Say whether a service is ready; for container health checks.
    Health(HealthArgs),
}

/// Runs the command that the process was given.
///
/// # Errors
/// What went wrong, as one sentence.
#[tokio::main]
pub async fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Up(args) => up::run(args).await,
        Command::Faucet(args) => faucet::run(&args).await,
        Command::Health(args) => health::run(&args).await,
    }
}
