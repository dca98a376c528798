//! What was read or written for one answer and is kept for the next: raw blocks, what blocks
//! spent, and answers as bytes.
//!
//! Each cache has a limit in bytes; what was not asked for lately leaves first. An answer that
//! changes with the tip is kept under the tip that it was written for, so nothing is ever taken
//! back; a new tip makes the old answers leave.

use std::hash::Hash;

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use synod_ledger::BlockUndo;
use synod_primitives::{BlockHash, Txid};

/// The most bytes of raw blocks kept.
pub const MAX_RAW_BLOCK_BYTES: u64 = 64 << 20;
/// The most bytes of blocks' answers in JSON kept.
pub const MAX_BLOCK_ANSWER_BYTES: u64 = 64 << 20;
/// The most bytes of undo data kept decoded.
pub const MAX_SPENT_BYTES: u64 = 32 << 20;
/// The most bytes of transactions' answers in JSON kept.
pub const MAX_TRANSACTION_ANSWER_BYTES: u64 = 16 << 20;
/// What an entry takes beside its content, in bytes.
const ENTRY_BYTES: u64 = 128;
/// What a decoded coin takes, in bytes, with its script.
const COIN_BYTES: u64 = 96;

/// Says what a value takes.
pub(crate) trait Weighed {
    /// Bytes in memory.
    fn bytes(&self) -> u64;
}

impl Weighed for Bytes {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }
}

/// Where the transactions of a block begin, and what they spent.
#[derive(Clone, Debug)]
pub(crate) struct SpentIndex(pub(crate) std::sync::Arc<BlockSpent>);

/// What is known of a block's transactions besides their bytes.
#[derive(Debug)]
pub(crate) struct BlockSpent {
    /// For each transaction the offset of its first byte in the block, ascending.
    pub(crate) offsets: Vec<u32>,
    /// For each transaction the number of inputs of those before it, the coinbase left out.
    pub(crate) first_inputs: Vec<u32>,
    /// The coins that were spent.
    pub(crate) undo: BlockUndo,
}

impl Weighed for SpentIndex {
    fn bytes(&self) -> u64 {
        8 * self.0.offsets.len() as u64 + COIN_BYTES * self.0.undo.coins().len() as u64
    }
}

/// Weighs an entry by what it takes in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InBytes;

impl<K, V: Weighed> Weighter<K, V> for InBytes {
    fn weight(&self, _: &K, value: &V) -> u64 {
        ENTRY_BYTES + value.bytes()
    }
}

/// A cache with a limit in bytes.
pub(crate) type ByteCache<K, V> = Cache<K, V, InBytes>;

/// A block's answer in JSON: the block, the tip, whether with whole transactions.
pub(crate) type BlockAnswer = (BlockHash, BlockHash, bool);
/// A transaction's answer in JSON: the transaction and the tip.
pub(crate) type TransactionAnswer = (Txid, BlockHash);

/// All that is kept.
pub struct Kept {
    /// Blocks as they are on the wire.
    pub(crate) raw_blocks: ByteCache<BlockHash, Bytes>,
    /// Answers of blocks that were active under the tip of their key.
    pub(crate) block_answers: ByteCache<BlockAnswer, Bytes>,
    /// What blocks spent.
    pub(crate) spent: ByteCache<BlockHash, SpentIndex>,
    /// Answers of transactions that were confirmed under the tip of their key.
    pub(crate) transaction_answers: ByteCache<TransactionAnswer, Bytes>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            raw_blocks: limited_to(MAX_RAW_BLOCK_BYTES, 64 << 10),
            block_answers: limited_to(MAX_BLOCK_ANSWER_BYTES, 256 << 10),
            spent: limited_to(MAX_SPENT_BYTES, 64 << 10),
            transaction_answers: limited_to(MAX_TRANSACTION_ANSWER_BYTES, 2 << 10),
        }
    }
}

/// Makes a cache of at most `max_bytes`, whose entries take about `entry_bytes` each.
///
/// One shard: a block may take a good part of the limit, and a shard holds no entry that is
/// larger than its share.
fn limited_to<K: Hash + Eq, V: Weighed + Clone>(
    max_bytes: u64,
    entry_bytes: u64,
) -> ByteCache<K, V> {
    let entries = usize::try_from(max_bytes / entry_bytes).unwrap_or(1024);
    let options = OptionsBuilder::new()
        .estimated_items_capacity(entries)
        .weight_capacity(max_bytes)
        .shards(1)
        .build()
        .expect("both capacities are set");
    Cache::with_options(
        options,
        InBytes,
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_stays_below_its_limit_whatever_comes() {
        let cache: ByteCache<u32, Bytes> = limited_to(1 << 20, 1 << 10);
        for key in 0..5_000 {
            cache.insert(key, Bytes::from(vec![0; 1000 + key as usize % 3000]));
            assert!(cache.weight() <= 1 << 20, "{key}");
        }
        assert!(cache.weight() > 1 << 19, "{}", cache.weight());
    }

    #[test]
    fn what_is_larger_than_the_limit_is_not_kept() {
        let cache: ByteCache<u32, Bytes> = limited_to(1 << 20, 1 << 10);
        cache.insert(1, Bytes::from(vec![0; 1 << 20]));
        assert!(cache.get(&1).is_none());
        cache.insert(2, Bytes::from(vec![0; 1 << 19]));
        assert!(cache.get(&2).is_some());
    }
}
