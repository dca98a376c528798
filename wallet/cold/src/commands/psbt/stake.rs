//! What a review says of stake, in words: what is locked, for whom, for how long, what can be lost.

use std::fmt::Write;

use synod_wallet_core::{
    amount::format_btc,
    psbt::{Review, Role, StakeView},
    stake::{Delegate, StakeKind, StakeTag, StakeTerms},
};

/// Renders the part of a review that is about this wallet's stake; empty where there is none.
pub(super) fn render(review: &Review) -> String {
    let mut text = String::new();
    let spent: Vec<&StakeView> = review
        .inputs
        .iter()
        .filter_map(|input| input.stake.as_ref())
        .collect();
    // Writing into a string cannot fail.
    if let Some(tag) = spent.first().and_then(|stake| stake.spent_by) {
        let _ = writeln!(text, "stake        {}", meaning(tag));
    }
    if let Some(registration) = &review.registration {
        let name = registration.name.as_deref();
        let name = name.map_or_else(String::new, |name| format!(" as {name}"));
        let _ = writeln!(
            text,
            "registers    the sealing key {}{name}, anchor {}",
            registration.delegate, registration.anchor
        );
    }
    let own = review
        .outputs
        .iter()
        .filter(|output| output.role == Role::Stake);
    for output in own {
        let Some(stake) = &output.stake else { continue };
        let amount = format_btc(output.amount_sat);
        let _ = writeln!(text, "stake        {amount} {}", standing(stake));
    }
    let concerns_stake = !text.is_empty();
    match &review.claimed_terms {
        Some(terms) if concerns_stake => text.push_str(&terms_text(terms)),
        None if concerns_stake => {
            text.push_str("terms        the file does not say them; all of it can be at risk\n");
        }
        _ => {}
    }
    text
}

fn meaning(tag: StakeTag) -> &'static str {
    match tag {
        StakeTag::Unbond => {
            "is unbonded: it stops to count, and can still be slashed until it is free"
        }
        StakeTag::Redelegate => "votes for another delegate from now on",
        StakeTag::Withdraw => "is taken out",
        StakeTag::Renew => "is registered anew",
    }
}

fn standing(stake: &StakeView) -> String {
    let whom = if stake.delegate == Delegate::NOBODY {
        "nobody".to_owned()
    } else {
        stake.delegate.to_string()
    };
    match (stake.kind, stake.is_registration) {
        (StakeKind::Bonded, true) => format!("bonded, registers {whom}"),
        (StakeKind::Bonded, false) => format!("delegated to {whom}"),
        (StakeKind::Unbonding, _) => format!("unbonding, was for {whom}"),
    }
}

/// The terms are a claim, and the text says so.
fn terms_text(terms: &StakeTerms) -> String {
    let votes = if terms.has_liquid_votes() {
        " Delegated coins are never slashed and can be taken out at any time."
    } else {
        ""
    };
    format!(
        "terms        as the file says, not proven here: engine {}, taken out {} blocks after \
         unbonding, {} % lost when the key contradicts itself.{votes}\n",
        printable(&terms.engine),
        terms.unbonding_blocks,
        terms.slash_percent
    )
}

/// Security: what a file claims must not steer the terminal.
fn printable(text: &str) -> String {
    let shown = text.chars().filter(char::is_ascii_alphanumeric);
    shown.take(16).collect()
}
