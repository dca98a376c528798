//! How a block changes the stake.

use std::collections::BTreeSet;

use synod_primitives::{Block, Height, OutPoint, Transaction};
use synod_seal::{Candidacy, DelegateHash, StakeChange, StakeCoin, StakeKind, StakeProgram};

use super::create::find_anchor;
use super::rules::{REGISTRATION_INDEX, StakeRules};
use super::spend::{StakeTag, program_of};
use crate::coin::Coin;
use crate::undo::BlockUndo;

/// Computes how a connected block changes the stake.
///
/// `None` when the undo data is of another block.
#[must_use]
pub fn stake_change(
    block: &Block,
    undo: &BlockUndo,
    height: Height,
    rules: &StakeRules,
) -> Option<StakeChange> {
    let mut change = StakeChange::default();
    let mut spent_here = BTreeSet::new();
    for (transaction, coins) in undo.spent_by(block)? {
        for (input, coin) in transaction.inputs().iter().zip(coins) {
            let Some(program) = program_of(coin) else {
                continue;
            };
            if input.witness.last() == Some(&[StakeTag::Slash.byte()]) {
                change.guilty.push(program.delegate);
            }
            if counts(&input.prevout, coin, program, rules) {
                spent_here.insert(input.prevout);
                change.spent.push(input.prevout);
            }
        }
    }
    let mut made = BTreeSet::new();
    for transaction in block.transactions() {
        for (outpoint, coin) in counting_outputs(transaction, height, rules) {
            made.insert(outpoint);
            if !spent_here.contains(&outpoint) {
                change.created.push((outpoint, coin));
            }
        }
    }
    // What was made and spent within the block was never there.
    change.spent.retain(|outpoint| !made.contains(outpoint));
    Some(change)
}

fn counts(outpoint: &OutPoint, coin: &Coin, program: StakeProgram, rules: &StakeRules) -> bool {
    program.kind == StakeKind::Bonded && rules.counts(outpoint, coin.value)
}

fn counting_outputs<'t>(
    transaction: &'t Transaction,
    height: Height,
    rules: &'t StakeRules,
) -> impl Iterator<Item = (OutPoint, StakeCoin)> + 't {
    let outputs = (0..).zip(transaction.outputs());
    outputs.filter_map(move |(vout, output)| {
        let program = StakeProgram::of_script(output.script_pubkey.as_bytes())?;
        let outpoint = transaction.outpoint(vout);
        let is_bonded = program.kind == StakeKind::Bonded;
        let counts = is_bonded && rules.counts(&outpoint, output.value);
        counts.then(|| {
            let registers = vout == REGISTRATION_INDEX;
            let anchor = find_anchor(transaction).filter(|_| registers);
            let coin = StakeCoin {
                program,
                amount: output.value,
                height,
                anchor: anchor.map(|it| it.anchor),
                candidate: candidate(transaction, program.delegate).filter(|_| registers),
            };
            (outpoint, coin)
        })
    })
}

fn candidate(transaction: &Transaction, delegate: DelegateHash) -> Option<String> {
    let script = &transaction.outputs().first()?.script_pubkey;
    let candidacy = Candidacy::of_script(script.as_bytes())?;
    (candidacy.anchor.delegate == delegate).then_some(candidacy.name)
}
