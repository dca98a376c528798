//! Counting signature operations, as blocks limit them.

use synod_primitives::{Transaction, Witness};

use crate::MAX_KEYS_PER_MULTISIG;
use crate::flags::Flags;
use crate::form::{WitnessProgram, is_p2sh, redeem_script, witness_program};
use crate::instruction::Instructions;
use crate::opcode::Opcode;
use crate::sighash::SpentOutputs;

/// What one signature operation outside witnesses costs (BIP141).
pub const WITNESS_SCALE_FACTOR: u64 = 4;

/// Counts the signature operations of a script, up to its first truncated push.
///
/// A CHECKMULTISIG counts as 20; where `accurate` and the number of keys stands before it as a
/// small number, as that number.
#[must_use]
pub fn count_sigops(script: &[u8], accurate: bool) -> u64 {
    let mut count = 0;
    let mut before = Opcode::OP_INVALIDOPCODE;
    for read in Instructions::new(script).map_while(Result::ok) {
        count += match read.opcode {
            Opcode::OP_CHECKSIG | Opcode::OP_CHECKSIGVERIFY => 1,
            Opcode::OP_CHECKMULTISIG | Opcode::OP_CHECKMULTISIGVERIFY => {
                match before.small_number() {
                    Some(keys @ 1..) if accurate => u64::from(keys),
                    _ => u64::from(MAX_KEYS_PER_MULTISIG),
                }
            }
            _ => 0,
        };
        before = read.opcode;
    }
    count
}

/// Counts the signature operations of the redeem script that an input brings; 0 when the output
/// that it spends is no pay-to-script-hash.
#[must_use]
pub fn p2sh_sigops(script_sig: &[u8], script_pubkey: &[u8]) -> u64 {
    if !is_p2sh(script_pubkey) {
        return 0;
    }
    redeem_script(script_sig).map_or(0, |script| count_sigops(script, true))
}

/// Counts the signature operations of an input's witness program, bare or under
/// pay-to-script-hash; 0 without [`Flags::WITNESS`].
#[must_use]
pub fn witness_sigops(
    script_sig: &[u8],
    script_pubkey: &[u8],
    witness: &Witness,
    flags: Flags,
) -> u64 {
    if !flags.contains(Flags::WITNESS) {
        return 0;
    }
    if let Some(program) = witness_program(script_pubkey) {
        return program_sigops(program, witness);
    }
    if !is_p2sh(script_pubkey) {
        return 0;
    }
    let redeem = redeem_script(script_sig).and_then(witness_program);
    redeem.map_or(0, |program| program_sigops(program, witness))
}

fn program_sigops(program: WitnessProgram<'_>, witness: &Witness) -> u64 {
    match (program.version, program.program.len()) {
        (0, 20) => 1,
        (0, 32) => witness
            .last()
            .map_or(0, |script| count_sigops(script, true)),
        _ => 0,
    }
}

/// Returns what the signature operations of a transaction cost (Core: `GetTransactionSigOpCost`).
///
/// `spent_outputs` are the outputs that its inputs spend, in their order; those of a coinbase are
/// not looked at.
#[must_use]
pub fn transaction_sigop_cost<S: SpentOutputs + ?Sized>(
    tx: &Transaction,
    spent_outputs: &S,
    flags: Flags,
) -> u64 {
    let sigs = tx.inputs().iter().map(|input| &input.script_sig);
    let pubkeys = tx.outputs().iter().map(|output| &output.script_pubkey);
    let legacy: u64 = sigs
        .chain(pubkeys)
        .map(|script| count_sigops(script.as_bytes(), false))
        .sum();
    let mut cost = legacy * WITNESS_SCALE_FACTOR;
    if tx.is_coinbase() {
        return cost;
    }
    for (index, input) in tx.inputs().iter().enumerate().take(spent_outputs.count()) {
        let script_sig = input.script_sig.as_bytes();
        let script_pubkey = spent_outputs.script_pubkey(index);
        if flags.contains(Flags::P2SH) {
            cost += p2sh_sigops(script_sig, script_pubkey) * WITNESS_SCALE_FACTOR;
        }
        cost += witness_sigops(script_sig, script_pubkey, &input.witness, flags);
    }
    cost
}

#[cfg(test)]
#[path = "sigops_tests.rs"]
mod tests;
