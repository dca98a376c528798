//! Making the transaction by which somebody reports evidence.

use std::collections::BTreeMap;

use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Witness};
use synod_seal::{Evidence, StakeProgram};

use super::rules::StakeRules;
use super::slash::{OP_RETURN, shares};
use super::spend::StakeTag;

/// The most stake outputs that one report slashes: each carries the evidence once more.
pub const MAX_SLASHED_INPUTS: usize = 8;

/// The version of a report.
const VERSION: i32 = 2;

/// Makes the transaction that slashes stake outputs of a guilty delegate and pays the reward to
/// `reward`; it pays no fee. Of more than [`MAX_SLASHED_INPUTS`] outputs the first are slashed.
///
/// `None` where nothing is to be slashed, or the sum is past the money range.
#[must_use]
pub fn report_transaction(
    stake: &[(OutPoint, StakeProgram, Amount)],
    evidence: &Evidence,
    reward: Script,
    rules: &StakeRules,
) -> Option<Transaction> {
    let stake = &stake[..stake.len().min(MAX_SLASHED_INPUTS)];
    let statements = [evidence.first.encode(), evidence.second.encode()];
    let tag = vec![StakeTag::Slash.byte()];
    let [first, second] = statements;
    let witness = Witness::from_items(&[first, second, tag]);
    let mut inputs = Vec::new();
    let (mut burned, mut paid) = (0_i128, 0_i128);
    let mut rest: BTreeMap<StakeProgram, i128> = BTreeMap::new();
    for (outpoint, program, amount) in stake {
        let shares = shares(*amount, rules);
        burned += shares.burned;
        paid += shares.reward;
        *rest.entry(program.slashed()).or_default() += shares.rest;
        inputs.push(TxIn {
            prevout: *outpoint,
            script_sig: Script::default(),
            sequence: u32::MAX,
            witness: witness.clone(),
        });
    }
    if inputs.is_empty() {
        return None;
    }
    let rest = rest.into_iter();
    let rest = rest.map(|(program, amount)| (program.script(), amount));
    let outputs = std::iter::once((Script::new(vec![OP_RETURN]), burned))
        .chain(rest)
        .chain(std::iter::once((reward, paid)));
    let outputs = outputs.filter(|(_, amount)| *amount > 0);
    let outputs = outputs.map(|(script_pubkey, amount)| {
        let value = i64::try_from(amount).ok().map(Amount::from_sat)?;
        let output = TxOut {
            value,
            script_pubkey,
        };
        value.is_in_range().then_some(output)
    });
    let outputs: Option<Vec<TxOut>> = outputs.collect();
    Some(Transaction::new(VERSION, inputs, outputs?, 0))
}
