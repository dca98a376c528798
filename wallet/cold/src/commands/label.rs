//! `label set|list`: names for addresses, transactions and coins, kept sealed in the keystore.

use clap::{Args, Subcommand};
use serde_json::json;
use synod_wallet_core::text::displayable;

use super::Session;
use crate::{answer::Answer, exit::Failure};

/// The label commands.
#[derive(Debug, Clone, Subcommand)]
pub enum LabelCommand {
    /// Name an address, transaction or coin; without text the name is removed
    Set(SetArgs),
    /// List the labels
    List,
}

/// Options of `label set`.
#[derive(Debug, Clone, Args)]
pub struct SetArgs {
    /// The address, transaction id or outpoint
    pub reference: String,
    /// The label
    #[arg(default_value = "")]
    pub text: String,
}

/// Runs a label command.
///
/// # Errors
/// When the password is wrong or a limit is reached.
pub fn run(session: &Session, command: &LabelCommand) -> Result<Answer, Failure> {
    let mut keystore = session.keystore()?;
    match command {
        LabelCommand::Set(args) => {
            let (reference, text) = (displayable(&args.reference), displayable(&args.text));
            keystore.payload_mut().set_label(&reference, &text)?;
            keystore.save()?;
            Ok(Answer::new(
                json!({"reference": reference, "label": text}),
                String::new(),
            ))
        }
        LabelCommand::List => {
            let labels = keystore.payload().labels();
            let lines: Vec<String> = labels
                .iter()
                .map(|(name, label)| format!("{name}  {label}"))
                .collect();
            Ok(Answer::new(labels, lines.join("\n")))
        }
    }
}
