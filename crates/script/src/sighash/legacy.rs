//! The signature hash of scripts without witness.
//!
//! Consensus: each signature hashes the whole transaction, so an input of many signatures costs
//! their number times its size. Blocks bound it by the size of a transaction without witness and
//! by the signature operations, as in Core. What the inputs of one transaction share is encoded
//! and partly hashed once.

use synod_primitives::encode::{count_size, write_count};
use synod_primitives::{OutPoint, Sha256d, Transaction};

use super::HashType;
use super::context::{SpendContext, encode_outputs};
use crate::instruction::Instructions;
use crate::opcode::Opcode;

/// The size of an input with an empty script: outpoint, length, sequence.
const BLANK_INPUT_SIZE: usize = OutPoint::SIZE + 1 + 4;
/// After how many blank inputs the state of the hash is kept.
const STATE_INTERVAL: usize = 16;
/// An output that is not committed to: the amount -1 and an empty script.
const BLANK_OUTPUT: [u8; 9] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
/// What is signed when SINGLE finds no output at the index of its input: the number 1.
const ONE: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};

/// The transaction with all unlocking scripts blank, encoded and partly hashed.
pub(super) struct LegacyParts {
    /// The inputs, [`BLANK_INPUT_SIZE`] bytes each.
    inputs: Vec<u8>,
    /// The number of outputs and the outputs.
    outputs: Vec<u8>,
    /// The hash after version, count and every [`STATE_INTERVAL`]th input.
    states: Vec<Sha256d>,
}

impl LegacyParts {
    pub(super) fn of(tx: &Transaction) -> Self {
        let mut inputs = Vec::with_capacity(tx.inputs().len() * BLANK_INPUT_SIZE);
        for input in tx.inputs() {
            inputs.extend_from_slice(&input.prevout.encode());
            inputs.push(0);
            inputs.extend_from_slice(&input.sequence.to_le_bytes());
        }
        let mut state = start(tx, tx.inputs().len());
        let mut states = Vec::with_capacity(tx.inputs().len() / STATE_INTERVAL + 1);
        states.push(state.clone());
        for several in inputs.chunks_exact(BLANK_INPUT_SIZE * STATE_INTERVAL) {
            state.update(several);
            states.push(state.clone());
        }
        let mut outputs = Vec::new();
        write_count(&mut outputs, tx.outputs().len());
        outputs.extend_from_slice(&encode_outputs(tx.outputs()));
        Self {
            inputs,
            outputs,
            states,
        }
    }

    /// The hash after all blank inputs before `input`.
    fn state_before(&self, input: usize) -> Sha256d {
        let kept = input / STATE_INTERVAL;
        let mut state = self.states[kept].clone();
        let rest = kept * STATE_INTERVAL * BLANK_INPUT_SIZE..input * BLANK_INPUT_SIZE;
        state.update(&self.inputs[rest]);
        state
    }
}

/// Computes the hash that a signature without witness signs.
///
/// `script_code` is the executed script from its last executed CODESEPARATOR on, without the
/// signature itself; its CODESEPARATORs are left out here.
///
/// # Panics
/// When there is no input of this index, which is a bug of the caller.
#[must_use]
pub fn legacy_sighash(
    context: &SpendContext<'_>,
    input: usize,
    script_code: &[u8],
    hash_type: u32,
) -> [u8; 32] {
    let tx = context.transaction();
    let kind = HashType::of(hash_type);
    assert!(input < tx.inputs().len(), "the input exists");
    if kind.is_single && input >= tx.outputs().len() {
        return ONE;
    }
    let mut hasher = if kind.is_anyone_can_pay {
        start(tx, 1)
    } else if kind.commits_to_all_outputs() {
        context.legacy().state_before(input)
    } else {
        let mut hasher = start(tx, tx.inputs().len());
        hash_unsequenced_inputs(&mut hasher, tx, 0..input);
        hasher
    };
    hasher.update(&tx.inputs()[input].prevout.encode());
    hash_script_code(&mut hasher, script_code);
    hasher.update(&tx.inputs()[input].sequence.to_le_bytes());
    if !kind.is_anyone_can_pay {
        if kind.commits_to_all_outputs() {
            hasher.update(&context.legacy().inputs[(input + 1) * BLANK_INPUT_SIZE..]);
        } else {
            hash_unsequenced_inputs(&mut hasher, tx, input + 1..tx.inputs().len());
        }
    }
    hash_outputs(&mut hasher, context, input, kind);
    hasher.update(&tx.lock_time().to_le_bytes());
    hasher.update(&hash_type.to_le_bytes());
    hasher.finalize()
}

/// Starts with the version and the number of inputs.
fn start(tx: &Transaction, inputs: usize) -> Sha256d {
    let mut head = Vec::with_capacity(13);
    head.extend_from_slice(&tx.version().to_le_bytes());
    write_count(&mut head, inputs);
    let mut hasher = Sha256d::new();
    hasher.update(&head);
    hasher
}

/// Hashes other inputs as NONE and SINGLE see them: blank, with a sequence of zero.
fn hash_unsequenced_inputs(hasher: &mut Sha256d, tx: &Transaction, range: std::ops::Range<usize>) {
    for input in &tx.inputs()[range] {
        hasher.update(&input.prevout.encode());
        hasher.update(&[0; 5]);
    }
}

fn hash_outputs(hasher: &mut Sha256d, context: &SpendContext<'_>, input: usize, kind: HashType) {
    if kind.is_none {
        hasher.update(&[0]);
    } else if kind.is_single {
        let mut bytes = Vec::new();
        write_count(&mut bytes, input + 1);
        bytes.extend_from_slice(&BLANK_OUTPUT.repeat(input));
        context.transaction().outputs()[input].encode_into(&mut bytes);
        hasher.update(&bytes);
    } else {
        hasher.update(&context.legacy().outputs);
    }
}

/// Hashes the script code with its length, without CODESEPARATORs.
///
/// Consensus: Core leaves out what follows a truncated push, but counts it in the length. No
/// script that is executed to its end has such a push.
fn hash_script_code(hasher: &mut Sha256d, script_code: &[u8]) {
    let separators = Instructions::new(script_code)
        .map_while(Result::ok)
        .filter(|read| read.opcode == Opcode::OP_CODESEPARATOR)
        .count();
    let length = script_code.len() - separators;
    let mut head = Vec::with_capacity(count_size(length));
    write_count(&mut head, length);
    hasher.update(&head);
    let mut instructions = Instructions::new(script_code);
    let mut start = 0;
    while let Some(Ok(read)) = instructions.next() {
        if read.opcode == Opcode::OP_CODESEPARATOR {
            hasher.update(&script_code[start..instructions.position() - 1]);
            start = instructions.position();
        }
    }
    hasher.update(&script_code[start..instructions.position()]);
}
