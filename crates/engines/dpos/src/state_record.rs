//! The state at the final block, as bytes: what a start needs instead of all blocks up to it.
//!
//! Version 1: the version in one byte; the block; what fork choice knows of it; then the chain
//! up to it, in the order of its fields. Lists come after their count in 4 bytes, numbers are
//! little-endian. Each part is written and read beside the type that it is of.

use bytes::Bytes;
use synod_engine::FinalBlock;
use synod_primitives::{Height, Reader};
use synod_seal::DelegateHash;

use crate::chain::ActiveChain;
use crate::engine::DelegatedStake;
use crate::proof::{PLACE_SIZE, decode_place, encode_place};
use crate::tree::Tree;

const VERSION: u8 = 1;

impl DelegatedStake {
    /// Encodes the state at the final block, when that is connected.
    pub(crate) fn encode_state(&self) -> Option<(FinalBlock, Bytes)> {
        let last = self.finalized?;
        let root = self.tree.encode_root(&last)?;
        let chain = self.chain.at(&last)?;
        let mut out = vec![VERSION];
        out.extend_from_slice(&encode_place(&last));
        out.extend_from_slice(&root);
        chain.encode(&mut out);
        Some((last, out.into()))
    }

    /// Goes on from a state; one that cannot be read changes nothing.
    pub(crate) fn restore_state(&mut self, bytes: &Bytes) {
        if let Some((block, tree, chain)) = self.decode_state(bytes) {
            self.finalized = Some(block);
            self.tree = tree;
            self.chain = chain;
        }
    }

    fn decode_state(&self, bytes: &Bytes) -> Option<(FinalBlock, Tree, ActiveChain)> {
        let mut reader = Reader::new(bytes);
        if reader.read_u8().ok()? != VERSION {
            return None;
        }
        let block = decode_place(&reader.read_bytes(PLACE_SIZE).ok()?)?;
        let tree = Tree::decode_root(block, &mut reader)?;
        let chain = ActiveChain::decode(self.settings, block, &mut reader)?;
        reader.finish().ok()?;
        Some((block, tree, chain))
    }
}

pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("memory holds fewer than 2^32 items");
    out.extend_from_slice(&count.to_le_bytes());
}

pub(crate) fn read_delegate(reader: &mut Reader<'_>) -> Option<DelegateHash> {
    Some(DelegateHash(reader.read_array().ok()?))
}

pub(crate) fn read_height(reader: &mut Reader<'_>) -> Option<Height> {
    Some(Height(reader.read_u32().ok()?))
}
