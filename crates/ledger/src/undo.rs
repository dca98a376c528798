//! What it takes to disconnect a block: the coins that it spent.
//!
//! Stored as, in version 1:
//!
//! | bytes | meaning |
//! |---|---|
//! | 1 | version, 1 |
//! | varint | number of coins |
//! | | the coins, in the order of the inputs that spent them, the coinbase left out |
//! | 4 | the first bytes of the double SHA-256 over the block's hash and all bytes before |

use synod_primitives::{Block, BlockHash, Sha256d, Transaction};

use crate::coin::Coin;
use crate::coin_codec::{Cursor, write_varint};
use crate::error::CodecError;

const VERSION: u8 = 1;
const CHECKSUM_SIZE: usize = 4;
/// The fewest bytes that a coin takes, so that a count reserves no more than the bytes hold.
const LEAST_COIN_SIZE: usize = 4;

/// The coins that a block spent, in the order of its inputs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BlockUndo {
    coins: Vec<Coin>,
}

impl BlockUndo {
    pub(crate) fn new(coins: Vec<Coin>) -> Self {
        Self { coins }
    }

    /// Returns the coins in the order of the inputs that spent them.
    #[must_use]
    pub fn coins(&self) -> &[Coin] {
        &self.coins
    }

    /// Goes through the block's transactions but the coinbase, each with the coins that it
    /// spent.
    ///
    /// `None` when the block has another number of inputs, so that this is not its undo data.
    #[must_use]
    pub fn spent_by<'a>(
        &'a self,
        block: &'a Block,
    ) -> Option<impl DoubleEndedIterator<Item = (&'a Transaction, &'a [Coin])>> {
        let spenders = block.transactions().get(1..).unwrap_or_default();
        let mut rest: &[Coin] = &self.coins;
        let mut pairs = Vec::with_capacity(spenders.len());
        for transaction in spenders {
            let (spent, after) = rest.split_at_checked(transaction.inputs().len())?;
            pairs.push((transaction, spent));
            rest = after;
        }
        rest.is_empty().then(|| pairs.into_iter())
    }

    /// Encodes the undo data of the block with this hash.
    #[must_use]
    pub fn encode(&self, block: BlockHash) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.coins.len() * 32);
        out.push(VERSION);
        write_varint(&mut out, self.coins.len() as u64);
        for coin in &self.coins {
            coin.encode_into(&mut out);
        }
        let checksum = checksum(block, &out);
        out.extend_from_slice(&checksum);
        out
    }

    /// Decodes the undo data of the block with this hash.
    ///
    /// # Errors
    /// Bytes that [`BlockUndo::encode`] did not write, or not for this block.
    pub fn decode(bytes: &[u8], block: BlockHash) -> Result<Self, CodecError> {
        if let Some(version) = bytes.first().filter(|version| **version != VERSION) {
            return Err(CodecError::Version(*version));
        }
        let (body, expected) = bytes
            .split_last_chunk::<CHECKSUM_SIZE>()
            .ok_or(CodecError::Truncated)?;
        if checksum(block, body) != *expected {
            return Err(CodecError::Checksum);
        }
        let mut cursor = Cursor(body);
        cursor.read_u8()?;
        let count = usize::try_from(cursor.read_varint()?).map_err(|_| CodecError::Truncated)?;
        if count > cursor.0.len() / LEAST_COIN_SIZE {
            return Err(CodecError::Truncated);
        }
        let coins: Result<Vec<Coin>, _> = (0..count).map(|_| cursor.read_coin()).collect();
        let coins = coins?;
        cursor.finish()?;
        Ok(Self { coins })
    }
}

fn checksum(block: BlockHash, body: &[u8]) -> [u8; CHECKSUM_SIZE] {
    let mut hasher = Sha256d::new();
    hasher.update(block.as_bytes());
    hasher.update(body);
    let hash = hasher.finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}
