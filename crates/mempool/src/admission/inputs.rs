//! What makes a transaction's inputs standard, once it is known what they spend (Core:
//! `AreInputsStandard`, `IsWitnessStandard`).

use std::borrow::Cow;

use synod_ledger::is_stake_script;
use synod_primitives::{Transaction, TxIn, TxOut, Witness};
use synod_script::{
    Instruction, Instructions, LEAF_VERSION_TAPSCRIPT, MAX_ITEM_SIZE, MAX_SCRIPT_SIZE,
    MAX_STACK_SIZE, Opcode, ScriptType, WitnessProgram, count_sigops, is_p2sh, witness_program,
};

use crate::policy::{
    MAX_P2SH_SIGOPS, MAX_STANDARD_P2WSH_SCRIPT_SIZE, MAX_STANDARD_P2WSH_STACK_ITEM_SIZE,
    MAX_STANDARD_P2WSH_STACK_ITEMS, MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE,
};
use crate::rejected::Rejected;

/// The first byte of a taproot annex (BIP341).
const ANNEX_TAG: u8 = 0x50;
/// The bits of a control block's first byte that are the leaf version (BIP341).
const LEAF_VERSION_MASK: u8 = 0xfe;

/// Checks that every input spends an output of a known template, and by a cheap script. Where the
/// chain has stake, its outputs are such templates: their spending is checked by rules of its own.
pub(super) fn check_inputs_standard(
    transaction: &Transaction,
    spent_outputs: &[TxOut],
    has_stake: bool,
) -> Result<(), Rejected> {
    for (input, (txin, spent)) in (0..).zip(transaction.inputs().iter().zip(spent_outputs)) {
        let is_standard = match ScriptType::of(spent.script_pubkey.as_bytes()) {
            ScriptType::WitnessUnknown if has_stake => {
                is_stake_script(spent.script_pubkey.as_bytes())
            }
            ScriptType::Nonstandard | ScriptType::WitnessUnknown => false,
            ScriptType::P2sh => pushed_redeem_script(txin)
                .is_some_and(|redeem| count_sigops(&redeem, true) <= MAX_P2SH_SIGOPS),
            _ => true,
        };
        if !is_standard {
            return Err(Rejected::NonStandardInputs { input });
        }
    }
    Ok(())
}

/// Checks that no witness is larger than the standard scripts need.
pub(super) fn check_witnesses_standard(
    transaction: &Transaction,
    spent_outputs: &[TxOut],
) -> Result<(), Rejected> {
    for (input, (txin, spent)) in (0..).zip(transaction.inputs().iter().zip(spent_outputs)) {
        let script = spent.script_pubkey.as_bytes();
        if !txin.witness.is_empty() && !is_witness_standard(txin, script) {
            return Err(Rejected::NonStandardWitness { input });
        }
    }
    Ok(())
}

fn is_witness_standard(txin: &TxIn, script_pubkey: &[u8]) -> bool {
    if ScriptType::of(script_pubkey) == ScriptType::Anchor {
        return false;
    }
    let is_wrapped = is_p2sh(script_pubkey);
    let script = if is_wrapped {
        match pushed_redeem_script(txin) {
            Some(redeem) => redeem,
            None => return false,
        }
    } else {
        Cow::Borrowed(script_pubkey)
    };
    match witness_program(&script) {
        None => false,
        Some(WitnessProgram {
            version: 0,
            program,
        }) if program.len() == 32 => is_p2wsh_standard(&txin.witness),
        Some(WitnessProgram {
            version: 1,
            program,
        }) if program.len() == 32 && !is_wrapped => is_taproot_standard(&txin.witness),
        Some(_) => true,
    }
}

fn is_p2wsh_standard(witness: &Witness) -> bool {
    let items = witness.len() - 1;
    witness
        .last()
        .is_some_and(|script| script.len() <= MAX_STANDARD_P2WSH_SCRIPT_SIZE)
        && items <= MAX_STANDARD_P2WSH_STACK_ITEMS
        && witness
            .iter()
            .take(items)
            .all(|item| item.len() <= MAX_STANDARD_P2WSH_STACK_ITEM_SIZE)
}

fn is_taproot_standard(witness: &Witness) -> bool {
    let items: Vec<&[u8]> = witness.iter().collect();
    let [stack @ .., _script, control] = items.as_slice() else {
        // One item: the key path, which no rule limits.
        return true;
    };
    match control.first() {
        // Here it is an annex, and annexes mean nothing yet.
        Some(&ANNEX_TAG) | None => false,
        Some(first) if first & LEAF_VERSION_MASK == LEAF_VERSION_TAPSCRIPT => stack
            .iter()
            .all(|item| item.len() <= MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE),
        Some(_) => true,
    }
}

/// Executes an unlocking script that may only push; returns the top of the stack. `None` where
/// Core's interpreter would fail without any flag, or nothing is pushed.
fn pushed_redeem_script(txin: &TxIn) -> Option<Cow<'_, [u8]>> {
    let script = txin.script_sig.as_bytes();
    if script.len() > MAX_SCRIPT_SIZE {
        return None;
    }
    let mut top = None;
    for (count, read) in Instructions::new(script).enumerate() {
        if count >= MAX_STACK_SIZE {
            return None;
        }
        top = Some(pushed(read.ok()?)?);
    }
    top
}

fn pushed(instruction: Instruction<'_>) -> Option<Cow<'_, [u8]>> {
    match instruction.opcode {
        Opcode::OP_1NEGATE => Some(Cow::Owned(vec![0x81])),
        opcode if opcode.is_data_push() => {
            let is_short = instruction.data.len() <= MAX_ITEM_SIZE;
            is_short.then_some(Cow::Borrowed(instruction.data))
        }
        opcode => opcode.small_number().map(|number| Cow::Owned(vec![number])),
    }
}

#[cfg(test)]
#[path = "inputs_tests.rs"]
mod tests;
