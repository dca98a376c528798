//! `psbt sign`: review, refuse or ask, sign, remember, and only then give out.

use serde_json::json;
use synod_wallet_core::psbt::{self, Context, PsbtError, Review};

use super::{super::Session, SignArgs, answer_psbt, read_psbt, render};
use crate::{
    answer::Answer,
    exit::{Exit, Failure},
    io::{confirm, is_interactive},
};

pub(super) fn run(session: &Session, args: &SignArgs) -> Result<Answer, Failure> {
    let psbt = read_psbt(&args.file)?;
    let mut keystore = session.keystore()?;
    let descriptors = keystore.descriptors()?;
    let payload = keystore.payload();
    let context = Context {
        descriptors: Some(&descriptors),
        signed: payload.signed(),
        revealed: payload.revealed(),
    };
    let review = psbt::review(psbt, context);
    let refusals = review.refusals(args.allow.overrides());
    if !refusals.is_empty() {
        eprintln!("{}", render(&review));
        return Err(PsbtError::Refused(refusals).into());
    }
    let warnings: Vec<String> = review.warnings().iter().map(ToString::to_string).collect();
    ask(
        session,
        &review,
        args.file == "-" || session.password.password_stdin,
    )?;
    let permitted = review.permit(args.allow.overrides())?;
    let (record, revealed) = (permitted.record().clone(), permitted.revealed());
    let signed = permitted.sign(&keystore.keys()?)?;
    keystore.payload_mut().remember_signed(record);
    keystore.payload_mut().raise_revealed(revealed);
    // Security: durable before the signature leaves, so that a second version is always noticed.
    keystore.save()?;
    let is_complete = psbt::finalize(signed.psbt.clone()).is_ok();
    if args.require_complete && !is_complete {
        return Err(Failure::new(
            Exit::Incomplete,
            "psbt-incomplete",
            "other signatures are still missing",
        ));
    }
    let data = json!({"signed_inputs": signed.inputs, "is_complete": is_complete});
    Ok(answer_psbt(&signed.psbt, &args.output, data)?.warn_all(warnings))
}

/// Asks on a terminal; without one, warnings need `--yes`.
fn ask(session: &Session, review: &Review, is_stdin_taken: bool) -> Result<(), Failure> {
    if session.yes {
        return Ok(());
    }
    if is_interactive() && !is_stdin_taken {
        eprintln!("{}", render(review));
        return confirm("Sign this?");
    }
    match review.warnings().first() {
        None => Ok(()),
        Some(warning) => Err(Failure::new(Exit::Refused, warning.code(), warning)
            .hint("--yes takes warnings as confirmed")),
    }
}
