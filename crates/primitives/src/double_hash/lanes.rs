//! Two lanes that work through a list of messages.

use super::Message;
use super::rounds::{Block, INITIAL, State, compress_one, compress_two, second_message, to_bytes};

/// What the length of a message takes at the end of its last block.
const LENGTH_SIZE: usize = 8;

/// A message on its way through the first and the second hash.
struct Lane<'a> {
    index: usize,
    state: State,
    rest: Message<'a>,
    length: u64,
    step: Step,
    is_double: bool,
    /// A block that does not lie in the message as it is.
    buffer: Block,
}

/// What the next block of a lane is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Bytes of the message, or its end.
    Body,
    /// The padding after an end that left no room for the length.
    Length,
    /// The first hash.
    Second,
    /// None: the hash is there.
    Done,
}

impl<'a> Lane<'a> {
    fn new(index: usize, pieces: Message<'a>, is_double: bool) -> Self {
        Self {
            index,
            state: INITIAL,
            rest: pieces,
            length: pieces.iter().map(|piece| piece.len() as u64).sum(),
            step: Step::Body,
            is_double,
            buffer: [0; 64],
        }
    }

    /// Prepares the next block; a whole one within a piece is taken from where it lies.
    fn next_block(&mut self) -> Option<&'a Block> {
        match self.step {
            Step::Body => self.next_of_body(),
            Step::Length => {
                self.buffer = [0; 64];
                self.end();
                None
            }
            Step::Second => {
                self.buffer = second_message(&self.state);
                self.state = INITIAL;
                self.step = Step::Done;
                None
            }
            Step::Done => None,
        }
    }

    fn next_of_body(&mut self) -> Option<&'a Block> {
        let mut used = 0;
        for piece in &mut self.rest {
            if used == 0
                && let Some((block, rest)) = piece.split_first_chunk()
            {
                *piece = rest;
                return Some(block);
            }
            let count = piece.len().min(self.buffer.len() - used);
            let (taken, rest) = piece.split_at(count);
            self.buffer[used..used + count].copy_from_slice(taken);
            *piece = rest;
            used += count;
        }
        if used < self.buffer.len() {
            self.buffer[used..].fill(0);
            self.buffer[used] = 0x80;
            if used < self.buffer.len() - LENGTH_SIZE {
                self.end();
            } else {
                self.step = Step::Length;
            }
        }
        None
    }

    /// Writes the length: this is the last block of the message.
    fn end(&mut self) {
        let bits = self.length * 8;
        let start = self.buffer.len() - LENGTH_SIZE;
        self.buffer[start..].copy_from_slice(&bits.to_be_bytes());
        self.step = if self.is_double {
            Step::Second
        } else {
            Step::Done
        };
    }

    fn compress(&mut self) {
        let block = self.next_block();
        let block = block.unwrap_or(&self.buffer);
        compress_one(&mut self.state, block);
    }
}

/// Hashes each message once, or twice where `is_double`; see [`super::sha256d_each`].
///
/// # Panics
/// Without SHA extensions.
pub(super) fn hash_each<'a>(
    messages: impl Iterator<Item = Message<'a>>,
    is_double: bool,
    mut sink: impl FnMut(usize, [u8; 32]),
) {
    let messages = messages.enumerate();
    let mut waiting = messages.map(|(index, pieces)| Lane::new(index, pieces, is_double));
    let (Some(mut left), right) = (waiting.next(), waiting.next()) else {
        return;
    };
    let mut right = right;
    while let Some(other) = &mut right {
        compress_both(&mut left, other);
        if other.step == Step::Done {
            sink(other.index, to_bytes(&other.state));
            right = waiting.next();
        }
        if left.step == Step::Done {
            sink(left.index, to_bytes(&left.state));
            match waiting.next().or_else(|| right.take()) {
                Some(lane) => left = lane,
                None => return,
            }
        }
    }
    while left.step != Step::Done {
        left.compress();
    }
    sink(left.index, to_bytes(&left.state));
}

fn compress_both(left: &mut Lane<'_>, right: &mut Lane<'_>) {
    let (first, second) = (left.next_block(), right.next_block());
    let blocks = [
        first.unwrap_or(&left.buffer),
        second.unwrap_or(&right.buffer),
    ];
    compress_two([&mut left.state, &mut right.state], blocks);
}
