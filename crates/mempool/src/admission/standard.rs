//! What makes a transaction standard by itself (Core: `IsStandardTx`).

use synod_primitives::{Transaction, TxOut};
use synod_script::{Template, is_push_only, is_unspendable, solve, witness_program};

use crate::fee_rate::FeeRate;
use crate::policy::{
    MAX_STANDARD_MULTISIG_KEYS, MAX_STANDARD_SCRIPT_SIG_SIZE, MAX_STANDARD_VERSION, Policy,
};
use crate::rejected::NotStandard;

/// Bytes of an input that spends a witness program, its witness discounted: outpoint, empty
/// script, a signature and a key, sequence.
const WITNESS_INPUT_SIZE: usize = 32 + 4 + 1 + 107 / 4 + 4;
/// Bytes of an input that spends without a witness.
const PLAIN_INPUT_SIZE: usize = 32 + 4 + 1 + 107 + 4;

/// Checks a transaction by itself.
pub(super) fn check_standard(
    transaction: &Transaction,
    policy: &Policy,
) -> Result<(), NotStandard> {
    let version = transaction.version();
    if !(1..=MAX_STANDARD_VERSION).contains(&version.cast_unsigned()) {
        return Err(NotStandard::Version(version));
    }
    let (weight, limit) = (transaction.weight().0, policy.max_standard_weight);
    if weight > limit {
        return Err(NotStandard::Weight { weight, limit });
    }
    for (index, input) in (0..).zip(transaction.inputs()) {
        if input.script_sig.len() > MAX_STANDARD_SCRIPT_SIG_SIZE {
            return Err(NotStandard::ScriptSigSize(index));
        }
        if !is_push_only(input.script_sig.as_bytes()) {
            return Err(NotStandard::ScriptSigNotPushOnly(index));
        }
    }
    let mut data_outputs = 0;
    for (index, output) in (0..).zip(transaction.outputs()) {
        data_outputs += usize::from(check_output(index, output, policy)?);
    }
    if data_outputs > 1 {
        return Err(NotStandard::MultiOpReturn);
    }
    Ok(())
}

/// Checks an output; says whether it carries data.
fn check_output(index: u32, output: &TxOut, policy: &Policy) -> Result<bool, NotStandard> {
    let script = output.script_pubkey.as_bytes();
    let template = solve(script);
    let is_standard = match &template {
        Template::Nonstandard => false,
        Template::Multisig { keys, .. } => keys.len() <= MAX_STANDARD_MULTISIG_KEYS,
        Template::OpReturn => policy
            .max_data_carrier_bytes
            .is_some_and(|limit| script.len() <= limit),
        _ => true,
    };
    match template {
        _ if !is_standard => Err(NotStandard::ScriptPubkey(index)),
        Template::OpReturn => Ok(true),
        Template::Multisig { .. } if !policy.permit_bare_multisig => {
            Err(NotStandard::BareMultisig(index))
        }
        _ if is_dust(output, policy.dust_relay_fee) => Err(NotStandard::Dust(index)),
        _ => Ok(false),
    }
}

/// Says whether an output is worth less than it costs to spend (Core: `IsDust`).
fn is_dust(output: &TxOut, rate: FeeRate) -> bool {
    let script = output.script_pubkey.as_bytes();
    if is_unspendable(script) {
        return false;
    }
    let mut encoded = Vec::with_capacity(9 + script.len());
    output.encode_into(&mut encoded);
    let input_size = match witness_program(script) {
        Some(_) => WITNESS_INPUT_SIZE,
        None => PLAIN_INPUT_SIZE,
    };
    let size = encoded.len() + input_size;
    output.value.sat() < rate.fee_for(size as u64)
}

#[cfg(test)]
#[path = "standard_tests.rs"]
mod tests;
