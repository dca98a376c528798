//! The command tree of the cold wallet, and what both command lines share of it.

use std::{ffi::OsString, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};
use serde_json::json;

use crate::{
    answer::{self, Answer},
    commands::{Session, address, completions, create, export, label, passwd, psbt, seed, wallets},
    exit::{Exit, Failure},
    home::{Home, HomeArgs},
    password::PasswordArgs,
};

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonArgs {
    /// Which wallet.
    #[command(flatten)]
    pub home: HomeArgs,
    /// Which password.
    #[command(flatten)]
    pub password: PasswordArgs,
    /// Answer with one JSON document
    #[arg(long, global = true)]
    pub json: bool,
    /// Take warnings as confirmed (refusals need their own flags)
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
}

impl CommonArgs {
    /// Makes the session that commands run in.
    ///
    /// # Errors
    /// When there is no wallet directory.
    pub fn session(&self) -> Result<Session, Failure> {
        Ok(Session {
            home: Home::from_args(&self.home)?,
            wallet: self.home.wallet.clone(),
            password: self.password.clone(),
            yes: self.yes,
        })
    }
}

#[derive(Debug, Parser)]
#[command(
    name = "synod-wallet-cold",
    version,
    about = "Keeps keys, reviews and signs PSBTs; never touches a network"
)]
#[command(
    after_help = "Standard output carries the result only. Exit codes: synod-wallet-cold exit-codes"
)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a wallet from new or known seed words
    Create(create::CreateArgs),
    /// List the wallets
    List,
    /// Show a wallet's public side
    Info(wallets::InfoArgs),
    /// Give out, list and verify addresses
    #[command(subcommand)]
    Address(address::AddressCommand),
    /// Review, sign and join PSBTs
    #[command(subcommand)]
    Psbt(psbt::PsbtCommand),
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
    answer::print(execute(cli), as_json)
}

/// Parses a command line; a usage error is printed, as an envelope when `--json` is among the words.
///
/// # Errors
/// The exit code that the process ends with.
pub fn parse<C: Parser>(words: Vec<OsString>) -> Result<(C, bool), ExitCode> {
    let as_json = words.iter().any(|word| word == "--json");
    C::try_parse_from(words)
        .map(|cli| (cli, as_json))
        .map_err(|error| {
            if as_json && error.use_stderr() {
                let message = error.to_string();
                let message = message.trim_start_matches("error: ").trim_end();
                return answer::print(Err(Failure::new(Exit::Usage, "usage", message)), true);
            }
            // Help and version go to standard output and end with 0.
            let shown = error.print().is_ok();
            ExitCode::from(if shown && !error.use_stderr() {
                0
            } else {
                Exit::Usage.number()
            })
        })
}

fn execute(cli: Cli) -> Result<Answer, Failure> {
    let session = cli.common.session()?;
    match cli.command {
        Command::Create(args) => create::run(&session, &args),
        Command::List => wallets::list(&session),
        Command::Info(args) => wallets::show(&session, &args),
        Command::Address(command) => address::run(&session, &command),
        Command::Psbt(command) => psbt::run(&session, &command),
        Command::Export(command) => export::run(&session, &command),
        Command::Label(command) => label::run(&session, &command),
        Command::Seed => seed::run(&session),
        Command::Passwd(args) => passwd::run(&session, &args),
        Command::Completions(args) => Ok(completions::answer(&args, Cli::command())),
        Command::ExitCodes => Ok(exit_codes()),
    }
}

/// Answers with the table of exit codes.
pub fn exit_codes() -> Answer {
    let rows = Exit::TABLE.map(|(exit, meaning)| (exit.number(), meaning));
    let text: Vec<String> = rows
        .iter()
        .map(|(number, meaning)| format!("{number:>3}  {meaning}"))
        .collect();
    let data: Vec<_> = rows
        .iter()
        .map(|(number, meaning)| json!({"exit": number, "meaning": meaning}))
        .collect();
    Answer::new(data, text.join("\n"))
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
        assert!(Cli::try_parse_from(["x", "list", "--password", "secret"]).is_err());
    }
}
