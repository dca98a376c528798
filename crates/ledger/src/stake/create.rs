//! Making stake outputs.

use synod_primitives::Transaction;
use synod_seal::{Anchor, DelegateHash, StakeKind, StakeProgram};

use super::error::StakeError;
use super::rules::{REGISTRATION_INDEX, StakeRules};

/// Checks the stake outputs that a transaction makes: bonds are for somebody, and a
/// registration carries its anchor and the least bond.
///
/// # Errors
/// The rule that is broken.
pub fn check_stake_outputs(
    transaction: &Transaction,
    rules: &StakeRules,
) -> Result<(), StakeError> {
    for (index, output) in (0..).zip(transaction.outputs()) {
        let Some(program) = StakeProgram::of_script(output.script_pubkey.as_bytes()) else {
            continue;
        };
        if program.kind == StakeKind::Unbonding {
            continue;
        }
        if program.delegate == DelegateHash::ZERO {
            return Err(StakeError::Delegate);
        }
        if index == REGISTRATION_INDEX {
            let anchor = find_anchor(transaction);
            let is_registered = anchor.is_some_and(|it| it.delegate == program.delegate);
            if !is_registered || output.value < rules.min_bond {
                return Err(StakeError::Registration);
            }
        }
    }
    Ok(())
}

/// Returns the anchor that a transaction registers.
pub(super) fn find_anchor(transaction: &Transaction) -> Option<Anchor> {
    Anchor::of_script(transaction.outputs().first()?.script_pubkey.as_bytes())
}
