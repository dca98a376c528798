//! What a node keeps for its engine: records, and the final block with its proof.
//!
//! Stored as one value, version 1: the version in one byte; the number of records in 4 bytes,
//! and for each its key in 8, its length in 4 and its bytes; then 0, or 1 with the height of the
//! final block in 4 bytes, its hash, and its proof to the end. Numbers are little-endian.

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_engine::{FinalBlock, Record, RecordKey};
use synod_primitives::{BlockHash, Height, Reader};

const VERSION: u8 = 1;

/// What a node keeps for its engine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct EngineMemory {
    records: BTreeMap<RecordKey, Bytes>,
    /// The final block and what convinces others of it.
    pub(crate) finality: Option<(FinalBlock, Bytes)>,
}

impl EngineMemory {
    /// Takes in records; an empty one removes that of its key.
    pub(crate) fn write(&mut self, records: Vec<Record>) {
        for record in records {
            if record.value.is_empty() {
                self.records.remove(&record.key);
            } else {
                self.records.insert(record.key, record.value);
            }
        }
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        let records = self.records.iter();
        let record = |(key, value): (&RecordKey, &Bytes)| Record {
            key: *key,
            value: value.clone(),
        };
        records.map(record).collect()
    }

    pub(crate) fn encode(&self) -> Bytes {
        let length = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).expect("records are small");
            length.to_le_bytes()
        };
        let count = u32::try_from(self.records.len()).expect("records are few");
        let mut out = vec![VERSION];
        out.extend_from_slice(&count.to_le_bytes());
        for (key, value) in &self.records {
            out.extend_from_slice(&key.0.to_le_bytes());
            out.extend_from_slice(&length(value));
            out.extend_from_slice(value);
        }
        match &self.finality {
            None => out.push(0),
            Some((block, proof)) => {
                out.push(1);
                out.extend_from_slice(&block.height.0.to_le_bytes());
                out.extend_from_slice(block.hash.as_bytes());
                out.extend_from_slice(proof);
            }
        }
        out.into()
    }

    /// Reads what [`EngineMemory::encode`] wrote; `None` for anything else.
    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.read_u8().ok()? != VERSION {
            return None;
        }
        let mut memory = Self::default();
        for _ in 0..reader.read_u32().ok()? {
            let key = RecordKey(reader.read_u64().ok()?);
            let length = usize::try_from(reader.read_u32().ok()?).ok()?;
            memory.records.insert(key, reader.read_bytes(length).ok()?);
        }
        if reader.read_u8().ok()? != 0 {
            let height = Height(reader.read_u32().ok()?);
            let hash = BlockHash::from_bytes(reader.read_array().ok()?);
            let proof = reader.read_bytes(reader.remaining()).ok()?;
            memory.finality = Some((FinalBlock { height, hash }, proof));
        }
        reader.finish().ok().map(|()| memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_nothing_cut_off_does() {
        let mut memory = EngineMemory::default();
        let record = |key, value: &'static [u8]| Record {
            key: RecordKey(key),
            value: Bytes::from_static(value),
        };
        memory.write(vec![
            record(1, b"one"),
            record(2, b"two"),
            record(3, b"three"),
        ]);
        memory.write(vec![record(2, b""), record(1, b"uno")]);
        assert_eq!(
            memory.records(),
            vec![record(1, b"uno"), record(3, b"three")]
        );
        for finality in [
            None,
            Some((
                FinalBlock {
                    height: Height(7),
                    hash: BlockHash::ZERO,
                },
                Bytes::from_static(b"proof"),
            )),
        ] {
            memory.finality = finality;
            let encoded = memory.encode();
            assert_eq!(EngineMemory::decode(&encoded).as_ref(), Some(&memory));
            let head = encoded.len() - memory.finality.as_ref().map_or(0, |(_, proof)| proof.len());
            for cut in 0..head {
                assert_eq!(EngineMemory::decode(&encoded.slice(..cut)), None, "{cut}");
            }
        }
        assert_eq!(
            EngineMemory::decode(&Bytes::from_static(&[2, 0, 0, 0, 0, 0])),
            None
        );
    }
}
