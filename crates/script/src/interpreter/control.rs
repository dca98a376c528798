//! Flow control, lock times and the opcodes without effect.

use super::machine::{Machine, Role};
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::opcode::Opcode;

impl Machine<'_, '_, '_, '_> {
    pub(super) fn execute_control(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        match opcode {
            Opcode::OP_NOP => Ok(()),
            Opcode::OP_IF | Opcode::OP_NOTIF => self.execute_if(opcode == Opcode::OP_NOTIF),
            Opcode::OP_ELSE => {
                let toggled = self.conditions.toggle();
                toggled.ok_or(ScriptError::UnbalancedConditional)
            }
            Opcode::OP_ENDIF => {
                let popped = self.conditions.pop();
                popped.ok_or(ScriptError::UnbalancedConditional)
            }
            Opcode::OP_VERIFY => {
                if !self.stack.peek(1)?.is_true() {
                    return Err(ScriptError::Verify);
                }
                self.stack.drop_top(1)
            }
            Opcode::OP_RETURN => Err(ScriptError::OpReturn),
            Opcode::OP_CHECKLOCKTIMEVERIFY => self.execute_lock_time(),
            Opcode::OP_CHECKSEQUENCEVERIFY => self.execute_sequence(),
            Opcode::OP_NOP1 => self.execute_upgradable_nop(),
            upgradable if upgradable >= Opcode::OP_NOP4 => self.execute_upgradable_nop(),
            // VER, VERIF and VERNOTIF.
            _ => Err(ScriptError::BadOpcode),
        }
    }

    fn execute_upgradable_nop(&self) -> Result<(), ScriptError> {
        if self.has(Flags::DISCOURAGE_UPGRADABLE_NOPS) {
            return Err(ScriptError::DiscourageUpgradableNops);
        }
        Ok(())
    }

    fn execute_if(&mut self, is_negated: bool) -> Result<(), ScriptError> {
        let mut is_taken = false;
        if self.conditions.all_true() {
            let argument = self.stack.peek(1);
            let argument = argument.map_err(|_| ScriptError::UnbalancedConditional)?;
            self.require_minimal_condition(argument.as_bytes())?;
            is_taken = argument.is_true() != is_negated;
            self.stack.drop_top(1)?;
        }
        self.conditions.push(is_taken);
        Ok(())
    }

    /// Consensus: in tapscript only an empty item and the number 1 are conditions (BIP342); in
    /// version 0 it is a rule of policy.
    fn require_minimal_condition(&self, argument: &[u8]) -> Result<(), ScriptError> {
        if matches!(argument, [] | [1]) {
            return Ok(());
        }
        match self.role {
            Role::Tapscript(_) => Err(ScriptError::TapscriptMinimalIf),
            Role::WitnessV0 if self.has(Flags::MINIMALIF) => Err(ScriptError::MinimalIf),
            _ => Ok(()),
        }
    }
}
