//! The state at the final block, as bytes: what a start needs instead of all blocks up to it.
//!
//! Version 1: the version in one byte; the final block as in [`crate::record`]; the mix; the
//! stake table; births, wins, reveals and included votes, each after its count in 4 bytes; the
//! validators of epochs that were taken at that block or before, after their count, and of each
//! whether it was taken before, the block, the epoch, the seed, and the validators.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use synod_engine::FinalBlock;
use synod_primitives::{BlockHash, OutPoint, Reader, Txid};
use synod_seal::{Checkpoint, DelegateHash, Epoch, SealKey, StakeTable, VoteLink};

use crate::record::Finality;
use crate::snapshot::Snapshot;
use crate::state::ChainState;
use crate::tree::Tree;
use crate::{Active, ProofOfStake, Snapshots};

const VERSION: u8 = 1;
/// The bytes of the final block's own record.
const FINALITY_SIZE: usize = 52;

/// What was read.
struct Restored {
    finality: Finality,
    state: ChainState,
    snapshots: Snapshots,
}

impl ProofOfStake {
    /// Encodes the state at the final block, when that is connected.
    pub(crate) fn encode_state(&self) -> Option<(FinalBlock, Bytes)> {
        let finality = self.checkpoints.finality?;
        if finality.block != self.tree.root {
            return None;
        }
        let mut state = self.active.state.clone();
        for undo in self.active.undos.iter().rev() {
            state.disconnect(undo.clone());
        }
        if state.tip != finality.block {
            return None;
        }
        let mut out = vec![VERSION];
        out.extend_from_slice(&finality.record().value);
        put_state(&mut out, &state);
        let rooted = self.snapshots.rooted.values().map(|it| (true, it));
        let at_root = self.snapshots.taken.iter();
        let at_root = at_root.filter(|((_, at), _)| *at == finality.block.hash);
        let at_root = at_root.map(|(_, it)| (false, it));
        let all: Vec<(bool, &Arc<Snapshot>)> = rooted.chain(at_root).collect();
        put_count(&mut out, all.len());
        for (is_rooted, snapshot) in all {
            out.push(u8::from(is_rooted));
            snapshot.encode(&mut out);
        }
        Some((finality.block, out.into()))
    }

    /// Goes on from a state; one that cannot be read changes nothing.
    pub(crate) fn restore_state(&mut self, bytes: &Bytes) {
        let Some(restored) = decode(bytes) else {
            return;
        };
        let Restored {
            finality,
            state,
            snapshots,
        } = restored;
        self.tree = Tree::new(finality.block);
        self.tree.root_slot = finality.slot;
        self.active = Active {
            state,
            undos: Vec::new(),
        };
        self.snapshots = snapshots;
        self.checkpoints.justified.insert(finality.checkpoint());
        let last = self.checkpoints.finality.get_or_insert(finality);
        if last.epoch < finality.epoch {
            *last = finality;
        }
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("memory holds fewer than 2^32 items");
    out.extend_from_slice(&count.to_le_bytes());
}

fn put_outpoint(out: &mut Vec<u8>, outpoint: &OutPoint) {
    out.extend_from_slice(outpoint.txid.as_bytes());
    out.extend_from_slice(&outpoint.vout.to_le_bytes());
}

pub(crate) fn read_outpoint(reader: &mut Reader<'_>) -> Option<OutPoint> {
    let txid = Txid::from_bytes(reader.read_array().ok()?);
    Some(OutPoint::new(txid, reader.read_u32().ok()?))
}

fn put_state(out: &mut Vec<u8>, state: &ChainState) {
    out.extend_from_slice(&state.mix);
    state.table.encode(out);
    put_count(out, state.births.len());
    for (outpoint, epoch) in &state.births {
        put_outpoint(out, outpoint);
        out.push(u8::from(epoch.is_some()));
        out.extend_from_slice(&epoch.unwrap_or_default().0.to_le_bytes());
    }
    put_count(out, state.wins.len());
    for (delegate, epoch) in &state.wins {
        out.extend_from_slice(&delegate.0);
        out.extend_from_slice(&epoch.0.to_le_bytes());
    }
    put_count(out, state.reveals.len());
    for (outpoint, reveal) in &state.reveals {
        put_outpoint(out, outpoint);
        out.extend_from_slice(reveal);
    }
    put_count(out, state.included.len());
    for (link, key) in &state.included {
        out.extend_from_slice(&link.encode());
        out.extend_from_slice(&key.0);
    }
}

fn decode(bytes: &Bytes) -> Option<Restored> {
    let mut reader = Reader::new(bytes);
    if reader.read_u8().ok()? != VERSION {
        return None;
    }
    let finality = Finality::decode(&reader.read_bytes(FINALITY_SIZE).ok()?)?;
    let state = read_state(&mut reader, &finality)?;
    let mut snapshots = Snapshots::default();
    for _ in 0..reader.read_u32().ok()? {
        let is_rooted = reader.read_u8().ok()? != 0;
        let snapshot = Arc::new(Snapshot::decode(&mut reader)?);
        let (epoch, at) = (snapshot.epoch, snapshot.at);
        if is_rooted {
            snapshots.rooted.insert(epoch, snapshot);
        } else {
            snapshots.taken.insert((epoch, at), snapshot);
        }
    }
    reader.finish().ok()?;
    Some(Restored {
        finality,
        state,
        snapshots,
    })
}

fn read_state(reader: &mut Reader<'_>, finality: &Finality) -> Option<ChainState> {
    let mix = reader.read_array().ok()?;
    let table = StakeTable::decode(reader)?;
    let mut births = BTreeMap::new();
    for _ in 0..reader.read_u32().ok()? {
        let outpoint = read_outpoint(reader)?;
        let is_some = reader.read_u8().ok()? != 0;
        let epoch = Epoch(reader.read_u64().ok()?);
        births.insert(outpoint, is_some.then_some(epoch));
    }
    let mut wins = BTreeMap::new();
    for _ in 0..reader.read_u32().ok()? {
        let delegate = DelegateHash(reader.read_array().ok()?);
        wins.insert(delegate, Epoch(reader.read_u64().ok()?));
    }
    let mut reveals = BTreeMap::new();
    for _ in 0..reader.read_u32().ok()? {
        let outpoint = read_outpoint(reader)?;
        reveals.insert(outpoint, reader.read_array().ok()?);
    }
    let mut included = BTreeSet::new();
    for _ in 0..reader.read_u32().ok()? {
        let link = VoteLink {
            source: read_checkpoint(reader)?,
            target: read_checkpoint(reader)?,
        };
        included.insert((link, SealKey(reader.read_array().ok()?)));
    }
    Some(ChainState {
        tip: finality.block,
        slot: finality.slot,
        table,
        births,
        wins,
        reveals,
        mix,
        included,
    })
}

fn read_checkpoint(reader: &mut Reader<'_>) -> Option<Checkpoint> {
    Some(Checkpoint {
        epoch: Epoch(reader.read_u64().ok()?),
        hash: BlockHash::from_bytes(reader.read_array().ok()?),
    })
}
