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
use crate::{
    amount::MAX_MONEY_SAT,
    keys::ScriptKind,
    stake::{StakeProgram, WITNESS_WEIGHT},
};

/// What a transaction's outputs add up to, in satoshis.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OutputSums {
    /// To others.
    pub(super) sent: u64,
    /// Locked as this wallet's stake.
    pub(super) locked: u64,
    /// Back to this wallet.
    pub(super) returned: u64,
}

impl OutputSums {
    pub(super) fn of(outputs: &[OutputView], findings: &mut Vec<Finding>) -> Self {
        let mut sums = Self::default();
        for output in outputs {
            let sum = match output.role {
                Role::Payment | Role::Registration => &mut sums.sent,
                Role::Stake => &mut sums.locked,
                Role::Change { .. } | Role::Own { .. } => &mut sums.returned,
            };
            *sum = sum.saturating_add(output.amount_sat);
        }
        if sums.total() > MAX_MONEY_SAT {
            findings.push(Finding::AmountOutOfRange);
        }
        sums
    }

    pub(super) fn total(self) -> u64 {
        self.sent
            .saturating_add(self.locked)
            .saturating_add(self.returned)
    }

    /// What a fee is held against: what is sent, else what is locked; a transaction to oneself
    /// sends nothing, and its fee is held against what comes back.
    pub(super) fn weighed(self) -> u64 {
        match (self.sent, self.locked) {
            (0, 0) => self.returned,
            (0, locked) => locked,
            (sent, _) => sent,
        }
    }
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
    sums: OutputSums,
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
    let sum = sums.weighed();
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
        .map(|coin| signature_weight(&coin.output))
        .sum();
    // Two units for the marker and flag of a witness transaction.
    (psbt.unsigned_tx.weight().to_wu() + signatures + 2).div_ceil(4)
}

fn signature_weight(output: &TxOut) -> u64 {
    if StakeProgram::of_script(&output.script_pubkey).is_some() {
        return WITNESS_WEIGHT;
    }
    coin_kind(output).map_or(0, ScriptKind::signature_weight)
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
