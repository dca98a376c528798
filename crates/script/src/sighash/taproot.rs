//! The signature hash of taproot (BIP341) and tapscript (BIP342).

use sha2::{Digest, Sha256};
use synod_primitives::encode::write_var_bytes;
use synod_primitives::sha256;

use super::context::SpendContext;
use crate::digest::TAP_SIGHASH;

/// The first byte of every message: the epoch.
const EPOCH: u8 = 0;
/// The version of 32-byte keys in tapscript.
const KEY_VERSION: u8 = 0;
/// The bits of a hash type that choose the outputs.
const OUTPUT_MASK: u8 = 3;
const ALL: u8 = 1;
const SINGLE: u8 = 3;
const ANYONE_CAN_PAY: u8 = 0x80;

/// What a taproot signature signs besides the transaction.
#[derive(Clone, Copy, Default, Debug)]
pub struct TaprootSpend {
    /// The hash of the annex, from [`annex_hash`]; none without annex.
    pub annex_hash: Option<[u8; 32]>,
    /// The leaf and the place in it; none for the key path.
    pub leaf: Option<LeafPosition>,
}

/// A place in a tapscript.
#[derive(Clone, Copy, Debug)]
pub struct LeafPosition {
    /// The hash of the leaf.
    pub leaf_hash: [u8; 32],
    /// The index among the script's opcodes of the last executed CODESEPARATOR, or
    /// [`LeafPosition::NO_SEPARATOR`].
    pub code_separator: u32,
}

impl LeafPosition {
    /// What stands for the place of a CODESEPARATOR before any was executed.
    pub const NO_SEPARATOR: u32 = u32::MAX;
}

/// Hashes an annex, its first byte 0x50 included, as signatures commit to it.
#[must_use]
pub fn annex_hash(annex: &[u8]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(annex.len() + 9);
    write_var_bytes(&mut bytes, annex);
    sha256(&bytes)
}

/// Computes the hash that a taproot signature signs.
///
/// `None` when the hash type is not defined, or is SINGLE and there is no output at the index of
/// the input; both fail the signature.
///
/// # Panics
/// When there is no input of this index, which is a bug of the caller.
#[must_use]
pub fn taproot_sighash(
    context: &SpendContext<'_>,
    input: usize,
    hash_type: u8,
    spend: &TaprootSpend,
) -> Option<[u8; 32]> {
    if !matches!(hash_type, 0..=3 | 0x81..=0x83) {
        return None;
    }
    let tx = context.transaction();
    let is_anyone_can_pay = hash_type & ANYONE_CAN_PAY != 0;
    let output_kind = if hash_type == 0 {
        ALL
    } else {
        hash_type & OUTPUT_MASK
    };
    let mut hasher = TAP_SIGHASH.hasher();
    let mut head = [0; 10];
    head[0] = EPOCH;
    head[1] = hash_type;
    head[2..6].copy_from_slice(&tx.version().to_le_bytes());
    head[6..].copy_from_slice(&tx.lock_time().to_le_bytes());
    hasher.update(head);
    if !is_anyone_can_pay {
        hasher.update(context.parts().prevouts);
        hasher.update(context.spent().amounts);
        hasher.update(context.spent().scripts);
        hasher.update(context.parts().sequences);
    }
    if output_kind == ALL {
        hasher.update(context.parts().outputs);
    }
    hash_input(&mut hasher, context, input, is_anyone_can_pay, spend);
    if output_kind == SINGLE {
        hasher.update(output_hash(context, input)?);
    }
    if let Some(leaf) = &spend.leaf {
        hasher.update(leaf.leaf_hash);
        hasher.update([KEY_VERSION]);
        hasher.update(leaf.code_separator.to_le_bytes());
    }
    Some(hasher.finalize().into())
}

fn hash_input(
    hasher: &mut Sha256,
    context: &SpendContext<'_>,
    input: usize,
    is_anyone_can_pay: bool,
    spend: &TaprootSpend,
) {
    let extension = u8::from(spend.leaf.is_some());
    hasher.update([(extension << 1) | u8::from(spend.annex_hash.is_some())]);
    if is_anyone_can_pay {
        let txin = &context.transaction().inputs()[input];
        let mut spent = Vec::new();
        spent.extend_from_slice(&context.value(input).sat().to_le_bytes());
        write_var_bytes(&mut spent, context.script_pubkey(input));
        hasher.update(txin.prevout.encode());
        hasher.update(spent);
        hasher.update(txin.sequence.to_le_bytes());
    } else {
        let index = u32::try_from(input).expect("transactions have fewer inputs");
        hasher.update(index.to_le_bytes());
    }
    if let Some(hash) = &spend.annex_hash {
        hasher.update(hash);
    }
}

fn output_hash(context: &SpendContext<'_>, input: usize) -> Option<[u8; 32]> {
    let mut bytes = Vec::new();
    let outputs = context.transaction().outputs();
    outputs.get(input)?.encode_into(&mut bytes);
    Some(sha256(&bytes))
}
