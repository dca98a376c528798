//! `export watch-only|descriptors`: the public side, for a hot machine or another program.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use synod_wallet_core::watch_only::WatchOnly;

use super::Session;
use crate::{answer::Answer, exit::Failure, io::write_output};

/// What to export.
#[derive(Debug, Clone, Subcommand)]
pub enum ExportCommand {
    /// One file from which a hot machine makes a watch-only wallet
    WatchOnly(ExportArgs),
    /// The receiving and the change descriptor, one a line
    Descriptors(ExportArgs),
}

/// Where to.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// File to write instead of standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file
    #[arg(long)]
    pub force: bool,
}

/// Runs an export command; no password is needed, for nothing secret is shown.
///
/// # Errors
/// When there is no such wallet or the file cannot be written.
pub fn run(session: &Session, command: &ExportCommand) -> Result<Answer, Failure> {
    let side = session.public_side()?;
    let (data, text, args) = match command {
        ExportCommand::WatchOnly(args) => {
            let data = json!(WatchOnly::new(&side.descriptors, side.birthday));
            let text = format!("{data:#}");
            (data, text, args)
        }
        ExportCommand::Descriptors(args) => {
            let (external, internal) = (side.descriptors.external(), side.descriptors.internal());
            let text = format!("{external}\n{internal}");
            (
                json!({"external": external, "internal": internal}),
                text,
                args,
            )
        }
    };
    let Some(path) = &args.output else {
        return Ok(Answer::new(data, text));
    };
    write_output(path, format!("{text}\n").as_bytes(), args.force)?;
    Ok(Answer::new(
        json!({"file": path}),
        format!("Written to {}", path.display()),
    ))
}
