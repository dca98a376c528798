//! Spending stake outputs.

use std::collections::BTreeMap;

use synod_primitives::{Amount, Height, OutPoint, Transaction, Witness};
use synod_script::SpendContext;
use synod_seal::{DelegateHash, OwnerHash, StakeKind, StakeProgram};

use super::error::StakeError;
use super::owner::check_owner;
use super::rules::{REGISTRATION_INDEX, StakeRules, is_registration};
use super::slash::Slashing;
use crate::coin::{Coin, SpentCoins};

/// The longest item of a witness that spends stake, in bytes.
pub const MAX_STAKE_WITNESS_ITEM: usize = 20_000;

/// How a stake output is spent: the last item of the witness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StakeTag {
    /// Starts the unbonding.
    Unbond,
    /// Moves a vote to another delegate.
    Redelegate,
    /// Shows evidence against the delegate.
    Slash,
    /// Takes the coins out.
    Withdraw,
    /// Renews a candidate's registration, by which it comes back from the bench.
    Renew,
}

impl StakeTag {
    /// Returns the witness item.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Unbond => 0,
            Self::Redelegate => 1,
            Self::Slash => 2,
            Self::Withdraw => 3,
            Self::Renew => 4,
        }
    }

    fn of_item(item: &[u8]) -> Option<Self> {
        match item {
            [0] => Some(Self::Unbond),
            [1] => Some(Self::Redelegate),
            [2] => Some(Self::Slash),
            [3] => Some(Self::Withdraw),
            [4] => Some(Self::Renew),
            _ => None,
        }
    }
}

/// A stake output that a transaction spends.
struct StakeInput<'t> {
    index: usize,
    outpoint: OutPoint,
    program: StakeProgram,
    amount: Amount,
    height: Height,
    items: [&'t [u8]; 2],
    tag: StakeTag,
}

/// Checks the stake outputs that a transaction spends; returns whom it proves guilty.
///
/// `spent` are the coins of its inputs, in their order; `height` is that of the block that it
/// is in. A transaction that spends no stake passes.
///
/// # Errors
/// The rule that is broken.
pub fn check_stake_inputs(
    transaction: &Transaction,
    spent: &[Coin],
    height: Height,
    rules: &StakeRules,
) -> Result<Vec<DelegateHash>, StakeError> {
    let inputs = stake_inputs(transaction, spent)?;
    let Some(first) = inputs.first() else {
        return Ok(Vec::new());
    };
    if inputs.iter().any(|input| input.tag != first.tag) {
        return Err(StakeError::Mixed);
    }
    for input in &inputs {
        check_way(input, height, rules)?;
    }
    match first.tag {
        StakeTag::Unbond => check_unbond(transaction, &inputs, rules)?,
        StakeTag::Redelegate => check_redelegate(transaction, &inputs, rules)?,
        StakeTag::Slash => return check_slash(transaction, &inputs, rules),
        StakeTag::Withdraw => {}
        StakeTag::Renew => check_renew(transaction, &inputs, rules)?,
    }
    let outputs = SpentCoins(spent);
    let context = SpendContext::borrowing(transaction, &outputs);
    for input in &inputs {
        let [signature, key] = input.items;
        check_owner(&context, input.index, input.program.owner, signature, key)?;
    }
    Ok(Vec::new())
}

/// Returns the last height at which a transaction cannot be in a block because stake that it
/// withdraws is still unbonding; `None` where it withdraws none.
///
/// `spent` are the coins of its inputs.
#[must_use]
pub fn stake_lock(transaction: &Transaction, spent: &[Coin], rules: &StakeRules) -> Option<u64> {
    let inputs = transaction.inputs().iter().zip(spent);
    let locks = inputs.filter_map(|(input, coin)| {
        let program = program_of(coin)?;
        let tag = input.witness.last().and_then(StakeTag::of_item);
        let is_locked = tag == Some(StakeTag::Withdraw) && program.kind == StakeKind::Unbonding;
        let opens = u64::from(coin.height.0) + u64::from(rules.unbonding_blocks);
        is_locked.then(|| opens.saturating_sub(1))
    });
    locks.max()
}

/// Returns what the stake outputs that a transaction spends cost in signature operations: one
/// for an owner's signature, two for a pair of statements, as in witness scripts.
///
/// `spent` are the coins of its inputs.
#[must_use]
pub fn stake_sigop_cost(transaction: &Transaction, spent: &[Coin]) -> u64 {
    let inputs = transaction.inputs().iter().zip(spent);
    let stakes = inputs.filter(|(_, coin)| program_of(coin).is_some());
    let cost = |tag: Option<StakeTag>| if tag == Some(StakeTag::Slash) { 2 } else { 1 };
    stakes
        .map(|(input, _)| cost(input.witness.last().and_then(StakeTag::of_item)))
        .sum()
}

/// Says whether a script is that of a stake output.
#[must_use]
pub fn is_stake_script(script: &[u8]) -> bool {
    StakeProgram::of_script(script).is_some()
}

pub(super) fn program_of(coin: &Coin) -> Option<StakeProgram> {
    StakeProgram::of_script(coin.script_pubkey.as_bytes())
}

fn stake_inputs<'t>(
    transaction: &'t Transaction,
    spent: &[Coin],
) -> Result<Vec<StakeInput<'t>>, StakeError> {
    let mut inputs = Vec::new();
    for (index, (input, coin)) in transaction.inputs().iter().zip(spent).enumerate() {
        let Some(program) = program_of(coin) else {
            continue;
        };
        let (items, tag) = read_witness(&input.witness)?;
        inputs.push(StakeInput {
            index,
            outpoint: input.prevout,
            program,
            amount: coin.value,
            height: coin.height,
            items,
            tag,
        });
    }
    Ok(inputs)
}

fn read_witness(witness: &Witness) -> Result<([&[u8]; 2], StakeTag), StakeError> {
    // Security: the number of items is looked at before they are gathered.
    if witness.len() != 3 || witness.iter().any(|it| it.len() > MAX_STAKE_WITNESS_ITEM) {
        return Err(StakeError::Witness);
    }
    let mut items = witness.iter();
    let mut next = || items.next().ok_or(StakeError::Witness);
    let pair = [next()?, next()?];
    let tag = StakeTag::of_item(next()?).ok_or(StakeError::Tag)?;
    Ok((pair, tag))
}

/// Checks that an output of this kind may be spent this way now.
fn check_way(input: &StakeInput<'_>, height: Height, rules: &StakeRules) -> Result<(), StakeError> {
    let is_bonded = input.program.kind == StakeKind::Bonded;
    let is_vote = is_bonded && rules.has_liquid_votes() && !is_registration(&input.outpoint);
    let is_allowed = match input.tag {
        StakeTag::Unbond => is_bonded,
        StakeTag::Redelegate => is_vote,
        StakeTag::Slash => !is_vote && input.program.delegate != DelegateHash::ZERO,
        StakeTag::Withdraw => is_vote || !is_bonded,
        StakeTag::Renew => is_bonded && !is_vote && rules.has_liquid_votes(),
    };
    if !is_allowed {
        return Err(StakeError::Tag);
    }
    if input.tag == StakeTag::Withdraw && !is_vote {
        let opens = input.height.0.saturating_add(rules.unbonding_blocks);
        let left = opens.saturating_sub(height.0);
        if left > 0 {
            return Err(StakeError::Locked { left });
        }
    }
    Ok(())
}

/// Adds up amounts by what they are for.
pub(super) fn sum_by<K: Ord>(
    amounts: impl Iterator<Item = (K, Amount)>,
) -> Result<BTreeMap<K, Amount>, StakeError> {
    let mut sums = BTreeMap::new();
    for (key, amount) in amounts {
        let sum = sums.entry(key).or_insert(Amount::ZERO);
        *sum = sum.checked_add(amount).ok_or(StakeError::Range)?;
    }
    Ok(sums)
}

/// Returns the stake outputs that a transaction makes, with their amounts.
pub(super) fn made_stake(
    transaction: &Transaction,
) -> impl Iterator<Item = (StakeProgram, Amount)> + '_ {
    transaction.outputs().iter().filter_map(|output| {
        let program = StakeProgram::of_script(output.script_pubkey.as_bytes())?;
        Some((program, output.value))
    })
}

/// Security: a bond spent with all its value as a fee would pay the attacker's own coinbase.
/// So every program gets back what it gave, and all of them together lose the fee cap at most.
fn check_returned<K: Ord>(
    given: &BTreeMap<K, Amount>,
    returned: &BTreeMap<K, Amount>,
    cap: Amount,
) -> Result<(), StakeError> {
    let mut lost = Amount::ZERO;
    for (key, amount) in given {
        let back = returned.get(key).copied().unwrap_or(Amount::ZERO);
        if back < *amount {
            let missing = amount.checked_sub(back).ok_or(StakeError::Range)?;
            lost = lost.checked_add(missing).ok_or(StakeError::Range)?;
        }
    }
    if lost <= cap {
        Ok(())
    } else {
        Err(StakeError::Value)
    }
}

fn check_unbond(
    transaction: &Transaction,
    inputs: &[StakeInput<'_>],
    rules: &StakeRules,
) -> Result<(), StakeError> {
    let given = sum_by(inputs.iter().map(|it| (it.program.unbonding(), it.amount)))?;
    let made = made_stake(transaction).filter(|(it, _)| it.kind == StakeKind::Unbonding);
    check_returned(&given, &sum_by(made)?, rules.fee_cap)
}

fn check_redelegate(
    transaction: &Transaction,
    inputs: &[StakeInput<'_>],
    rules: &StakeRules,
) -> Result<(), StakeError> {
    let given: BTreeMap<OwnerHash, Amount> =
        sum_by(inputs.iter().map(|it| (it.program.owner, it.amount)))?;
    let made = made_stake(transaction).filter(|(it, _)| it.kind == StakeKind::Bonded);
    let returned = sum_by(made.map(|(it, amount)| (it.owner, amount)))?;
    check_returned(&given, &returned, rules.fee_cap)
}

/// The coins stay the same delegate's bond, in a registration of a later block.
///
/// Security: a new anchor comes with it. The engine lets it take effect two rounds later, so
/// that nobody can choose a reveal when those of the others are known.
fn check_renew(
    transaction: &Transaction,
    inputs: &[StakeInput<'_>],
    rules: &StakeRules,
) -> Result<(), StakeError> {
    let given = sum_by(inputs.iter().map(|it| (it.program, it.amount)))?;
    let registers = usize::try_from(REGISTRATION_INDEX).map_err(|_| StakeError::Range)?;
    let made = transaction.outputs().get(registers).and_then(|output| {
        let program = StakeProgram::of_script(output.script_pubkey.as_bytes())?;
        Some((program, output.value))
    });
    check_returned(&given, &sum_by(made.into_iter())?, rules.fee_cap)
}

fn check_slash(
    transaction: &Transaction,
    inputs: &[StakeInput<'_>],
    rules: &StakeRules,
) -> Result<Vec<DelegateHash>, StakeError> {
    let mut slashing = Slashing::default();
    for input in inputs {
        slashing.add(input.program, input.amount, rules)?;
    }
    // Amounts are cheap to check, signatures are not.
    slashing.check_outputs(transaction)?;
    for input in inputs {
        Slashing::check_evidence(input.items, input.program.delegate, &rules.chain_id)?;
    }
    Ok(inputs.iter().map(|it| it.program.delegate).collect())
}
