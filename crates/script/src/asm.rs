//! Scripts as text for people, in the style of Esplora and rust-bitcoin.

use std::fmt::{self, Write};

use crate::instruction::Instructions;
use crate::opcode::Opcode;

/// A script to be written as text: names of opcodes, data in hex, parted by spaces.
///
/// ```
/// use synod_script::Asm;
///
/// assert_eq!(Asm(&[0x51, 2, 0xab, 0xcd]).to_string(), "OP_PUSHNUM_1 OP_PUSHBYTES_2 abcd");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Asm<'s>(pub &'s [u8]);

impl fmt::Display for Asm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut instructions = Instructions::new(self.0);
        let mut start = 0;
        while let Some(next) = instructions.next() {
            let is_first = start == 0;
            match next {
                Ok(read) => {
                    write_parting(f, is_first)?;
                    write_name(f, read.opcode)?;
                    write_data(f, read.data)?;
                }
                Err(_) => write_broken(f, &self.0[start..instructions.position()], is_first)?,
            }
            start = instructions.position();
        }
        Ok(())
    }
}

/// Writes a truncated push, of which the opcode and perhaps the length are there.
///
/// rust-bitcoin writes neither a space nor the opcode before a length that is cut off; explorers
/// show it so, and so do we.
fn write_broken(f: &mut fmt::Formatter<'_>, head: &[u8], is_first: bool) -> fmt::Result {
    let opcode = Opcode(head[0]);
    let is_length_missing = head.len() == 1 && opcode >= Opcode::OP_PUSHDATA1;
    if is_length_missing {
        return f.write_str("<unexpected end>");
    }
    write_parting(f, is_first)?;
    write_name(f, opcode)?;
    f.write_str(" <push past end>")
}

fn write_parting(f: &mut fmt::Formatter<'_>, is_first: bool) -> fmt::Result {
    if is_first { Ok(()) } else { f.write_char(' ') }
}

fn write_data(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    if data.is_empty() {
        return Ok(());
    }
    f.write_char(' ')?;
    data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn write_name(f: &mut fmt::Formatter<'_>, opcode: Opcode) -> fmt::Result {
    match opcode.0 {
        0 => f.write_str("OP_0"),
        length @ 1..=75 => write!(f, "OP_PUSHBYTES_{length}"),
        0x4f => f.write_str("OP_PUSHNUM_NEG1"),
        number @ 0x51..=0x60 => write!(f, "OP_PUSHNUM_{}", number - 0x50),
        0xb1 => f.write_str("OP_CLTV"),
        0xb2 => f.write_str("OP_CSV"),
        byte @ 0xbb..=0xfe => write!(f, "OP_RETURN_{byte}"),
        _ => f.write_str(opcode.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_written_as_explorers_show_them() {
        for (script, expected) in [
            (&[][..], ""),
            (&[0, 1, 0xaa], "OP_0 OP_PUSHBYTES_1 aa"),
            (&[0x4c, 1, 0xaa, 0x4f], "OP_PUSHDATA1 aa OP_PUSHNUM_NEG1"),
            (&[0x60, 0xb1, 0xb2], "OP_PUSHNUM_16 OP_CLTV OP_CSV"),
            (
                &[0xba, 0xbb, 0xff],
                "OP_CHECKSIGADD OP_RETURN_187 OP_INVALIDOPCODE",
            ),
            (
                &[0x51, 2, 0xaa],
                "OP_PUSHNUM_1 OP_PUSHBYTES_2 <push past end>",
            ),
            (
                &[0x51, 0x4c, 2],
                "OP_PUSHNUM_1 OP_PUSHDATA1 <push past end>",
            ),
            (&[0x51, 0x4d, 2], "OP_PUSHNUM_1<unexpected end>"),
            (&[0x4c], "<unexpected end>"),
        ] {
            assert_eq!(Asm(script).to_string(), expected);
        }
    }
}
