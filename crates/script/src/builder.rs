//! Building scripts.

use synod_primitives::Script;

use crate::number::ScriptNum;
use crate::opcode::Opcode;

/// Builds a script, opcode by opcode.
///
/// ```
/// use synod_script::{Opcode, ScriptBuilder};
///
/// let script = ScriptBuilder::new()
///     .opcode(Opcode::OP_DUP)
///     .opcode(Opcode::OP_HASH160)
///     .push(&[7; 20])
///     .opcode(Opcode::OP_EQUALVERIFY)
///     .opcode(Opcode::OP_CHECKSIG)
///     .into_script();
/// assert_eq!(script.len(), 25);
/// ```
#[derive(Clone, Default, Debug)]
pub struct ScriptBuilder(Vec<u8>);

impl ScriptBuilder {
    /// Starts an empty script.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an opcode.
    #[must_use]
    pub fn opcode(mut self, opcode: Opcode) -> Self {
        self.0.push(opcode.0);
        self
    }

    /// Adds the shortest push of `data`, which MINIMALDATA demands.
    #[must_use]
    pub fn push(self, data: &[u8]) -> Self {
        match *data {
            [number @ 1..=16] => self.opcode(Opcode(Opcode::OP_1.0 + number - 1)),
            [0x81] => self.opcode(Opcode::OP_1NEGATE),
            _ => self.push_verbatim(data),
        }
    }

    /// Adds a push of `data` by its length alone, as Core writes signatures and keys: a single
    /// small byte is not turned into its own opcode.
    #[must_use]
    pub fn push_verbatim(mut self, data: &[u8]) -> Self {
        let (head, length) = push_head(data.len());
        self.0.extend_from_slice(&head[..length]);
        self.0.extend_from_slice(data);
        self
    }

    /// Adds the shortest push of a number.
    #[must_use]
    pub fn push_number(self, number: i64) -> Self {
        self.push(ScriptNum(number).encode().as_bytes())
    }

    /// Adds the bytes of a script as they are.
    #[must_use]
    pub fn raw(mut self, script: &[u8]) -> Self {
        self.0.extend_from_slice(script);
        self
    }

    /// Returns the bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Returns the script.
    #[must_use]
    pub fn into_script(self) -> Script {
        Script::new(self.0)
    }
}

/// Returns the bytes that announce a push of `length` bytes, and how many they are.
pub(crate) fn push_head(length: usize) -> ([u8; 5], usize) {
    let digits = (length as u64).to_le_bytes();
    match length {
        0..=75 => ([digits[0], 0, 0, 0, 0], 1),
        76..=0xff => ([0x4c, digits[0], 0, 0, 0], 2),
        0x100..=0xffff => ([0x4d, digits[0], digits[1], 0, 0], 3),
        _ => ([0x4e, digits[0], digits[1], digits[2], digits[3]], 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction::Instructions;

    #[test]
    fn pushes_are_minimal_and_read_back() {
        for length in [0, 1, 2, 75, 76, 255, 256, 65535, 65536] {
            let data = vec![1; length];
            let script = ScriptBuilder::new().push(&data).into_bytes();
            let read = Instructions::new(&script).next();
            let read = read.expect("an instruction").expect("a whole push");
            assert!(read.is_minimal_push(), "{length}");
            if length != 1 {
                assert_eq!(read.data, data);
            }
        }
    }

    #[test]
    fn small_numbers_are_opcodes() {
        let script = |number| ScriptBuilder::new().push_number(number).into_bytes();
        assert_eq!(script(-1), [0x4f]);
        assert_eq!(script(0), [0]);
        assert_eq!(script(1), [0x51]);
        assert_eq!(script(16), [0x60]);
        assert_eq!(script(17), [1, 17]);
        assert_eq!(script(128), [2, 128, 0]);
    }

    #[test]
    fn a_verbatim_push_keeps_its_length_byte() {
        let script = ScriptBuilder::new().push_verbatim(&[1]).into_bytes();
        assert_eq!(script, [1, 1]);
    }
}
