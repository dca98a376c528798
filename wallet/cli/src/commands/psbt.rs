//! `psbt create`; the other PSBT commands are the cold wallet's own.

use clap::{Args, Subcommand};
use serde_json::json;
use synod_wallet_cold::{
    answer::Answer,
    commands::psbt::{self as cold, OutputArgs, answer_psbt, render},
    exit::Failure,
};

use super::{Hot, failure, send::PaymentArgs};

/// The PSBT commands.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PsbtCommand {
    /// Make a PSBT to be signed elsewhere; its coins are held for a day
    Create(DraftArgs),
    #[command(flatten)]
    Local(cold::PsbtCommand),
}

/// Options of `psbt create`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DraftArgs {
    #[command(flatten)]
    payment: PaymentArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(hot: &Hot, command: PsbtCommand) -> Result<Answer, Failure> {
    let args = match command {
        PsbtCommand::Create(args) => args,
        PsbtCommand::Local(command) => return cold::run(&hot.session, &command),
    };
    let wallet = hot.fresh_wallet().await?;
    let request = args.payment.request(hot, None).await?;
    let (review, payment) = wallet.draft(&request).await.map_err(failure)?;
    eprintln!("{}", render(&review));
    let data =
        json!({"payment": payment.id, "fee_sat": review.fee_sat, "held_until": payment.expires_at});
    let warnings = review.warnings();
    let answer = answer_psbt(review.psbt(), &args.output, data)?;
    Ok(answer.warn_all(warnings.iter().map(ToString::to_string)))
}
