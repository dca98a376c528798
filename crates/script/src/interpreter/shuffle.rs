//! Opcodes that move items.

use super::item::Item;
use super::machine::Machine;
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::opcode::Opcode;

impl Machine<'_, '_, '_, '_> {
    pub(super) fn execute_shuffle(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        match opcode {
            Opcode::OP_TOALTSTACK => {
                let top = self.stack.pop()?;
                self.alt_stack.push(top);
                Ok(())
            }
            Opcode::OP_FROMALTSTACK => {
                let top = self.alt_stack.pop();
                self.stack
                    .push(top.ok_or(ScriptError::InvalidAltstackOperation)?);
                Ok(())
            }
            Opcode::OP_2DROP => self.stack.drop_top(2),
            Opcode::OP_DROP => self.stack.drop_top(1),
            Opcode::OP_NIP => self.stack.remove(2).map(drop),
            Opcode::OP_DUP => self.copy(1, 1),
            Opcode::OP_OVER => self.copy(2, 1),
            Opcode::OP_2DUP => self.copy(2, 2),
            Opcode::OP_3DUP => self.copy(3, 3),
            Opcode::OP_2OVER => self.copy(4, 2),
            Opcode::OP_SWAP => self.raise(2, 1),
            Opcode::OP_ROT => self.raise(3, 1),
            Opcode::OP_2SWAP => self.raise(4, 2),
            Opcode::OP_2ROT => self.raise(6, 2),
            Opcode::OP_TUCK => {
                self.stack.require(2)?;
                let top = self.stack.peek(1)?;
                self.stack.insert(2, top)
            }
            Opcode::OP_IFDUP => match self.stack.peek(1)?.is_true() {
                true => self.copy(1, 1),
                false => Ok(()),
            },
            Opcode::OP_PICK | Opcode::OP_ROLL => self.execute_pick(opcode == Opcode::OP_ROLL),
            Opcode::OP_DEPTH => self.push_length(self.stack.len()),
            // The rest of the family is SIZE.
            _ => self.push_length(self.stack.peek(1)?.as_bytes().len()),
        }
    }

    /// Copies `count` items, of which the deepest is at `depth`, to the top.
    fn copy(&mut self, depth: usize, count: usize) -> Result<(), ScriptError> {
        for _ in 0..count {
            let item = self.stack.peek(depth)?;
            self.stack.push(item);
        }
        Ok(())
    }

    /// Moves `count` items, of which the deepest is at `depth`, to the top.
    fn raise(&mut self, depth: usize, count: usize) -> Result<(), ScriptError> {
        for _ in 0..count {
            let item = self.stack.remove(depth)?;
            self.stack.push(item);
        }
        Ok(())
    }

    fn execute_pick(&mut self, is_roll: bool) -> Result<(), ScriptError> {
        self.stack.require(2)?;
        let top = self.stack.peek(1)?;
        let number = top.to_number(self.has(Flags::MINIMALDATA))?;
        self.stack.drop_top(1)?;
        let above = usize::try_from(number).map_err(|_| ScriptError::InvalidStackOperation)?;
        if is_roll {
            self.raise(above + 1, 1)
        } else {
            self.copy(above + 1, 1)
        }
    }

    fn push_length(&mut self, length: usize) -> Result<(), ScriptError> {
        let length = i64::try_from(length).expect("lengths are below 2^63");
        self.stack.push(Item::from_number(length));
        Ok(())
    }
}
