//! What a node remembers of the snapshot that it started from.

use bytes::Bytes;
use synod_primitives::{BlockHash, Height};

use super::format::Head;

const SIZE: usize = 4 + 32 + 32 + 1;

/// The snapshot that a node started from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// The height of its block.
    pub height: Height,
    /// Its block.
    pub hash: BlockHash,
    /// The MuHash3072 of its coins.
    pub muhash: [u8; 32],
    /// Whether the blocks up to it were checked and led to the same coins.
    pub is_validated: bool,
}

impl Record {
    /// Its name among the database's records.
    pub const NAME: &str = "snapshot";

    /// Makes the record of a snapshot whose past is not checked yet.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        Self {
            height: head.height,
            hash: head.hash,
            muhash: head.muhash,
            is_validated: false,
        }
    }

    /// Encodes the record.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(SIZE);
        bytes.extend_from_slice(&self.height.0.to_le_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes.extend_from_slice(&self.muhash);
        bytes.push(u8::from(self.is_validated));
        bytes.into()
    }

    /// Decodes a record; `None` for other bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (height, rest) = bytes.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (muhash, rest) = rest.split_first_chunk()?;
        let is_validated = match rest {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        Some(Self {
            height: Height(u32::from_le_bytes(*height)),
            hash: BlockHash::from_bytes(*hash),
            muhash: *muhash,
            is_validated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_and_other_bytes_are_none() {
        let record = Record {
            height: Height(7),
            hash: BlockHash::from_bytes([1; 32]),
            muhash: [2; 32],
            is_validated: true,
        };
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Some(record));
        assert_eq!(Record::decode(&bytes[1..]), None);
        let mut wrong = bytes.to_vec();
        wrong[SIZE - 1] = 2;
        assert_eq!(Record::decode(&wrong), None);
    }
}
