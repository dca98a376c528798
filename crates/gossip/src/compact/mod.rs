//! Compact blocks: a block told as the set of its transactions, most of which the receiver has
//! in its mempool.
//!
//! As in BIP152 a transaction is told by SipHash-2-4 of its wtxid; the key is the SHA-256 of the
//! header and a nonce of the sender, so that nobody can make transactions beforehand whose
//! ids collide at every node. Unlike there, what is sent is not the ids in the block's order but
//! their set, coded as BIP158 codes sets (Golomb-Rice): some 12 bits an id instead of 48. The order
//! follows from the transactions ([`usual_order`]), as blocks of our templates have it; of other
//! blocks the places come along.
//!
//! Short ids collide now and then. A value that more of the mempool have than of the block leaves
//! a few choices, of which one gives the header's Merkle root; what that does not decide counts as
//! missing. Where the transactions put together do not give the root all the same, the whole block
//! is sent: nobody is blamed, since an honest sender cannot know what the receiver's mempool holds.
//!
//! ```text
//! header (80) | proof length (4) | proof | nonce (8) | coinbase length (4) | coinbase
//!             | ids (4) | rice parameter (1) | length (4) | packed ids
//!             | length (4) | packed places, none for the usual order
//! ```
//!
//! Numbers are little-endian. Missing transactions are named by their *rank*: how many of the
//! block's transactions without the coinbase have a smaller hash.

mod bits;
mod rebuild;

use std::hash::Hasher;

use bytes::{Buf, Bytes};
use siphasher::sip::SipHasher24;
use synod_primitives::{Block, BlockHash, Header, Transaction, Wtxid, sha256, usual_order};

use crate::wire::{MAX_FRAME_BYTES, MAX_PROOF_BYTES, WireError, take_frame, write_frame};

pub use rebuild::{MAX_CHOICES, Rebuilt, Reconstruction};

/// The most transactions of a block: its weight by the least weight of a transaction (Core:
/// `MAX_BLOCK_WEIGHT / MIN_TRANSACTION_WEIGHT`).
pub const MAX_BLOCK_TRANSACTIONS: usize = 4_000_000 / 240;
/// The least and the greatest rice parameter. With `r` a transaction of the receiver's mempool
/// that is not in the block is taken for one of it with a chance of `2^-r`.
pub const RICE: std::ops::RangeInclusive<u8> = 10..=32;
/// What the rice parameter is above the logarithm of the sender's mempool: so that of a mempool
/// like it a quarter of a transaction is mistaken.
const SPARE_BITS: u32 = 2;

/// A block as the set of its transactions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompactBlock {
    /// The header.
    pub header: Header,
    /// The engine's proof beside it.
    pub proof: Bytes,
    /// The sender's number that the ids depend on.
    pub nonce: u64,
    /// The coinbase transaction, which no mempool holds.
    pub coinbase: Bytes,
    /// The rice parameter: the ids are below their count times two to its power.
    pub rice: u8,
    /// The short ids of the other transactions, ascending.
    pub ids: Vec<u64>,
    /// For each id the place of its transaction after the coinbase; none for the usual order.
    pub places: Option<Vec<u16>>,
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

    fn hash(&self, wtxid: &Wtxid) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        hasher.write(wtxid.as_bytes());
        hasher.finish()
    }
}

/// Maps a hash to a number below `count << rice`; greater hashes to no smaller numbers (BIP158).
fn reduce(hash: u64, count: usize, rice: u8) -> u64 {
    let range = u128::from((count as u64) << rice);
    ((u128::from(hash) * range) >> 64) as u64
}

/// Returns the hashes of the transactions after the coinbase with their places after it, in the
/// order of their ranks.
fn ranked(block: &Block, nonce: u64) -> Vec<(u64, usize)> {
    let ids = ShortIds::new(block.header(), nonce);
    let others = block.transactions().iter().skip(1);
    let hashes = others.map(|it| ids.hash(&it.wtxid()));
    let mut ranked: Vec<(u64, usize)> = hashes.zip(0..).collect();
    ranked.sort_unstable();
    ranked
}

/// Returns the transactions of a block that have these ranks under a nonce; `None` when one is
/// not there.
#[must_use]
pub fn transactions_of_ranks(block: &Block, nonce: u64, ranks: &[u32]) -> Option<Vec<Bytes>> {
    let ranked = ranked(block, nonce);
    let of_rank = |rank: &u32| {
        let (_, place) = ranked.get(*rank as usize)?;
        let transaction = block.transactions().get(place + 1)?;
        Some(transaction.raw().clone())
    };
    ranks.iter().map(of_rank).collect()
}

impl CompactBlock {
    /// Tells a block; `mempool` is how many transactions the sender's mempool holds besides, and
    /// so perhaps the receiver's.
    ///
    /// # Panics
    /// With more transactions than a block can hold.
    #[must_use]
    pub fn of(block: &Block, proof: Bytes, nonce: u64, mempool: usize) -> Self {
        let bits = mempool.checked_ilog2().map_or(0, |floor| floor + 1) + SPARE_BITS;
        let rice = (bits as u8).clamp(*RICE.start(), *RICE.end());
        let ranked = ranked(block, nonce);
        let transactions = block.transactions();
        let others: Vec<&Transaction> = transactions.iter().skip(1).collect();
        let is_usual = usual_order(&others)
            .iter()
            .zip(0..)
            .all(|(at, place)| *at == place);
        let narrow = |place: usize| u16::try_from(place).expect("a block holds fewer");
        Self {
            header: *block.header(),
            proof,
            nonce,
            coinbase: transactions
                .first()
                .map_or_else(Bytes::new, |it| it.raw().clone()),
            rice,
            ids: ranked
                .iter()
                .map(|(hash, _)| reduce(*hash, ranked.len(), rice))
                .collect(),
            places: (!is_usual).then(|| ranked.iter().map(|(_, place)| narrow(*place)).collect()),
        }
    }

    /// Writes it.
    ///
    /// # Panics
    /// When the ids do not ascend or are past their range.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.ids.len()).expect("a block's counts are small");
        let mut out = Vec::with_capacity(512 + self.coinbase.len() + self.ids.len() * 4);
        out.extend_from_slice(&self.header.encode());
        write_frame(&mut out, &self.proof);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        write_frame(&mut out, &self.coinbase);
        out.extend_from_slice(&count.to_le_bytes());
        out.push(self.rice);
        write_frame(&mut out, &bits::pack_sorted(&self.ids, self.rice.into()));
        let places = self.places.as_deref().unwrap_or_default();
        write_frame(&mut out, &bits::pack_places(places));
        out
    }

    /// Reads it.
    ///
    /// # Errors
    /// A body that ends early or goes on, counts past the limits of a block, lists that are none.
    pub fn decode(mut body: Bytes) -> Result<Self, WireError> {
        let header = Header::decode(&take_array(&mut body)?);
        let proof = take_frame(&mut body, MAX_PROOF_BYTES)?.ok_or(WireError::Truncated)?;
        let nonce = u64::from_le_bytes(take_array(&mut body)?);
        let mut frame = || take_frame(&mut body, MAX_FRAME_BYTES)?.ok_or(WireError::Truncated);
        let coinbase = frame()?;
        let count = u32::from_le_bytes(take_array(&mut body)?) as usize;
        let [rice] = take_array(&mut body)?;
        if count >= MAX_BLOCK_TRANSACTIONS || !RICE.contains(&rice) {
            return Err(WireError::TooLong);
        }
        let mut frame = || take_frame(&mut body, MAX_FRAME_BYTES)?.ok_or(WireError::Truncated);
        let ids = bits::unpack_sorted(&frame()?, count, rice.into())?;
        let places = frame()?;
        let places = match places.is_empty() {
            true => None,
            false => Some(bits::unpack_places(&places, count)?),
        };
        if !body.is_empty() {
            return Err(WireError::TooLong);
        }
        Ok(Self {
            header,
            proof,
            nonce,
            coinbase,
            rice,
            ids,
            places,
        })
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

#[cfg(test)]
mod tests;
