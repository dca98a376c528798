//! CHECKMULTISIG and CHECKMULTISIGVERIFY.

use super::MAX_KEYS_PER_MULTISIG;
use super::item::Item;
use super::machine::{Machine, Role};
use super::script_code::ScriptCode;
use crate::error::ScriptError;
use crate::flags::Flags;

/// Where the arguments lie on the stack; the top is at depth 1.
///
/// `dummy signatures... number keys... number`, each list's first item deepest.
struct Arguments {
    keys: usize,
    signatures: usize,
}

impl Arguments {
    /// The depth of the topmost key, which is the last one; trials begin there.
    const FIRST_KEY: usize = 2;

    /// The depth of the topmost signature.
    fn first_signature(&self) -> usize {
        self.keys + 3
    }

    /// The number of items without the dummy.
    fn total(&self) -> usize {
        self.keys + self.signatures + 2
    }
}

impl<'s> Machine<'_, 's, '_, '_> {
    pub(super) fn execute_multisig(&mut self, is_verify: bool) -> Result<(), ScriptError> {
        if self.is_tapscript() {
            return Err(ScriptError::TapscriptCheckMultisig);
        }
        let arguments = self.read_multisig_arguments()?;
        let shorter = self.delete_signatures(&arguments)?;
        let is_valid = match shorter {
            Some(mut code) => self.try_signatures(&arguments, &mut code)?,
            None => {
                let mut code = std::mem::replace(&mut self.code, ScriptCode::new(&[]));
                let tried = self.try_signatures(&arguments, &mut code);
                self.code = code;
                tried?
            }
        };
        self.drop_multisig_arguments(&arguments, is_valid)?;
        if !is_verify {
            self.stack.push(Item::from_bool(is_valid));
        } else if !is_valid {
            return Err(ScriptError::CheckMultisigVerify);
        }
        Ok(())
    }

    /// Consensus: each key counts as an opcode.
    fn read_multisig_arguments(&mut self) -> Result<Arguments, ScriptError> {
        let limit = i64::from(MAX_KEYS_PER_MULTISIG);
        let keys = self.number_at(1)?;
        let keys = read_count(keys, limit).ok_or(ScriptError::PubkeyCount)?;
        self.count_ops(keys)?;
        let signatures = self.number_at(keys + 2)?;
        let limit = i64::try_from(keys).expect("at most 20");
        let signatures = read_count(signatures, limit).ok_or(ScriptError::SigCount)?;
        let arguments = Arguments { keys, signatures };
        // Consensus: the item more that is taken off has to be there before any trial.
        self.stack.require(arguments.total() + 1)?;
        Ok(arguments)
    }

    /// Returns the script code without the signatures where it holds one of them.
    fn delete_signatures(
        &self,
        arguments: &Arguments,
    ) -> Result<Option<ScriptCode<'s>>, ScriptError> {
        if !self.is_without_witness() {
            return Ok(None);
        }
        let first = arguments.first_signature();
        let items = (first..first + arguments.signatures)
            .map(|depth| self.stack.peek(depth))
            .collect::<Result<Vec<_>, _>>()?;
        let shorter = self.code.without(items.iter().map(Item::as_bytes));
        if shorter.is_some() && self.has(Flags::CONST_SCRIPTCODE) {
            return Err(ScriptError::SigFindAndDelete);
        }
        Ok(shorter)
    }

    /// Tries each signature with the keys in their order.
    ///
    /// Consensus: which pairs are tried is observable through the rules on their encoding, so it
    /// is exactly this order, and every verdict is needed for the next step.
    fn try_signatures(
        &mut self,
        arguments: &Arguments,
        code: &mut ScriptCode<'_>,
    ) -> Result<bool, ScriptError> {
        let is_witness = matches!(self.role, Role::WitnessV0);
        let mut key_depth = Arguments::FIRST_KEY;
        let mut signature_depth = arguments.first_signature();
        let mut keys = arguments.keys;
        let mut signatures = arguments.signatures;
        while signatures > 0 {
            let signature = self.stack.peek(signature_depth)?;
            let key = self.stack.peek(key_depth)?;
            let (signature, key) = (signature.as_bytes(), key.as_bytes());
            self.require_encoding(signature, key)?;
            let check = self.spend.ecdsa_check(signature, key, code, is_witness);
            if check.is_some_and(|check| self.spend.checks.check(check)) {
                signature_depth += 1;
                signatures -= 1;
            }
            key_depth += 1;
            keys -= 1;
            if signatures > keys {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the arguments off, and with them one item more, as CHECKMULTISIG always did.
    fn drop_multisig_arguments(
        &mut self,
        arguments: &Arguments,
        is_valid: bool,
    ) -> Result<(), ScriptError> {
        if !is_valid && self.has(Flags::NULLFAIL) {
            let first = arguments.first_signature();
            for depth in first..first + arguments.signatures {
                if !self.stack.peek(depth)?.is_empty() {
                    return Err(ScriptError::SigNullFail);
                }
            }
        }
        self.stack.drop_top(arguments.total())?;
        let dummy = self.stack.pop()?;
        if self.has(Flags::NULLDUMMY) && !dummy.is_empty() {
            return Err(ScriptError::SigNullDummy);
        }
        Ok(())
    }
}

fn read_count(number: i64, limit: i64) -> Option<usize> {
    let count = usize::try_from(number).ok()?;
    (number <= limit).then_some(count)
}
