//! The chain up to a block as bytes, in the order of its fields, and nothing of how to undo it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use synod_engine::FinalBlock;
use synod_primitives::Reader;
use synod_seal::{Epoch, Slot, StakeTable};

use super::{ActiveChain, Revealed, Seating};
use crate::bench::Bench;
use crate::round::Round;
use crate::settings::Settings;
use crate::state_record::{put_count, read_delegate, read_height};
use crate::tally::Tally;
use crate::votes::Votes;

impl ActiveChain {
    /// Returns the chain as it was at a block that it can still be taken back to.
    pub(crate) fn at(&self, block: &FinalBlock) -> Option<Self> {
        let mut chain = self.clone();
        while chain.tip.height > block.height {
            let tip = chain.tip.hash;
            if !chain.disconnect(tip) {
                return None;
            }
        }
        (chain.tip == *block).then_some(chain)
    }

    /// Appends all but the tip, which the reader knows.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.slot.0.to_le_bytes());
        out.extend_from_slice(&self.mix);
        self.tally.table().encode(out);
        self.votes.encode(out);
        put_count(out, self.revealed.len());
        for (delegate, revealed) in &self.revealed {
            out.extend_from_slice(&delegate.0);
            out.extend_from_slice(&revealed.anchor);
            out.extend_from_slice(&revealed.last);
        }
        out.push(u8::from(self.seating.is_some()));
        if let Some(seating) = &self.seating {
            seating.encode(out);
        }
        self.bench.encode(out);
        put_count(out, self.made.len());
        for slot in &self.made {
            out.extend_from_slice(&slot.0.to_le_bytes());
        }
    }

    /// Reads what [`ActiveChain::encode`] wrote.
    pub(crate) fn decode(
        settings: Settings,
        tip: FinalBlock,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let slot = Slot(reader.read_u64().ok()?);
        let mix = reader.read_array().ok()?;
        let tally = Tally::of(StakeTable::decode(reader)?);
        let votes = Votes::decode(settings.reach(), reader)?;
        let mut revealed = BTreeMap::new();
        for _ in 0..reader.read_u32().ok()? {
            let delegate = read_delegate(reader)?;
            let state = Revealed {
                anchor: reader.read_array().ok()?,
                last: reader.read_array().ok()?,
            };
            revealed.insert(delegate, state);
        }
        let seating = match reader.read_u8().ok()? {
            0 => None,
            _ => Some(Arc::new(Seating::decode(&settings, reader)?)),
        };
        let bench = Arc::new(Bench::decode(reader)?);
        let mut made = Vec::new();
        for _ in 0..reader.read_u32().ok()? {
            made.push(Slot(reader.read_u64().ok()?));
        }
        Some(Self {
            settings,
            tip,
            slot,
            mix,
            tally,
            votes,
            revealed,
            seating,
            bench,
            made,
            undo: VecDeque::new(),
        })
    }
}

impl Seating {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.current.0.to_le_bytes());
        put_count(out, self.since.len());
        for (delegate, since) in &self.since {
            out.extend_from_slice(&delegate.0);
            out.extend_from_slice(&since.0.to_le_bytes());
        }
        put_count(out, self.rounds.len());
        for round in self.rounds.values() {
            round.encode(out);
        }
    }

    fn decode(settings: &Settings, reader: &mut Reader<'_>) -> Option<Self> {
        let current = Epoch(reader.read_u64().ok()?);
        let mut since = BTreeMap::new();
        for _ in 0..reader.read_u32().ok()? {
            let delegate = read_delegate(reader)?;
            since.insert(delegate, read_height(reader)?);
        }
        let mut rounds = BTreeMap::new();
        for _ in 0..reader.read_u32().ok()? {
            let round = Round::decode(settings, reader)?;
            rounds.insert(round.number(), Arc::new(round));
        }
        Some(Self {
            current,
            since,
            rounds,
        })
    }
}
