//! Comparison and arithmetic.

use super::item::Item;
use super::machine::Machine;
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::opcode::Opcode;

impl Machine<'_, '_, '_, '_> {
    pub(super) fn execute_arithmetic(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        match opcode.0 {
            0x87 | 0x88 => self.execute_equal(opcode == Opcode::OP_EQUALVERIFY),
            0x8b..=0x92 => self.execute_unary(opcode),
            0x93..=0xa4 => self.execute_binary(opcode),
            // The rest of the family is WITHIN.
            _ => self.execute_within(),
        }
    }

    fn execute_equal(&mut self, is_verify: bool) -> Result<(), ScriptError> {
        let is_equal = self.stack.peek(2)?.as_bytes() == self.stack.peek(1)?.as_bytes();
        self.stack.drop_top(2)?;
        if !is_verify {
            self.stack.push(Item::from_bool(is_equal));
        } else if !is_equal {
            return Err(ScriptError::EqualVerify);
        }
        Ok(())
    }

    fn execute_unary(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        let number = self.number_at(1)?;
        let result = match opcode {
            Opcode::OP_1ADD => number + 1,
            Opcode::OP_1SUB => number - 1,
            Opcode::OP_NEGATE => -number,
            Opcode::OP_ABS => number.abs(),
            Opcode::OP_NOT => i64::from(number == 0),
            Opcode::OP_0NOTEQUAL => i64::from(number != 0),
            // 2MUL and 2DIV are disabled.
            _ => return Err(ScriptError::DisabledOpcode),
        };
        self.replace(1, result)
    }

    fn execute_binary(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        self.stack.require(2)?;
        let (left, right) = (self.number_at(2)?, self.number_at(1)?);
        let result = match opcode {
            Opcode::OP_ADD => left + right,
            Opcode::OP_SUB => left - right,
            Opcode::OP_BOOLAND => i64::from(left != 0 && right != 0),
            Opcode::OP_BOOLOR => i64::from(left != 0 || right != 0),
            Opcode::OP_NUMEQUAL | Opcode::OP_NUMEQUALVERIFY => i64::from(left == right),
            Opcode::OP_NUMNOTEQUAL => i64::from(left != right),
            Opcode::OP_LESSTHAN => i64::from(left < right),
            Opcode::OP_GREATERTHAN => i64::from(left > right),
            Opcode::OP_LESSTHANOREQUAL => i64::from(left <= right),
            Opcode::OP_GREATERTHANOREQUAL => i64::from(left >= right),
            Opcode::OP_MIN => left.min(right),
            Opcode::OP_MAX => left.max(right),
            // MUL, DIV, MOD, LSHIFT and RSHIFT are disabled.
            _ => return Err(ScriptError::DisabledOpcode),
        };
        if opcode != Opcode::OP_NUMEQUALVERIFY {
            return self.replace(2, result);
        }
        if result == 0 {
            return Err(ScriptError::NumEqualVerify);
        }
        self.stack.drop_top(2)
    }

    fn execute_within(&mut self) -> Result<(), ScriptError> {
        self.stack.require(3)?;
        let number = self.number_at(3)?;
        let (least, limit) = (self.number_at(2)?, self.number_at(1)?);
        self.replace(3, i64::from(least <= number && number < limit))
    }

    /// Reads the number at a depth; the top is at 1.
    pub(super) fn number_at(&self, depth: usize) -> Result<i64, ScriptError> {
        let must_be_minimal = self.has(Flags::MINIMALDATA);
        self.stack.peek(depth)?.to_number(must_be_minimal)
    }

    /// Puts a result in the place of `count` arguments.
    pub(super) fn replace(&mut self, count: usize, result: i64) -> Result<(), ScriptError> {
        self.stack.drop_top(count)?;
        self.stack.push(Item::from_number(result));
        Ok(())
    }
}
