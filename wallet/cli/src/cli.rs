//! The command tree of the hot wallet.

use std::{process::ExitCode, time::Duration};

use clap::{Args, CommandFactory, Parser, Subcommand};
use synod_wallet_cold::{
    answer::{self, Answer},
    cli::{CommonArgs, exit_codes, parse},
    commands::{Session, completions, export, label, passwd, seed, wallets},
    exit::{Exit, Failure},
};

use crate::{
    commands::{Hot, address, create, money, psbt, send, serve, stake, tx},
    explorer::{DEFAULT_URL, Explorer},
};

#[derive(Debug, Parser)]
#[command(
    name = "synod-wallet",
    version,
    about = "Holds, receives and sends coins of a Synod network"
)]
#[command(
    after_help = "Standard output carries the result only. Exit codes: synod-wallet exit-codes"
)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(subcommand)]
    command: Command,
}

/// Options of commands that ask the explorer.
#[derive(Debug, Clone, Args)]
struct NetworkArgs {
    /// Esplora API of the explorer
    #[arg(long, value_name = "URL", global = true, env = "SYNOD_EXPLORER", default_value = DEFAULT_URL)]
    explorer: String,
    /// Longest wait for one answer of the explorer
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    explorer_timeout: u64,
    /// Use what is stored, ask no explorer
    #[arg(long, global = true)]
    offline: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a wallet from new or known seed words, or a watch-only one
    Create(create::HotCreateArgs),
    /// List the wallets
    List,
    /// Show a wallet's public side
    Info(wallets::InfoArgs),
    /// Give out, list, verify and draw addresses
    #[command(subcommand)]
    Address(address::AddressCommand),
    /// Show what the wallet holds
    Balance,
    /// List the transactions, newest first
    History(money::HistoryArgs),
    /// List coins, and free those that a given-up PSBT holds
    #[command(subcommand)]
    Utxo(money::UtxoCommand),
    /// Pay
    Send(send::SendArgs),
    /// Raise the fee of an unconfirmed payment
    Bump(send::BumpArgs),
    /// Make, review, sign and join PSBTs
    #[command(subcommand)]
    Psbt(psbt::PsbtCommand),
    /// Lock coins as stake, move them, take them out, show them
    #[command(subcommand)]
    Stake(stake::StakeCommand),
    /// Broadcast and follow transactions
    #[command(subcommand)]
    Tx(tx::TxCommand),
    /// Export the public side
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Name addresses, transactions and coins
    #[command(subcommand)]
    Label(label::LabelCommand),
    /// Show the seed words, for a backup
    Seed,
    /// Change the password
    Passwd(passwd::PasswdArgs),
    /// Take in what is new from the explorer
    Sync(money::SyncArgs),
    /// Serve the wallets over REST until Ctrl-C
    Serve(serve::ServeArgs),
    /// Write shell completions
    Completions(completions::CompletionsArgs),
    /// List the exit codes
    ExitCodes,
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let (cli, as_json) = match parse::<Cli>(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return answer::print(Err(Failure::new(Exit::Internal, "runtime", error)), as_json);
        }
    };
    let outcome = runtime.block_on(async {
        // The service turns Ctrl-C into an orderly stop by itself.
        if matches!(cli.command, Command::Serve(_)) {
            return execute(cli).await;
        }
        tokio::select! {
            outcome = execute(cli) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted", "interrupted")),
        }
    });
    let exit = answer::print(outcome, as_json);
    // An interrupted request of the blocking client must not keep the process.
    runtime.shutdown_background();
    exit
}

async fn execute(cli: Cli) -> Result<Answer, Failure> {
    let session = cli.common.session()?;
    let timeout = Duration::from_secs(cli.network.explorer_timeout);
    let explorer = Explorer::new(&cli.network.explorer, timeout)
        .map_err(|e| crate::commands::explorer_failure(&e))?;
    let hot = Hot {
        session,
        explorer,
        offline: cli.network.offline,
    };
    match cli.command {
        Command::Create(args) => create::run(&hot, &args).await,
        Command::Address(command) => address::run(&hot, &command).await,
        Command::Balance => money::balance(&hot).await,
        Command::History(args) => money::history(&hot, &args).await,
        Command::Utxo(command) => money::utxo(&hot, &command).await,
        Command::Send(args) => send::send(&hot, &args).await,
        Command::Bump(args) => send::bump(&hot, &args).await,
        Command::Psbt(command) => psbt::run(&hot, command).await,
        Command::Stake(command) => stake::run(&hot, command).await,
        Command::Tx(command) => tx::run(&hot, &command).await,
        Command::Serve(args) => serve::run(&hot, &args, cli.network.explorer, timeout).await,
        Command::Sync(args) => money::sync(&hot, &args).await,
        local => execute_local(&hot.session, local),
    }
}

/// The commands that are the cold wallet's own.
fn execute_local(session: &Session, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::List => wallets::list(session),
        Command::Info(args) => wallets::show(session, &args),
        Command::Export(command) => export::run(session, &command),
        Command::Label(command) => label::run(session, &command),
        Command::Seed => seed::run(session),
        Command::Passwd(args) => passwd::run(session, &args),
        Command::Completions(args) => Ok(completions::answer(&args, Cli::command())),
        _ => Ok(exit_codes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_password_is_never_a_value_of_the_command_line() {
        assert!(Cli::try_parse_from(["x", "balance", "--password", "secret"]).is_err());
    }
}
