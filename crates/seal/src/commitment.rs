//! Where a seal lies: behind the 38 bytes of BIP141's witness commitment in the coinbase, as
//! exactly one push.

use synod_primitives::{Script, Transaction, TxOut};

use crate::error::SealError;
use crate::seal::Seal;

/// `OP_RETURN`, a push of 36 bytes, and BIP141's tag.
const PREFIX: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
/// The bytes of BIP141 before what is ours.
const COMMITMENT_SIZE: usize = PREFIX.len() + 32;

const OP_PUSHDATA1: u8 = 0x4c;
const OP_PUSHDATA2: u8 = 0x4d;

/// Returns the seal of a block with this coinbase.
///
/// # Errors
/// There is not exactly one witness commitment, or behind it not exactly one push that is a
/// seal.
pub fn find_seal(coinbase: &Transaction) -> Result<Seal, SealError> {
    let script = commitment_output(coinbase)?.1.script_pubkey.as_bytes();
    Seal::decode(read_push(&script[COMMITMENT_SIZE..])?)
}

/// Says whether the coinbase has exactly one witness commitment with nothing behind it, so
/// that a seal can be put there.
#[must_use]
pub fn has_seal_slot(coinbase: &Transaction) -> bool {
    commitment_output(coinbase)
        .is_ok_and(|(_, output)| output.script_pubkey.len() == COMMITMENT_SIZE)
}

/// Returns the output that carries the commitment, with its index.
fn commitment_output(coinbase: &Transaction) -> Result<(usize, &TxOut), SealError> {
    let outputs = coinbase.outputs().iter().enumerate();
    let mut found = outputs.filter(|(_, output)| {
        let script = output.script_pubkey.as_bytes();
        script.starts_with(&PREFIX) && script.len() >= COMMITMENT_SIZE
    });
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(SealError::Commitment),
    }
}

/// Returns the coinbase with this seal behind its commitment, instead of what is there.
pub(crate) fn put_seal(coinbase: &Transaction, seal: &Seal) -> Result<Transaction, SealError> {
    let (index, output) = commitment_output(coinbase)?;
    let mut script = output.script_pubkey.as_bytes()[..COMMITMENT_SIZE].to_vec();
    write_push(&mut script, &seal.encode());
    let mut outputs = coinbase.outputs().to_vec();
    outputs[index].script_pubkey = Script::new(script);
    Ok(Transaction::new(
        coinbase.version(),
        coinbase.inputs().to_vec(),
        outputs,
        coinbase.lock_time(),
    ))
}

/// Appends the shortest push of a seal, which is longer than 75 bytes and shorter than 64 KiB.
fn write_push(script: &mut Vec<u8>, data: &[u8]) {
    let length = u16::try_from(data.len()).expect("a seal is shorter than 64 KiB");
    match u8::try_from(length) {
        Ok(length) => script.extend_from_slice(&[OP_PUSHDATA1, length]),
        Err(_) => {
            script.push(OP_PUSHDATA2);
            script.extend_from_slice(&length.to_le_bytes());
        }
    }
    script.extend_from_slice(data);
}

/// Reads bytes that are exactly one push, in the shortest form for more than 75 bytes.
fn read_push(script: &[u8]) -> Result<&[u8], SealError> {
    let (length, data) = match script {
        [OP_PUSHDATA1, length, data @ ..] if *length > 75 => (usize::from(*length), data),
        [OP_PUSHDATA2, low, high, data @ ..] if *high > 0 => {
            (usize::from(u16::from_le_bytes([*low, *high])), data)
        }
        _ => return Err(SealError::Push),
    };
    if data.len() == length {
        Ok(data)
    } else {
        Err(SealError::Push)
    }
}
