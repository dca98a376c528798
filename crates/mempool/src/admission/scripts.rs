//! Verifying scripts: under policy's flags, then under those of the next block.
//!
//! Consensus: what is remembered as valid for blocks was verified with exactly the flags of
//! blocks, as in Core (`PolicyScriptChecks`, `ConsensusScriptChecks`). The second run executes
//! the scripts again; a signature check that is the same value as in the first run is not
//! computed again, since a check's verdict depends on the check alone.

use synod_ledger::is_stake_script;
use synod_primitives::{Transaction, TxOut};
use synod_script::{Flags, Immediate, ScriptError, SignatureChecks, SpendContext, verify_input};
use synod_sigcheck::Check;

use crate::rejected::Rejected;

/// Judges checks and keeps the verdicts.
#[derive(Default)]
struct Recording {
    verdicts: Vec<(Check, bool)>,
}

impl SignatureChecks for Recording {
    fn check(&mut self, check: Check) -> bool {
        let verdict = synod_sigcheck::verify(&check);
        self.verdicts.push((check, verdict));
        verdict
    }
}

/// Gives verdicts that were recorded, as long as the checks come in the same order.
struct Replaying {
    recorded: std::vec::IntoIter<(Check, bool)>,
}

impl SignatureChecks for Replaying {
    fn check(&mut self, check: Check) -> bool {
        match self.recorded.next() {
            Some((recorded, verdict)) if recorded == check => verdict,
            _ => synod_sigcheck::verify(&check),
        }
    }
}

/// Verifies all scripts of a transaction, which spends these outputs.
pub(super) fn verify(
    transaction: &Transaction,
    spent_outputs: &[TxOut],
    block_flags: Flags,
    has_stake: bool,
) -> Result<(), Rejected> {
    let context = SpendContext::new(transaction, spent_outputs.to_vec());
    let mut recording = Recording::default();
    for (index, spent) in spent_outputs.iter().enumerate() {
        let flags = policy_flags(spent, has_stake);
        verify_input(&context, index, flags, &mut recording)
            .map_err(|error| refusal(&context, index, error))?;
    }
    let mut replaying = Replaying {
        recorded: recording.verdicts.into_iter(),
    };
    for index in 0..spent_outputs.len() {
        verify_input(&context, index, block_flags, &mut replaying).map_err(|error| {
            Rejected::Script {
                input: input_number(index),
                error,
                is_mandatory: true,
                is_witness_stripped: false,
            }
        })?;
    }
    Ok(())
}

/// Returns the flags of policy. Stake outputs are no unknown witness programs to a chain that has
/// them; who may spend them was checked by the rules of stake.
fn policy_flags(spent: &TxOut, has_stake: bool) -> Flags {
    if has_stake && is_stake_script(spent.script_pubkey.as_bytes()) {
        Flags::STANDARD.difference(Flags::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM)
    } else {
        Flags::STANDARD
    }
}

/// Says what a failure under policy's flags means: whether blocks allow it, and whether it is
/// only for want of a witness.
fn refusal(context: &SpendContext<'_>, index: usize, error: ScriptError) -> Rejected {
    let holds = |flags| verify_input(context, index, flags, &mut Immediate).is_ok();
    let without_clean_stack = Flags::STANDARD.difference(Flags::CLEANSTACK);
    let is_witness_stripped = !context.transaction().has_witness() && {
        // Both flags go, as CLEANSTACK leans on WITNESS.
        let all_hold = |flags| {
            let mut inputs = 0..context.spent_outputs().len();
            inputs.all(|input| verify_input(context, input, flags, &mut Immediate).is_ok())
        };
        all_hold(without_clean_stack.difference(Flags::WITNESS)) && !all_hold(without_clean_stack)
    };
    Rejected::Script {
        input: input_number(index),
        error,
        is_mandatory: !holds(Flags::MANDATORY),
        is_witness_stripped,
    }
}

fn input_number(index: usize) -> u32 {
    u32::try_from(index).expect("inputs are in memory")
}
