//! Reading scripts instruction by instruction.

use crate::opcode::Opcode;

/// An opcode with the data that it pushes; none for most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction<'s> {
    /// The opcode.
    pub opcode: Opcode,
    /// The bytes that follow it in the script as its data.
    pub data: &'s [u8],
}

impl Instruction<'_> {
    /// Says whether no shorter opcode would push the same data (BIP62 rule 3).
    ///
    /// True for everything that is no push of data.
    #[must_use]
    pub fn is_minimal_push(&self) -> bool {
        let opcode = self.opcode.0;
        if !self.opcode.is_data_push() {
            return true;
        }
        match *self.data {
            [] => self.opcode == Opcode::OP_0,
            [1..=16 | 0x81] => false,
            _ => match self.data.len() {
                length @ ..=75 => usize::from(opcode) == length,
                76..=0xff => self.opcode == Opcode::OP_PUSHDATA1,
                0x100..=0xffff => self.opcode == Opcode::OP_PUSHDATA2,
                _ => true,
            },
        }
    }
}

/// A push that goes past the end of its script.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a push goes past the end of the script")]
pub struct TruncatedPush;

/// Goes through the instructions of a script; ends after a truncated push.
#[derive(Clone, Debug)]
pub struct Instructions<'s> {
    script: &'s [u8],
    position: usize,
    is_broken: bool,
}

impl<'s> Instructions<'s> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(script: &'s [u8]) -> Self {
        Self {
            script,
            position: 0,
            is_broken: false,
        }
    }

    /// Returns the number of bytes already read.
    ///
    /// After a truncated push this is the place where its data would begin.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Skips `count` bytes, to go on from there.
    pub(crate) fn skip_bytes(&mut self, count: usize) {
        self.position += count;
    }

    fn read_length(&mut self, bytes: usize) -> Option<usize> {
        let digits = self.script.get(self.position..self.position + bytes)?;
        self.position += bytes;
        let digits = digits.iter().rev();
        Some(digits.fold(0, |length, digit| (length << 8) | usize::from(*digit)))
    }

    fn read_data(&mut self, opcode: Opcode) -> Option<&'s [u8]> {
        let length = match opcode {
            Opcode::OP_PUSHDATA1 => self.read_length(1)?,
            Opcode::OP_PUSHDATA2 => self.read_length(2)?,
            Opcode::OP_PUSHDATA4 => self.read_length(4)?,
            Opcode(length) => usize::from(length),
        };
        let data = self.script[self.position..].get(..length)?;
        self.position += length;
        Some(data)
    }
}

impl<'s> Iterator for Instructions<'s> {
    type Item = Result<Instruction<'s>, TruncatedPush>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let opcode = Opcode(*self.script.get(self.position)?);
        self.position += 1;
        let data = if opcode.is_data_push() {
            self.read_data(opcode)
        } else {
            Some(&[][..])
        };
        self.is_broken = data.is_none();
        Some(
            data.map(|data| Instruction { opcode, data })
                .ok_or(TruncatedPush),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &[u8]) -> Vec<Result<Instruction<'_>, TruncatedPush>> {
        Instructions::new(script).collect()
    }

    #[test]
    fn every_form_of_push_is_read() {
        for script in [
            &[2, 7, 8, 0xac][..],
            &[0x4c, 2, 7, 8, 0xac],
            &[0x4d, 2, 0, 7, 8, 0xac],
            &[0x4e, 2, 0, 0, 0, 7, 8, 0xac],
        ] {
            let expected = [
                Ok(Instruction {
                    opcode: Opcode(script[0]),
                    data: &[7, 8][..],
                }),
                Ok(Instruction {
                    opcode: Opcode::OP_CHECKSIG,
                    data: &[],
                }),
            ];
            assert_eq!(read(script), expected);
        }
    }

    #[test]
    fn a_truncated_push_ends_the_script() {
        for (script, position) in [
            (&[0x51, 2, 7][..], 2),
            (&[0x51, 0x4c], 2),
            (&[0x51, 0x4c, 1], 3),
            (&[0x51, 0x4d, 1], 2),
            (&[0x51, 0x4e, 0xff, 0xff, 0xff, 0xff, 1, 2], 6),
        ] {
            let mut instructions = Instructions::new(script);
            assert!(instructions.next().is_some_and(|first| first.is_ok()));
            assert_eq!(instructions.next(), Some(Err(TruncatedPush)));
            assert_eq!(instructions.position(), position);
            assert_eq!(instructions.next(), None);
        }
    }

    #[test]
    fn only_the_shortest_push_is_minimal() {
        let is_minimal = |script: &[u8]| {
            let instruction = Instructions::new(script).next();
            instruction.is_some_and(|read| read.is_ok_and(|read| read.is_minimal_push()))
        };
        assert!(is_minimal(&[0]));
        assert!(!is_minimal(&[0x4c, 0]));
        assert!(!is_minimal(&[1, 1]));
        assert!(!is_minimal(&[1, 16]));
        assert!(!is_minimal(&[1, 0x81]));
        assert!(is_minimal(&[1, 0]));
        assert!(is_minimal(&[1, 17]));
        assert!(!is_minimal(&[0x4c, 1, 17]));
        let push = |head: &[u8], length: usize| [head, &vec![9; length]].concat();
        assert!(is_minimal(&push(&[75], 75)));
        assert!(!is_minimal(&push(&[0x4c, 75], 75)));
        assert!(is_minimal(&push(&[0x4c, 76], 76)));
        assert!(!is_minimal(&push(&[0x4d, 255, 0], 255)));
        assert!(is_minimal(&push(&[0x4d, 0, 1], 256)));
        assert!(!is_minimal(&push(&[0x4e, 255, 255, 0, 0], 65535)));
        assert!(is_minimal(&push(&[0x4e, 0, 0, 1, 0], 65536)));
    }
}
