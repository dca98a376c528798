//! What the engine must not forget.
//!
//! | key | value |
//! |---|---|
//! | 1 | the final block: its height in 4 bytes, its hash, its epoch and slot in 8 bytes each; numbers little-endian |
//! | 2 | what own keys have done: for each the key, the last slot in 8 bytes, 0 or 1, and the last link |

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_engine::{FinalBlock, Record, RecordKey};
use synod_primitives::{BlockHash, Height, Reader};
use synod_seal::{Checkpoint, Epoch, SealKey, Slot, VoteLink};

pub(crate) const FINAL: RecordKey = RecordKey(1);
pub(crate) const DUTIES: RecordKey = RecordKey(2);

/// The most keys that sign for one node.
pub(crate) const MAX_KEYS: usize = 128;

/// The final block and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Finality {
    pub(crate) block: FinalBlock,
    /// The epoch that it is the checkpoint of.
    pub(crate) epoch: Epoch,
    pub(crate) slot: Slot,
}

impl Finality {
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            epoch: self.epoch,
            hash: self.block.hash,
        }
    }

    pub(crate) fn record(&self) -> Record {
        let mut value = Vec::with_capacity(52);
        value.extend_from_slice(&self.block.height.0.to_le_bytes());
        value.extend_from_slice(self.block.hash.as_bytes());
        value.extend_from_slice(&self.epoch.0.to_le_bytes());
        value.extend_from_slice(&self.slot.0.to_le_bytes());
        Record {
            key: FINAL,
            value: value.into(),
        }
    }

    pub(crate) fn decode(value: &Bytes) -> Option<Self> {
        let mut reader = Reader::new(value);
        let height = Height(reader.read_u32().ok()?);
        let hash = BlockHash::from_bytes(reader.read_array().ok()?);
        let finality = Self {
            block: FinalBlock { height, hash },
            epoch: Epoch(reader.read_u64().ok()?),
            slot: Slot(reader.read_u64().ok()?),
        };
        reader.finish().ok().map(|()| finality)
    }
}

/// What a key has done last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Done {
    pub(crate) slot: Slot,
    pub(crate) link: Option<VoteLink>,
}

pub(crate) fn duties_record(done: &BTreeMap<SealKey, Done>) -> Record {
    let mut value = Vec::new();
    for (key, done) in done {
        value.extend_from_slice(&key.0);
        value.extend_from_slice(&done.slot.0.to_le_bytes());
        value.push(u8::from(done.link.is_some()));
        if let Some(link) = done.link {
            value.extend_from_slice(&link.encode());
        }
    }
    Record {
        key: DUTIES,
        value: value.into(),
    }
}

pub(crate) fn decode_duties(value: &Bytes) -> Option<BTreeMap<SealKey, Done>> {
    let mut reader = Reader::new(value);
    let mut all = BTreeMap::new();
    while reader.remaining() > 0 {
        let key = SealKey(reader.read_array().ok()?);
        let slot = Slot(reader.read_u64().ok()?);
        let link = match reader.read_u8().ok()? {
            0 => None,
            _ => Some(read_link(&mut reader)?),
        };
        all.insert(key, Done { slot, link });
    }
    Some(all)
}

fn read_link(reader: &mut Reader<'_>) -> Option<VoteLink> {
    let mut checkpoint = || {
        Some(Checkpoint {
            epoch: Epoch(reader.read_u64().ok()?),
            hash: BlockHash::from_bytes(reader.read_array().ok()?),
        })
    };
    Some(VoteLink {
        source: checkpoint()?,
        target: checkpoint()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back() {
        let block = FinalBlock {
            height: Height(7),
            hash: BlockHash::from_bytes([3; 32]),
        };
        let finality = Finality {
            block,
            epoch: Epoch(2),
            slot: Slot(9),
        };
        assert_eq!(Finality::decode(&finality.record().value), Some(finality));
        assert_eq!(Finality::decode(&Bytes::from_static(&[1; 51])), None);
        let link = VoteLink {
            source: finality.checkpoint(),
            target: Checkpoint {
                epoch: Epoch(3),
                hash: block.hash,
            },
        };
        let done = |slot, link| Done {
            slot: Slot(slot),
            link,
        };
        let all = BTreeMap::from([
            (SealKey([1; 32]), done(5, None)),
            (SealKey([2; 32]), done(6, Some(link))),
        ]);
        let value = duties_record(&all).value;
        assert_eq!(decode_duties(&value), Some(all));
        assert_eq!(decode_duties(&value.slice(1..)), None);
    }
}
