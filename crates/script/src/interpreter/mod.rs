//! Judging inputs: scripts are executed, signatures are handed to whoever checks them.

mod arithmetic;
mod checksig;
mod conditions;
mod control;
mod encoding;
mod hashing;
mod item;
mod locktime;
mod machine;
mod multisig;
mod script_code;
mod shuffle;
mod stack;
mod taproot;
mod witness;

pub use encoding::is_canonical_signature;
pub use taproot::{LEAF_VERSION_TAPSCRIPT, tap_branch_hash, tap_leaf_hash, tap_tweak_hash};

use crate::builder::push_head;
use crate::checks::SignatureChecks;
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::form::{is_p2sh, is_push_only, witness_program};
use crate::sighash::SpendContext;
use machine::{Machine, Role};
use stack::Stack;

/// The longest script in bytes; tapscripts have no such limit.
pub const MAX_SCRIPT_SIZE: usize = 10_000;
/// The longest item on the stack, in bytes.
pub const MAX_ITEM_SIZE: usize = 520;
/// The most opcodes in a script, pushes apart; tapscripts have no such limit.
pub const MAX_OPS_PER_SCRIPT: usize = 201;
/// The most keys of a CHECKMULTISIG.
pub const MAX_KEYS_PER_MULTISIG: u8 = 20;
/// The most items on both stacks together.
pub const MAX_STACK_SIZE: usize = 1_000;

/// What all scripts of one input have in common.
struct Spend<'e, 'c> {
    context: &'e SpendContext<'e>,
    input: usize,
    flags: Flags,
    checks: &'c mut dyn SignatureChecks,
}

/// Judges whether an input may spend its output (Core: `VerifyScript`).
///
/// Signatures are handed to `checks`; where it defers them, the verdict is theirs as well.
///
/// # Errors
/// The first rule that the input breaks.
///
/// # Panics
/// When there is no input of this index, which is a bug of the caller.
pub fn verify_input(
    context: &SpendContext<'_>,
    input: usize,
    flags: Flags,
    checks: &mut dyn SignatureChecks,
) -> Result<(), ScriptError> {
    let script_sig = context.transaction().inputs()[input].script_sig.as_bytes();
    let script_pubkey = context.script_pubkey(input);
    let mut spend = Spend {
        context,
        input,
        flags,
        checks,
    };
    if flags.contains(Flags::WITNESS)
        && script_sig.is_empty()
        && let Some(program) = witness_program(script_pubkey)
    {
        // Consensus: the locking script is executed first and leaves the program on the stack,
        // so that a program of zeros is false and can never be spent.
        if !item::is_true(program.program) {
            return Err(ScriptError::EvalFalse);
        }
        return spend.verify_program(program, false);
    }
    spend.verify_scripts(script_sig, script_pubkey)
}

impl<'e> Spend<'e, '_> {
    /// Executes unlocking and locking script and what they lead to.
    fn verify_scripts(
        &mut self,
        script_sig: &'e [u8],
        script_pubkey: &'e [u8],
    ) -> Result<(), ScriptError> {
        let flags = self.flags;
        if flags.contains(Flags::SIGPUSHONLY) && !is_push_only(script_sig) {
            return Err(ScriptError::SigPushOnly);
        }
        // Consensus: one after the other on one stack, never as one script (CVE-2010-5141).
        let mut stack = Stack::default();
        Machine::new(self, script_sig, Role::Unlocking, &mut stack).run()?;
        let pays_to_script = flags.contains(Flags::P2SH) && is_p2sh(script_pubkey);
        let unlocked = pays_to_script.then(|| stack.clone());
        Machine::new(self, script_pubkey, Role::Last, &mut stack).run()?;
        stack.require_true()?;
        if flags.contains(Flags::WITNESS) && witness_program(script_pubkey).is_some() {
            return Err(ScriptError::WitnessMalleated);
        }
        let (items_left, had_witness) = match unlocked {
            Some(unlocked) => self.verify_redeem(script_sig, unlocked)?,
            None => (stack.len(), false),
        };
        if flags.contains(Flags::CLEANSTACK) && items_left != 1 {
            return Err(ScriptError::CleanStack);
        }
        let witness = &self.context.transaction().inputs()[self.input].witness;
        if flags.contains(Flags::WITNESS) && !had_witness && !witness.is_empty() {
            return Err(ScriptError::WitnessUnexpected);
        }
        Ok(())
    }

    /// Executes the redeem script, which the unlocking script left on top (BIP16); answers how
    /// many items are left and whether the witness was looked at.
    fn verify_redeem(
        &mut self,
        script_sig: &[u8],
        unlocked: Stack<'_>,
    ) -> Result<(usize, bool), ScriptError> {
        if !is_push_only(script_sig) {
            return Err(ScriptError::SigPushOnly);
        }
        let mut stack = unlocked;
        let redeem = stack.pop()?;
        let redeem = redeem.as_bytes();
        // The stack may now hold slices of the redeem script as well.
        let mut stack: Stack<'_> = stack;
        Machine::new(self, redeem, Role::Last, &mut stack).run()?;
        stack.require_true()?;
        if !self.flags.contains(Flags::WITNESS) {
            return Ok((stack.len(), false));
        }
        let Some(program) = witness_program(redeem) else {
            return Ok((stack.len(), false));
        };
        let (head, length) = push_head(redeem.len());
        if script_sig.strip_prefix(&head[..length]) != Some(redeem) {
            return Err(ScriptError::WitnessMalleatedP2sh);
        }
        self.verify_program(program, true)?;
        Ok((1, true))
    }
}
