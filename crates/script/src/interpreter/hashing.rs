//! Opcodes that hash.

use synod_primitives::{sha256, sha256d};

use super::item::Item;
use super::machine::Machine;
use crate::digest::{hash160, ripemd160, sha1};
use crate::error::ScriptError;
use crate::opcode::Opcode;

impl Machine<'_, '_, '_, '_> {
    pub(super) fn execute_hashing(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        let top = self.stack.pop()?;
        let bytes = top.as_bytes();
        let hash = match opcode {
            Opcode::OP_RIPEMD160 => Item::from_short(&ripemd160(bytes)),
            Opcode::OP_SHA1 => Item::from_short(&sha1(bytes)),
            Opcode::OP_SHA256 => Item::from_short(&sha256(bytes)),
            Opcode::OP_HASH160 => Item::from_short(&hash160(bytes)),
            // The rest of the family is HASH256.
            _ => Item::from_short(&sha256d(bytes)),
        };
        self.stack.push(hash);
        Ok(())
    }
}
