//! Sums, fee and expected size, computed from the proven coins.

use bdk_wallet::bitcoin::{Amount, Psbt, TxOut};

use super::{
    Finding,
    amounts::Coin,
    limits::{
        MAX_FEE_RATE_SAT_PER_KVB, MAX_FEE_SAT, MAX_FEE_SHARE_PERCENT, WARN_FEE_SHARE_PERCENT,
        exceeds_share,
    },
    review::{OutputView, Role},
};
use crate::{amount::MAX_MONEY_SAT, keys::ScriptKind};

/// Sums what is sent and what comes back, in satoshis.
pub(super) fn output_sums(outputs: &[OutputView], findings: &mut Vec<Finding>) -> (u64, u64) {
    let (mut sent, mut returned) = (0u64, 0u64);
    for output in outputs {
        let sum = if output.role == Role::Payment {
            &mut sent
        } else {
            &mut returned
        };
        *sum = sum.saturating_add(output.amount_sat);
    }
    if sent.saturating_add(returned) > MAX_MONEY_SAT {
        findings.push(Finding::AmountOutOfRange);
    }
    (sent, returned)
}

pub(super) fn fee(
    coins: &[Option<Coin>],
    output_sat: u64,
    findings: &mut Vec<Finding>,
) -> Option<u64> {
    let mut input_sat = Amount::ZERO;
    for coin in coins {
        let coin = coin.as_ref()?;
        let sum = input_sat
            .checked_add(coin.output.value)
            .filter(|sum| sum.to_sat() <= MAX_MONEY_SAT);
        let Some(sum) = sum else {
            findings.push(Finding::AmountOutOfRange);
            return None;
        };
        input_sat = sum;
    }
    let fee = input_sat.to_sat().checked_sub(output_sat);
    if fee.is_none() {
        findings.push(Finding::NegativeFee);
    }
    fee
}

pub(super) fn check_fee(
    fee: Option<u64>,
    rate: Option<u64>,
    (sent, returned): (u64, u64),
    findings: &mut Vec<Finding>,
) {
    let (Some(fee), Some(rate)) = (fee, rate) else {
        return;
    };
    if fee > MAX_FEE_SAT {
        findings.push(Finding::FeeTooHigh(fee));
    }
    if rate > MAX_FEE_RATE_SAT_PER_KVB {
        findings.push(Finding::FeeRateTooHigh(rate));
    }
    // A transaction to oneself sends nothing; its fee is then held against what comes back.
    let sum = if sent > 0 { sent } else { returned };
    if exceeds_share(fee, sum, MAX_FEE_SHARE_PERCENT) {
        findings.push(Finding::FeeShareTooHigh(fee, sum));
    } else if exceeds_share(fee, sum, WARN_FEE_SHARE_PERCENT) {
        findings.push(Finding::FeeShareNotable(fee, sum));
    }
}

/// The size with all signatures, estimated by the kind of each coin; an unknown kind adds nothing,
/// so the rate is rather over- than underestimated.
pub(super) fn expected_size_vb(psbt: &Psbt, coins: &[Option<Coin>]) -> u64 {
    let signatures: u64 = coins
        .iter()
        .flatten()
        .map(|coin| coin_kind(&coin.output))
        .map(|kind| kind.map_or(0, ScriptKind::signature_weight))
        .sum();
    // Two units for the marker and flag of a witness transaction.
    (psbt.unsigned_tx.weight().to_wu() + signatures + 2).div_ceil(4)
}

fn coin_kind(output: &TxOut) -> Option<ScriptKind> {
    let script = &output.script_pubkey;
    if script.is_p2wpkh() {
        Some(ScriptKind::Wpkh)
    } else if script.is_p2tr() {
        Some(ScriptKind::Tr)
    } else if script.is_p2sh() {
        Some(ScriptKind::ShWpkh)
    } else if script.is_p2pkh() {
        Some(ScriptKind::Pkh)
    } else {
        None
    }
}
