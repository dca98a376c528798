//! Compact blocks: a block told by short ids of its transactions, most of which the receiver
//! has in its mempool (BIP152, version 2).
//!
//! A short id is the low 48 bits of SipHash-2-4 of the wtxid; its key is the SHA-256 of the
//! header and a nonce of the sender, so that nobody can make transactions beforehand whose
//! ids collide at every node. Where ids collide all the same, or the transactions put together
//! do not give the header's Merkle root, the whole block is sent: nobody is blamed, since
//! an honest sender cannot know what the receiver's mempool holds.
//!
//! ```text
//! header (80) | proof length (4) | proof | nonce (8) | ids (4) | 6 bytes each
//!             | prefilled (4) | each: index (4), length (4), transaction
//! ```
//!
//! Numbers are little-endian. The coinbase transaction is always prefilled.

use std::collections::HashMap;
use std::hash::Hasher;

use bytes::{Buf, Bytes};
use siphasher::sip::SipHasher24;
use synod_primitives::{Block, BlockHash, Header, Transaction, Wtxid, sha256};

use crate::wire::{MAX_FRAME_BYTES, MAX_PROOF_BYTES, WireError, take_frame, write_frame};

/// The most transactions of a block: its weight by the least weight of a transaction (Core:
/// `MAX_BLOCK_WEIGHT / MIN_TRANSACTION_WEIGHT`).
pub const MAX_BLOCK_TRANSACTIONS: usize = 4_000_000 / 240;
/// The bytes of a short id.
const ID_BYTES: usize = 6;

/// A block as short ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompactBlock {
    /// The header.
    pub header: Header,
    /// The engine's proof beside it.
    pub proof: Bytes,
    /// The sender's number that the ids depend on.
    pub nonce: u64,
    /// The ids of the transactions that are not prefilled, in the block's order.
    pub ids: Vec<u64>,
    /// Transactions that come along, by their place in the block, in order.
    pub prefilled: Vec<(u32, Bytes)>,
}

/// Computes short ids under one key.
struct ShortIds {
    key: (u64, u64),
}

impl ShortIds {
    fn new(header: &Header, nonce: u64) -> Self {
        let mut data = header.encode().to_vec();
        data.extend_from_slice(&nonce.to_le_bytes());
        let digest = sha256(&data);
        let word = |at: usize| {
            let bytes: [u8; 8] = digest[at..at + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(bytes)
        };
        Self {
            key: (word(0), word(8)),
        }
    }

    fn id(&self, wtxid: &Wtxid) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        hasher.write(wtxid.as_bytes());
        hasher.finish() & 0xffff_ffff_ffff
    }
}

impl CompactBlock {
    /// Tells a block by short ids; only its coinbase transaction comes along.
    #[must_use]
    pub fn of(block: &Block, proof: Bytes, nonce: u64) -> Self {
        let ids = ShortIds::new(block.header(), nonce);
        let transactions = block.transactions();
        Self {
            header: *block.header(),
            proof,
            nonce,
            ids: transactions
                .iter()
                .skip(1)
                .map(|it| ids.id(&it.wtxid()))
                .collect(),
            prefilled: transactions
                .first()
                .map(|it| (0, it.raw().clone()))
                .into_iter()
                .collect(),
        }
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let narrow = |number: usize| u32::try_from(number).expect("a block's counts are small");
        let mut out = Vec::with_capacity(128 + self.ids.len() * ID_BYTES);
        out.extend_from_slice(&self.header.encode());
        write_frame(&mut out, &self.proof);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&narrow(self.ids.len()).to_le_bytes());
        for id in &self.ids {
            out.extend_from_slice(&id.to_le_bytes()[..ID_BYTES]);
        }
        out.extend_from_slice(&narrow(self.prefilled.len()).to_le_bytes());
        for (index, raw) in &self.prefilled {
            out.extend_from_slice(&index.to_le_bytes());
            write_frame(&mut out, raw);
        }
        out
    }

    /// Reads it.
    ///
    /// # Errors
    /// A body that ends early or goes on, and counts past the limits of a block.
    pub fn decode(mut body: Bytes) -> Result<Self, WireError> {
        let header = Header::decode(&take_array(&mut body)?);
        let proof = take_frame(&mut body, MAX_PROOF_BYTES)?.ok_or(WireError::Truncated)?;
        let nonce = u64::from_le_bytes(take_array(&mut body)?);
        let count = take_count(&mut body)?;
        if body.len() < count * ID_BYTES {
            return Err(WireError::Truncated);
        }
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let low: [u8; ID_BYTES] = take_array(&mut body)?;
            let mut wide = [0; 8];
            wide[..ID_BYTES].copy_from_slice(&low);
            ids.push(u64::from_le_bytes(wide));
        }
        let mut prefilled = Vec::new();
        for _ in 0..take_count(&mut body)? {
            let index = u32::from_le_bytes(take_array(&mut body)?);
            let raw = take_frame(&mut body, MAX_FRAME_BYTES)?.ok_or(WireError::Truncated)?;
            prefilled.push((index, raw));
        }
        if !body.is_empty() {
            return Err(WireError::TooLong);
        }
        let compact = Self {
            header,
            proof,
            nonce,
            ids,
            prefilled,
        };
        compact.check_places().map(|()| compact)
    }

    /// Checks that the prefilled places are in order and inside the block.
    fn check_places(&self) -> Result<(), WireError> {
        let total = self.ids.len() + self.prefilled.len();
        let places = self.prefilled.iter().map(|(index, _)| *index as usize);
        let is_ordered = places
            .clone()
            .zip(places.clone().skip(1))
            .all(|(a, b)| a < b);
        if total == 0 || total > MAX_BLOCK_TRANSACTIONS || !is_ordered {
            return Err(WireError::TooLong);
        }
        match places.last() {
            Some(last) if last >= total => Err(WireError::TooLong),
            _ => Ok(()),
        }
    }

    /// Returns the block's hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.header.block_hash()
    }
}

fn take_array<const N: usize>(body: &mut Bytes) -> Result<[u8; N], WireError> {
    let found: [u8; N] = *body.first_chunk().ok_or(WireError::Truncated)?;
    body.advance(N);
    Ok(found)
}

fn take_count(body: &mut Bytes) -> Result<usize, WireError> {
    let count = u32::from_le_bytes(take_array(body)?) as usize;
    if count > MAX_BLOCK_TRANSACTIONS {
        return Err(WireError::TooLong);
    }
    Ok(count)
}

/// A block being put together.
#[derive(Debug)]
pub struct Reconstruction {
    header: Header,
    slots: Vec<Option<Bytes>>,
}

/// What came of putting a block together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rebuilt {
    /// The block; its transactions give the header's Merkle root.
    Whole(Bytes),
    /// The transactions at these places are missing.
    Missing(Vec<u32>),
    /// Short ids collided: the whole block is needed.
    Collided,
}

impl Reconstruction {
    /// Puts together what the sender gave and `pool` has; `None` when two transactions of the
    /// block have the same short id.
    ///
    /// A short id that several transactions of the pool have counts as missing.
    pub fn start<'a>(
        compact: &CompactBlock,
        pool: impl IntoIterator<Item = (Wtxid, &'a Bytes)>,
    ) -> Option<Self> {
        let total = compact.ids.len() + compact.prefilled.len();
        let mut slots: Vec<Option<Bytes>> = vec![None; total];
        for (index, raw) in &compact.prefilled {
            *slots.get_mut(*index as usize)? = Some(raw.clone());
        }
        let free: Vec<usize> = (0..total).filter(|index| slots[*index].is_none()).collect();
        let mut places: HashMap<u64, usize> = HashMap::with_capacity(free.len());
        for (place, id) in free.iter().zip(&compact.ids) {
            if places.insert(*id, *place).is_some() {
                return None;
            }
        }
        let ids = ShortIds::new(&compact.header, compact.nonce);
        let mut taken: HashMap<usize, Wtxid> = HashMap::new();
        let mut ambiguous = Vec::new();
        for (wtxid, raw) in pool {
            let Some(place) = places.get(&ids.id(&wtxid)) else {
                continue;
            };
            match taken.insert(*place, wtxid) {
                Some(other) if other != wtxid => ambiguous.push(*place),
                _ => slots[*place] = Some(raw.clone()),
            }
        }
        for place in ambiguous {
            slots[place] = None;
        }
        Some(Self {
            header: compact.header,
            slots,
        })
    }

    /// Returns the places of the transactions that are missing.
    #[must_use]
    pub fn missing(&self) -> Vec<u32> {
        let places = self.slots.iter().zip(0..);
        places
            .filter_map(|(slot, place)| slot.is_none().then_some(place))
            .collect()
    }

    /// Adds the missing transactions, in the order of their places.
    ///
    /// # Errors
    /// Another number of transactions than are missing.
    pub fn fill(&mut self, transactions: Vec<Bytes>) -> Result<(), WireError> {
        let holes = self.slots.iter_mut().filter(|it| it.is_none());
        let mut given = transactions.into_iter();
        for hole in holes {
            *hole = Some(given.next().ok_or(WireError::Truncated)?);
        }
        given.next().map_or(Ok(()), |_| Err(WireError::TooLong))
    }

    /// Returns the bytes held.
    #[must_use]
    pub fn size(&self) -> usize {
        self.slots.iter().flatten().map(Bytes::len).sum()
    }

    /// Puts the block together.
    #[must_use]
    pub fn finish(&self) -> Rebuilt {
        let missing = self.missing();
        if !missing.is_empty() {
            return Rebuilt::Missing(missing);
        }
        let mut transactions = Vec::with_capacity(self.slots.len());
        for raw in self.slots.iter().flatten() {
            match Transaction::decode(raw) {
                Ok(transaction) => transactions.push(transaction),
                Err(_) => return Rebuilt::Collided,
            }
        }
        let block = Block::new(self.header, transactions);
        let root = block.merkle_root();
        if root.is_mutated || root.hash != *self.header.merkle_root.as_bytes() {
            return Rebuilt::Collided;
        }
        Rebuilt::Whole(block.raw().clone())
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
