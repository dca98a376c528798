//! Keeping the engine's state at a final block, so that a start takes in only the blocks above it.
//!
//! Stored as one value: the block's height in 4 bytes, little-endian, its hash, and the engine's
//! own bytes. It is derived: without it, or with one that cannot be used, the engine takes in the
//! whole active chain.

use bytes::Bytes;
use synod_engine::{FinalBlock, Record, STATE_RECORD};
use synod_primitives::{BlockHash, Height, Reader};

use crate::chain::Chain;

/// So many blocks become final before the state is kept again: a start after a kill takes in
/// about as many. An orderly stop keeps it too.
pub const STATE_INTERVAL: u32 = 1024;

fn encode(block: &FinalBlock, state: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(36 + state.len());
    out.extend_from_slice(&block.height.0.to_le_bytes());
    out.extend_from_slice(block.hash.as_bytes());
    out.extend_from_slice(state);
    out.into()
}

fn decode(bytes: &Bytes) -> Option<(FinalBlock, Bytes)> {
    let mut reader = Reader::new(bytes);
    let block = FinalBlock {
        height: Height(reader.read_u32().ok()?),
        hash: BlockHash::from_bytes(reader.read_array().ok()?),
    };
    let state = reader.read_bytes(reader.remaining()).ok()?;
    Some((block, state))
}

impl Chain {
    /// Returns the record that a start gives the engine, when its block is on the active chain.
    pub(crate) fn state_record(&mut self, stored: Option<&Bytes>) -> Option<Record> {
        let (block, value) = decode(stored?)?;
        let active = self.tree.active_at(block.height)?;
        if self.tree.entry(active).record.hash != block.hash {
            return None;
        }
        self.agreement.state_at = block.height;
        Some(Record {
            key: STATE_RECORD,
            value,
        })
    }

    /// Takes the state for a commit when enough has become final since the last.
    pub(crate) fn take_due_state(&mut self) -> Option<Bytes> {
        let last = self.finality()?.0.height;
        let is_due = last.0 >= self.agreement.state_at.0.saturating_add(STATE_INTERVAL);
        if is_due { self.take_state() } else { None }
    }

    /// Takes the state for a commit, if it is newer than the last.
    pub(crate) fn take_state(&mut self) -> Option<Bytes> {
        let last = self.finality()?.0.height;
        if last <= self.agreement.state_at {
            return None;
        }
        let (block, state) = self.engine.state_at_final()?;
        self.agreement.state_at = block.height;
        Some(encode(&block, &state))
    }

    /// Returns the height from which on a start needs blocks for the engine; `None` where it
    /// needs none at all.
    pub(crate) fn engine_needs_from(&self) -> Option<Height> {
        self.engine.stands_at()?;
        Some(self.agreement.state_at.next())
    }
}
