//! The signature hash of witness version 0 (BIP143).

use synod_primitives::encode::write_count;
use synod_primitives::{Sha256d, sha256d};

use super::HashType;
use super::context::SpendContext;

/// Computes the hash that a signature of witness version 0 signs.
///
/// `script_code` is the executed script from its last executed CODESEPARATOR on; that of P2WPKH is
/// the P2PKH script of its hash. The amount comes from the context.
///
/// # Panics
/// When there is no input of this index, which is a bug of the caller.
#[must_use]
pub fn segwit_v0_sighash(
    context: &SpendContext<'_>,
    input: usize,
    script_code: &[u8],
    hash_type: u32,
) -> [u8; 32] {
    let (head, tail) = around_script_code(context, input, hash_type);
    let mut hasher = Sha256d::new();
    hasher.update(&head);
    hash_script_code(&mut hasher, script_code);
    hasher.update(&tail);
    hasher.finalize()
}

/// Writes what is hashed before and after the script code.
pub(super) fn around_script_code(
    context: &SpendContext<'_>,
    input: usize,
    hash_type: u32,
) -> ([u8; 104], [u8; 52]) {
    let tx = context.transaction();
    let txin = &tx.inputs()[input];
    let kind = HashType::of(hash_type);
    let mut head = [0; 104];
    head[..4].copy_from_slice(&tx.version().to_le_bytes());
    if !kind.is_anyone_can_pay {
        head[4..36].copy_from_slice(&context.double_parts().prevouts);
        if kind.commits_to_all_outputs() {
            head[36..68].copy_from_slice(&context.double_parts().sequences);
        }
    }
    head[68..].copy_from_slice(&txin.prevout.encode());
    let mut tail = [0; 52];
    tail[..8].copy_from_slice(&context.value(input).sat().to_le_bytes());
    tail[8..12].copy_from_slice(&txin.sequence.to_le_bytes());
    tail[12..44].copy_from_slice(&outputs_hash(context, input, kind));
    tail[44..48].copy_from_slice(&tx.lock_time().to_le_bytes());
    tail[48..].copy_from_slice(&hash_type.to_le_bytes());
    (head, tail)
}

fn outputs_hash(context: &SpendContext<'_>, input: usize, kind: HashType) -> [u8; 32] {
    if kind.commits_to_all_outputs() {
        return context.double_parts().outputs;
    }
    let output = context.transaction().outputs().get(input);
    match output.filter(|_| kind.is_single) {
        Some(output) => {
            let mut bytes = Vec::new();
            output.encode_into(&mut bytes);
            sha256d(&bytes)
        }
        None => [0; 32],
    }
}

fn hash_script_code(hasher: &mut Sha256d, script_code: &[u8]) {
    match u8::try_from(script_code.len()) {
        Ok(length @ 0..=0xfc) => hasher.update(&[length]),
        _ => {
            let mut head = Vec::new();
            write_count(&mut head, script_code.len());
            hasher.update(&head);
        }
    }
    hasher.update(script_code);
}
