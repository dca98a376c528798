//! `passwd`: seals the keystore under another password.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synod_wallet_core::keystore::KdfParams;

use super::Session;
use crate::{
    answer::Answer,
    exit::{Exit, Failure},
    password::{PasswordArgs, from_file},
};

/// Options of `passwd`.
#[derive(Debug, Clone, Args)]
pub struct PasswdArgs {
    /// Read the new password from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub new_password_file: Option<PathBuf>,
    /// Memory for the key derivation in MiB, at least 64
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(64..=1024))]
    pub memory: u32,
    /// Passes over that memory, at least 3
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=32))]
    pub passes: u32,
}

/// Runs `passwd`.
///
/// # Errors
/// When the old password is wrong or there is no new one.
pub fn run(session: &Session, args: &PasswdArgs) -> Result<Answer, Failure> {
    let mut keystore = session.keystore()?;
    let password = match &args.new_password_file {
        Some(file) => from_file(file)?,
        None => PasswordArgs::default()
            .read_new()
            .map_err(|failure| match failure.exit() {
                Exit::Locked if failure.code() == "password-needed" => {
                    failure.hint("--new-password-file FILE")
                }
                _ => failure,
            })?,
    };
    keystore.change_password(
        &password,
        KdfParams::new(args.memory * 1024, args.passes, 1)?,
    )?;
    Ok(Answer::new(
        json!({"changed": true}),
        "Password changed. Old copies of the file keep the old one.",
    ))
}
