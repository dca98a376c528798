//! Blocks.

use std::fmt;

use bytes::Bytes;

use crate::encode::{DecodeError, Reader, count_size, write_count};
use crate::hash::BlockHash;
use crate::header::Header;
use crate::merkle;
use crate::transaction::{Transaction, fill_ids};
use crate::weight::Weight;

/// A header and its transactions, with the bytes that they were decoded from.
#[derive(Clone)]
pub struct Block {
    header: Header,
    hash: BlockHash,
    transactions: Vec<Transaction>,
    raw: Bytes,
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Block {}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("hash", &self.hash)
            .field("header", &self.header)
            .field("transactions", &self.transactions.len())
            .finish_non_exhaustive()
    }
}

/// The fewest bytes that a transaction takes: version, two counts, lock time.
const LEAST_TRANSACTION_SIZE: usize = 10;

impl Block {
    /// Makes a block from its parts and encodes it.
    #[must_use]
    pub fn new(header: Header, transactions: Vec<Transaction>) -> Self {
        let size: usize = transactions.iter().map(Transaction::size).sum();
        let mut raw = Vec::with_capacity(Header::SIZE + count_size(transactions.len()) + size);
        raw.extend_from_slice(&header.encode());
        write_count(&mut raw, transactions.len());
        for transaction in &transactions {
            raw.extend_from_slice(transaction.raw());
        }
        Self {
            header,
            hash: header.block_hash(),
            transactions,
            raw: raw.into(),
        }
    }

    /// Decodes exactly one block.
    ///
    /// # Errors
    /// Bytes that are no block, or that go on after it.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = Header::read(&mut reader)?;
        let count = reader.read_count_of(LEAST_TRANSACTION_SIZE)?;
        let mut transactions = Vec::with_capacity(count);
        for _ in 0..count {
            transactions.push(Transaction::read_without_ids(&mut reader)?);
        }
        reader.finish()?;
        fill_ids(&mut transactions);
        Ok(Self {
            header,
            hash: header.block_hash(),
            transactions,
            raw: bytes.clone(),
        })
    }

    /// Returns the header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Returns the transactions, coinbase first in a valid block.
    #[must_use]
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// Returns the encoding with witnesses.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Returns the size in bytes with witnesses.
    #[must_use]
    pub fn size(&self) -> usize {
        self.raw.len()
    }

    /// Returns the size in bytes without witnesses.
    #[must_use]
    pub fn stripped_size(&self) -> usize {
        let transactions: usize = self
            .transactions
            .iter()
            .map(Transaction::stripped_size)
            .sum();
        Header::SIZE + count_size(self.transactions.len()) + transactions
    }

    /// Returns the weight.
    #[must_use]
    pub fn weight(&self) -> Weight {
        Weight::from_sizes(self.stripped_size(), self.size())
    }

    /// Computes the root over the transaction ids.
    #[must_use]
    pub fn merkle_root(&self) -> merkle::Root {
        merkle::root(
            self.transactions
                .iter()
                .map(|tx| tx.txid().to_bytes())
                .collect(),
        )
    }

    /// Computes the root over the ids with witness, the coinbase's counted as zero (BIP141).
    #[must_use]
    pub fn witness_root(&self) -> merkle::Root {
        let ids = self.transactions.iter().enumerate();
        merkle::root(
            ids.map(|(i, tx)| {
                if i == 0 {
                    [0; 32]
                } else {
                    tx.wtxid().to_bytes()
                }
            })
            .collect(),
        )
    }
}
