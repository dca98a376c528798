//! `psbt inspect|verify|sign|combine|finalize`.

mod output;
mod show;
mod sign;
mod stake;

use clap::{Args, Subcommand};
use serde_json::json;
use synod_wallet_core::{
    bitcoin::{Psbt, consensus::encode::serialize_hex},
    keystore::Revealed,
    psbt::{self, Context, MAX_PSBT_BYTES, Overrides},
};

pub use self::{
    output::{OutputArgs, answer_psbt},
    show::render,
};
use super::Session;
use crate::{
    answer::Answer,
    exit::{Exit, Failure},
    io::read_input,
};

/// The PSBT commands.
#[derive(Debug, Clone, Subcommand)]
pub enum PsbtCommand {
    /// Show what a PSBT pays, computed here, and what speaks against signing it
    Inspect(InspectArgs),
    /// Prove that a returned PSBT is still the one that was sent
    Verify(VerifyArgs),
    /// Review a PSBT and sign this wallet's inputs
    Sign(SignArgs),
    /// Join the signatures of several copies
    Combine(CombineArgs),
    /// Make the transaction of a fully signed PSBT
    Finalize(FinalizeArgs),
}

/// Options of `psbt inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The PSBT, - for standard input
    pub file: String,
    /// End with 9 unless it is fully signed
    #[arg(long)]
    pub require_complete: bool,
}

/// Options of `psbt verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The returned PSBT, - for standard input
    pub file: String,
    /// The PSBT as it was sent
    #[arg(long, value_name = "FILE")]
    pub against: String,
    /// End with 9 unless it is fully signed
    #[arg(long)]
    pub require_complete: bool,
}

/// Options of `psbt sign`.
#[derive(Debug, Clone, Args)]
pub struct SignArgs {
    /// The PSBT, - for standard input
    pub file: String,
    /// Where the signed PSBT goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What is allowed.
    #[command(flatten)]
    pub allow: AllowArgs,
    /// End with 9 unless it is fully signed
    #[arg(long)]
    pub require_complete: bool,
}

/// Refusals that can be allowed, each by its own name.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct AllowArgs {
    /// Allow a fee above the limits
    #[arg(long)]
    pub allow_high_fee: bool,
    /// Allow outputs that claim to be change and are not
    #[arg(long)]
    pub allow_unverified_change: bool,
    /// Allow hash types other than ALL and DEFAULT
    #[arg(long)]
    pub allow_sighash: bool,
    /// Allow a second transaction that spends coins signed before
    #[arg(long)]
    pub allow_replacement: bool,
}

impl AllowArgs {
    /// Returns the review's overrides.
    pub fn overrides(self) -> Overrides {
        Overrides {
            high_fee: self.allow_high_fee,
            unverified_change: self.allow_unverified_change,
            sighash: self.allow_sighash,
            replacement: self.allow_replacement,
        }
    }
}

/// Options of `psbt combine`.
#[derive(Debug, Clone, Args)]
pub struct CombineArgs {
    /// The copies
    #[arg(required = true, num_args = 2..)]
    pub files: Vec<String>,
    /// Where the joined PSBT goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `psbt finalize`.
#[derive(Debug, Clone, Args)]
pub struct FinalizeArgs {
    /// The PSBT, - for standard input
    pub file: String,
}

/// Runs a PSBT command.
///
/// # Errors
/// See the commands; nothing is signed that a rule refuses.
pub fn run(session: &Session, command: &PsbtCommand) -> Result<Answer, Failure> {
    match command {
        PsbtCommand::Inspect(args) => inspect(session, args),
        PsbtCommand::Verify(args) => verify(args),
        PsbtCommand::Sign(args) => sign::run(session, args),
        PsbtCommand::Combine(args) => combine(args),
        PsbtCommand::Finalize(args) => finalize(args),
    }
}

/// Reads a PSBT from a file or standard input.
///
/// # Errors
/// When it is missing, too long or invalid.
pub fn read_psbt(file: &str) -> Result<Psbt, Failure> {
    Ok(psbt::decode(&read_input(file, MAX_PSBT_BYTES)?)?)
}

fn inspect(session: &Session, args: &InspectArgs) -> Result<Answer, Failure> {
    let psbt = read_psbt(&args.file)?;
    // Without a wallet everything counts as foreign, which is still worth seeing.
    let side = match session.public_side() {
        Ok(side) => Some(side),
        Err(_) if session.wallet.is_none() => None,
        Err(failure) => return Err(failure),
    };
    let is_complete = psbt::finalize(psbt.clone()).is_ok();
    let descriptors = side.as_ref().map(|side| &side.descriptors);
    let review = psbt::review(
        psbt,
        Context {
            descriptors,
            signed: &[],
            revealed: Revealed::default(),
        },
    );
    if args.require_complete && !is_complete {
        return Err(Failure::new(
            Exit::Incomplete,
            "psbt-incomplete",
            "the PSBT is not fully signed",
        ));
    }
    let mut data = json!(review);
    data["is_complete"] = json!(is_complete);
    data["wallet"] = json!(side.as_ref().map(|side| side.name.as_str()));
    let mut text = render(&review);
    if side.is_none() {
        text.push_str("\nno wallet was named: all inputs and outputs count as someone else's");
    }
    Ok(Answer::new(data, text))
}

fn verify(args: &VerifyArgs) -> Result<Answer, Failure> {
    let comparison = psbt::compare(&read_psbt(&args.file)?, &read_psbt(&args.against)?);
    if !comparison.is_faithful() {
        let what = if comparison.is_same_transaction {
            "a coin's description"
        } else {
            "the transaction"
        };
        let message = format!("{what} was changed: do not use this PSBT");
        return Err(Failure::new(Exit::Refused, "psbt-changed", message));
    }
    if args.require_complete && !comparison.is_complete {
        return Err(Failure::new(
            Exit::Incomplete,
            "psbt-incomplete",
            "unchanged, but not fully signed",
        ));
    }
    let signed = comparison.newly_signed.len();
    let complete = if comparison.is_complete {
        "fully signed"
    } else {
        "not fully signed"
    };
    let text = format!("The transaction is unchanged; {signed} inputs newly signed; {complete}.");
    Ok(Answer::new(comparison, text))
}

fn combine(args: &CombineArgs) -> Result<Answer, Failure> {
    let psbts: Vec<Psbt> = args
        .files
        .iter()
        .map(|file| read_psbt(file))
        .collect::<Result<_, _>>()?;
    let mut psbts = psbts.into_iter();
    let first = psbts
        .next()
        .ok_or_else(|| Failure::new(Exit::Usage, "usage", "no PSBT was given"))?;
    let joined = psbt::combine(first, psbts)?;
    answer_psbt(&joined, &args.output, json!({}))
}

fn finalize(args: &FinalizeArgs) -> Result<Answer, Failure> {
    let (_, transaction) = psbt::finalize(read_psbt(&args.file)?)?;
    let hex = serialize_hex(&transaction);
    let data =
        json!({"txid": transaction.compute_txid(), "hex": hex, "size_vb": transaction.vsize()});
    Ok(Answer::new(data, hex))
}
