//! The chain id that block 1's coinbase carries, everywhere but under regtest.

use synod_primitives::{Script, Transaction};

/// `OP_RETURN`, a push of 36 bytes, and the tag that the id stands behind.
const PREFIX: [u8; 6] = [0x6a, 36, b'S', b'Y', b'N', b'D'];

/// Returns the output script that carries a chain id: `OP_RETURN <"SYND" || id>`.
#[must_use]
pub fn chain_id_script(id: &[u8; 32]) -> Script {
    Script::new([PREFIX.as_slice(), id].concat())
}

/// Says whether exactly one output of the coinbase is tagged, and that with this id.
pub(crate) fn carries_chain_id(coinbase: &Transaction, id: &[u8; 32]) -> bool {
    let outputs = coinbase.outputs().iter();
    let mut ids = outputs.filter_map(|output| {
        let id = output.script_pubkey.as_bytes().strip_prefix(&PREFIX)?;
        <&[u8; 32]>::try_from(id).ok()
    });
    ids.next() == Some(id) && ids.next().is_none()
}
