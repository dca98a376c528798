//! `send` and `bump`.

use clap::Args;
use serde_json::json;
use synod_wallet_cold::{
    answer::Answer,
    commands::{
        address::parse_address,
        psbt::{AllowArgs, render},
    },
    exit::{Exit, Failure},
    io::{confirm, is_interactive},
};
use synod_wallet_core::{
    amount::{parse_amount, parse_fee_rate},
    bitcoin::{FeeRate, Txid},
    psbt::{PsbtError, Review},
    wallet::Recipient,
};

use super::{Hot, failure};
use crate::hot::{HotError, Paid, PayRequest};

/// Whom to pay, how much, at which fee.
#[derive(Debug, Clone, Args)]
pub(crate) struct PaymentArgs {
    /// Recipient as ADDRESS:AMOUNT (50000, 50000sat or 0.0005btc); with --max just ADDRESS
    #[arg(long = "to", value_name = "ADDRESS:AMOUNT", required = true)]
    to: Vec<String>,
    /// Fee rate in sat/vB [default: the explorer's estimate for six blocks]
    #[arg(long, value_name = "SAT_PER_VB")]
    fee_rate: Option<String>,
    /// Send everything that can be spent to the one recipient
    #[arg(long)]
    max: bool,
    /// What is allowed by name.
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
}

/// Options of `send`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    payment: PaymentArgs,
    /// Show what would be paid; sign and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Id of this request: given twice, it is paid once
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

/// Options of `bump`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BumpArgs {
    /// The unconfirmed transaction
    txid: Txid,
    /// The new fee rate in sat/vB
    #[arg(long, value_name = "SAT_PER_VB")]
    fee_rate: String,
    #[command(flatten)]
    allow: AllowArgs,
}

impl PaymentArgs {
    /// Makes the request; asks the explorer for the fee rate where none is given.
    pub(crate) async fn request(
        &self,
        hot: &Hot,
        request_id: Option<String>,
    ) -> Result<PayRequest, Failure> {
        let recipients = self
            .to
            .iter()
            .map(|to| recipient(to, self.max))
            .collect::<Result<_, _>>()?;
        let fee_rate = match &self.fee_rate {
            Some(text) => parse_fee_rate(text)?,
            None if hot.offline => FeeRate::BROADCAST_MIN,
            None => hot
                .explorer
                .fee_rate()
                .await
                .map_err(|e| failure(e.into()))?,
        };
        Ok(PayRequest {
            recipients,
            fee_rate,
            request_id,
            overrides: self.allow.overrides(),
        })
    }
}

fn recipient(text: &str, everything: bool) -> Result<Recipient, Failure> {
    if everything {
        return Ok(Recipient {
            address: parse_address(text)?,
            amount: None,
        });
    }
    let (address, amount) = text.rsplit_once(':').ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "recipient-malformed",
            "a recipient is ADDRESS:AMOUNT",
        )
        .hint("or ADDRESS with --max")
    })?;
    Ok(Recipient {
        address: parse_address(address)?,
        amount: Some(parse_amount(amount)?),
    })
}

pub(crate) async fn send(hot: &Hot, args: &SendArgs) -> Result<Answer, Failure> {
    let wallet = hot.fresh_wallet().await?;
    let request = args.payment.request(hot, args.request_id.clone()).await?;
    let review = wallet.preview(&request).await;
    if args.dry_run {
        let review = review.map_err(failure)?;
        return Ok(Answer::new(&review, render(&review)));
    }
    match review {
        Ok(review) => check(hot, &review, args.payment.allow)?,
        // A repeated request may find its coins spent, by itself.
        Err(HotError::Build(_)) if request.request_id.is_some() => {}
        Err(error) => return Err(failure(error)),
    }
    let keys = hot.session.keystore()?.keys()?;
    let paid = wallet
        .pay(&keys, &hot.explorer, &request)
        .await
        .map_err(sent_failure)?;
    Ok(paid_answer(&paid))
}

pub(crate) async fn bump(hot: &Hot, args: &BumpArgs) -> Result<Answer, Failure> {
    let fee_rate = parse_fee_rate(&args.fee_rate)?;
    let wallet = hot.fresh_wallet().await?;
    let keys = hot.session.keystore()?.keys()?;
    let paid = wallet
        .bump(
            &keys,
            &hot.explorer,
            (args.txid, fee_rate),
            args.allow.overrides(),
        )
        .await;
    Ok(paid_answer(&paid.map_err(sent_failure)?))
}

/// Refuses, asks on a terminal, or takes the answer from `--yes`.
pub(crate) fn check(hot: &Hot, review: &Review, allow: AllowArgs) -> Result<(), Failure> {
    let refusals = review.refusals(allow.overrides());
    if !refusals.is_empty() {
        return Err(PsbtError::Refused(refusals).into());
    }
    if hot.session.yes {
        return Ok(());
    }
    if is_interactive() && !hot.session.password.password_stdin {
        eprintln!("{}", render(review));
        return confirm("Pay this?");
    }
    match review.warnings().first() {
        None => Ok(()),
        Some(warning) => Err(Failure::new(Exit::Refused, warning.code(), warning)
            .hint("--yes takes warnings as confirmed")),
    }
}

/// An explorer that falls silent after the signing leaves a kept payment; the user must know.
pub(crate) fn sent_failure(error: HotError) -> Failure {
    let silent = matches!(&error, HotError::Explorer(e) if e.code() != "tx-rejected");
    let failure = failure(error);
    if silent {
        failure.hint("the payment is signed and kept; the next sync sends it again")
    } else {
        failure
    }
}

pub(crate) fn paid_answer(paid: &Paid) -> Answer {
    let data = json!({
        "txid": paid.txid, "payment": paid.payment, "fee_sat": paid.fee_sat,
        "size_vb": paid.transaction.vsize(), "is_repeat": paid.is_repeat,
    });
    Answer::new(data, paid.txid.to_string())
}
