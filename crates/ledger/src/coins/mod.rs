//! The coins in memory: a write-behind cache over a table that only the caller can read.
//!
//! The cache knows three things of an outpoint: its coin, that there is none, or nothing. It
//! never asks anyone; before a block is connected the caller fetches what
//! [`CoinsCache::missing_outpoints`] names. Changes stay in memory until
//! [`CoinsCache::take_flush`] hands them over to be written. A coin that was made and spent
//! in between is never written at all.

mod cache;
mod memory;
mod missing;
mod update;

pub use cache::{CoinsCache, Flush, Lookup};
pub(crate) use update::{CoinsUpdate, SpendError};

use synod_primitives::OutPoint;

use crate::coin::Coin;

/// Coins that can be read, such as those of the tip with the mempool's on top.
pub trait CoinsView {
    /// Returns the coin; `None` when there is none, or it is spent, or was not fetched.
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin>;
}

impl CoinsView for CoinsCache {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        match self.lookup(outpoint) {
            Lookup::Coin(coin) => Some(coin.clone()),
            Lookup::Absent | Lookup::Unknown => None,
        }
    }
}
