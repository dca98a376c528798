//! What a script is at first sight: pushes only, unspendable, a witness program.

use crate::MAX_SCRIPT_SIZE;
use crate::instruction::Instructions;
use crate::opcode::Opcode;

/// A witness version with its program (BIP141).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WitnessProgram<'s> {
    /// The version, 0 to 16.
    pub version: u8,
    /// The program, 2 to 40 bytes.
    pub program: &'s [u8],
}

/// Reads a script that is exactly a witness version and one push of 2 to 40 bytes.
#[must_use]
pub fn witness_program(script: &[u8]) -> Option<WitnessProgram<'_>> {
    let [version, length, program @ ..] = script else {
        return None;
    };
    let version = Opcode(*version).small_number()?;
    let is_program = (2..=40).contains(length) && usize::from(*length) == program.len();
    is_program.then_some(WitnessProgram { version, program })
}

/// Says whether the script is pay-to-script-hash (BIP16).
#[must_use]
pub fn is_p2sh(script: &[u8]) -> bool {
    script_hash(script).is_some()
}

/// Returns the script hash of a pay-to-script-hash script.
#[must_use]
pub(crate) fn script_hash(script: &[u8]) -> Option<&[u8; 20]> {
    match script {
        [0xa9, 0x14, hash @ .., 0x87] => hash.try_into().ok(),
        _ => None,
    }
}

/// Says whether the script holds nothing but pushes (`OP_RESERVED` counts as one).
#[must_use]
pub fn is_push_only(script: &[u8]) -> bool {
    Instructions::new(script).all(|next| next.is_ok_and(|read| read.opcode.is_push()))
}

/// Says whether no input can ever spend the script, so that its coins are not kept.
#[must_use]
pub fn is_unspendable(script: &[u8]) -> bool {
    script.first() == Some(&Opcode::OP_RETURN.0) || script.len() > MAX_SCRIPT_SIZE
}

/// Returns the data of the last instruction of an unlocking script that only pushes: the redeem
/// script of a pay-to-script-hash input.
#[must_use]
pub fn redeem_script(script_sig: &[u8]) -> Option<&[u8]> {
    let mut last = None;
    for next in Instructions::new(script_sig) {
        let read = next.ok()?;
        if !read.opcode.is_push() {
            return None;
        }
        last = Some(read.data);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(version: u8, length: usize) -> Vec<u8> {
        let mut script = vec![version, u8::try_from(length).expect("short")];
        script.extend(vec![7; length]);
        script
    }

    #[test]
    fn programs_of_2_to_40_bytes_are_read() {
        for (length, expected) in [(1, false), (2, true), (40, true), (41, false)] {
            for version in [0x00, 0x51, 0x60] {
                let script = program(version, length);
                assert_eq!(witness_program(&script).is_some(), expected);
            }
        }
        for version in [0x4f, 0x50, 0x61] {
            assert_eq!(witness_program(&program(version, 32)), None);
        }
        let mut long = program(0, 20);
        long.push(0);
        assert_eq!(witness_program(&long), None);
        assert_eq!(witness_program(&[]), None);
    }

    #[test]
    fn the_size_limit_parts_spendable_from_unspendable() {
        assert!(!is_unspendable(&vec![0; MAX_SCRIPT_SIZE]));
        assert!(is_unspendable(&vec![0; MAX_SCRIPT_SIZE + 1]));
        assert!(is_unspendable(&[0x6a]));
        assert!(!is_unspendable(&[0x51, 0x6a]));
        assert!(!is_unspendable(&[]));
    }

    #[test]
    fn reserved_counts_as_a_push_and_nop_does_not() {
        assert!(is_push_only(&[]));
        assert!(is_push_only(&[0x50, 0x60, 1, 0xff]));
        assert!(!is_push_only(&[0x61]));
        assert!(!is_push_only(&[2, 0xff]));
        assert_eq!(redeem_script(&[0x51, 2, 7, 8]), Some(&[7, 8][..]));
        assert_eq!(redeem_script(&[2, 7, 8, 0x51]), Some(&[][..]));
        assert_eq!(redeem_script(&[0x61, 2, 7, 8]), None);
        assert_eq!(redeem_script(&[]), None);
    }
}
