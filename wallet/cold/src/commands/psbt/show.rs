//! A review as text for people: every recipient in full, the fee in satoshis and in percent.

use std::fmt::Write;

use synod_wallet_core::{
    amount::{format_btc, format_rate},
    psbt::{Review, Role, Severity},
    text::grouped,
};

use super::stake;

/// Renders a review.
pub fn render(review: &Review) -> String {
    let mut text = format!("transaction  {}\n", review.txid);
    // Writing into a string cannot fail.
    let _ = writeln!(text, "network      regtest");
    for input in &review.inputs {
        let amount = input.amount_sat.map_or("unknown".to_owned(), format_btc);
        let proof = if input.is_proven {
            "proven"
        } else {
            "not proven"
        };
        let whose = if input.is_own { "own" } else { "foreign" };
        let _ = writeln!(
            text,
            "input        {amount}  {whose}, {proof}, signatures {}  {}",
            input.signatures, input.outpoint
        );
    }
    for output in &review.outputs {
        let role = match output.role {
            Role::Payment => "pays       ".to_owned(),
            Role::Change { index } => format!("change {index:<4}"),
            Role::Own { index } => format!("own {index:<7}"),
            Role::Stake => "locks      ".to_owned(),
            Role::Registration => "registers  ".to_owned(),
        };
        let target = output
            .address
            .as_deref()
            .map_or_else(|| format!("script {}", output.script), grouped);
        let _ = writeln!(
            text,
            "{role}  {}  to {target}",
            format_btc(output.amount_sat)
        );
    }
    text.push_str(&stake::render(review));
    let _ = writeln!(text, "sent         {}", format_btc(review.sent_sat));
    if review.locked_sat > 0 {
        let _ = writeln!(text, "locked       {}", format_btc(review.locked_sat));
    }
    let _ = writeln!(text, "returned     {}", format_btc(review.returned_sat));
    let _ = writeln!(text, "fee          {}", fee_text(review));
    for finding in &review.findings {
        let kind = match finding.severity() {
            Severity::Warning => "WARNING",
            Severity::Refusal => "REFUSED",
        };
        let _ = writeln!(text, "{kind}      {finding}");
    }
    text.truncate(text.trim_end().len());
    text
}

fn fee_text(review: &Review) -> String {
    let (Some(fee), Some(rate)) = (review.fee_sat, review.fee_rate_sat_per_kvb) else {
        return "unknown: an amount is missing or wrong".to_owned();
    };
    let sum = review.weighed_sat();
    // Hundredths of a percent, without floating point.
    let share = u128::from(fee) * 10_000 / u128::from(sum.max(1));
    format!(
        "{fee} sat ({}.{:02} %), {}",
        share / 100,
        share % 100,
        format_rate(rate)
    )
}
