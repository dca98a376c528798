//! `stake status`.

use serde_json::{Value, json};
use synod_wallet_cold::{answer::Answer, exit::Failure};
use synod_wallet_core::{
    amount::format_btc,
    stake::{Delegate, StakeKind, StakeTerms},
};

use crate::hot::{SlashedStake, Stake, StakeEntry};

/// Returns the first block that can take unbonding stake out; `None` for other stake, and while
/// the unbonding itself is not in a block.
pub(super) fn free_height(entry: &StakeEntry, terms: &StakeTerms) -> Option<u32> {
    let is_unbonding = entry.coin.program.kind == StakeKind::Unbonding;
    let height = entry.height.filter(|_| is_unbonding)?;
    Some(height.saturating_add(terms.unbonding_blocks))
}

pub(super) fn answer(stake: &Stake, terms: &StakeTerms) -> Result<Answer, Failure> {
    let is_free = |entry: &StakeEntry| {
        free_height(entry, terms).is_some_and(|free| free <= stake.height.saturating_add(1))
    };
    let sum = |kind: StakeKind| -> u64 {
        let all = stake.entries.iter();
        let of_kind = all.filter(|it| it.coin.program.kind == kind);
        of_kind
            .map(|it| it.coin.amount_sat)
            .fold(0, u64::saturating_add)
    };
    let free = stake.entries.iter().filter(|it| is_free(it));
    let free_sat = free
        .map(|it| it.coin.amount_sat)
        .fold(0, u64::saturating_add);
    let lost = stake.slashed.iter().map(|it| it.lost_sat);
    let slashed_sat = lost.fold(0, u64::saturating_add);
    let data = json!({
        "height": stake.height,
        "terms": terms,
        "bonded_sat": sum(StakeKind::Bonded),
        "unbonding_sat": sum(StakeKind::Unbonding),
        "free_sat": free_sat,
        "slashed_sat": slashed_sat,
        "earned_sat": stake.earned_sat,
        "stake": stake.entries.iter().map(|it| row(it, terms, is_free(it))).collect::<Vec<_>>(),
        "slashed": stake.slashed.iter().map(slashed_row).collect::<Vec<_>>(),
    });
    let mut text = vec![
        format!("bonded     {}", format_btc(sum(StakeKind::Bonded))),
        format!("unbonding  {}", format_btc(sum(StakeKind::Unbonding))),
    ];
    for (name, sat) in [
        ("free", free_sat),
        ("slashed", slashed_sat),
        ("earned", stake.earned_sat),
    ] {
        if sat > 0 {
            text.push(format!("{name:<9}  {}", format_btc(sat)));
        }
    }
    text.push(format!("height     {}", stake.height));
    for entry in &stake.entries {
        let state = match (free_height(entry, terms), entry.height) {
            (Some(_), _) if is_free(entry) => "free now".to_owned(),
            (Some(free), _) => format!("free from block {free}"),
            (None, Some(height)) => format!("since block {height}"),
            (None, None) => "unconfirmed".to_owned(),
        };
        text.push(format!(
            "{}  {}  {} {}  {state}",
            entry.coin.outpoint(),
            format_btc(entry.coin.amount_sat),
            kind(entry, terms),
            entry.coin.program.delegate
        ));
    }
    for it in &stake.slashed {
        text.push(format!(
            "{}  {} slashed, {} lost  {}",
            it.outpoint,
            format_btc(it.amount_sat),
            format_btc(it.lost_sat),
            it.delegate
        ));
    }
    Ok(Answer::new(data, text.join("\n")))
}

fn kind(entry: &StakeEntry, terms: &StakeTerms) -> &'static str {
    match entry.coin.program.kind {
        StakeKind::Unbonding if entry.coin.program.delegate == Delegate::NOBODY => "remainder",
        StakeKind::Unbonding => "unbonding",
        StakeKind::Bonded if entry.coin.is_registration() => "bond",
        StakeKind::Bonded if terms.has_liquid_votes() => "vote",
        StakeKind::Bonded => "delegation",
    }
}

fn row(entry: &StakeEntry, terms: &StakeTerms, is_free: bool) -> Value {
    let registration = entry.registration.as_ref();
    json!({
        "outpoint": entry.coin.outpoint(),
        "kind": kind(entry, terms),
        "amount_sat": entry.coin.amount_sat,
        "delegate": entry.coin.program.delegate,
        "address": entry.coin.program.address().to_string(),
        "name": registration.and_then(|it| it.name()),
        "height": entry.height,
        "free_height": free_height(entry, terms),
        "is_free": is_free,
    })
}

fn slashed_row(it: &SlashedStake) -> Value {
    json!({
        "outpoint": it.outpoint,
        "txid": it.txid,
        "delegate": it.delegate,
        "amount_sat": it.amount_sat,
        "lost_sat": it.lost_sat,
        "height": it.height,
    })
}
