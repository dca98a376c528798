//! Headers that were refused lately, so that the same one costs nothing the second time.
//!
//! Held in memory only and bounded: proof of work at the limit is cheap to make, so
//! refused headers must not fill the disk.

use std::collections::{BTreeMap, VecDeque};

use synod_primitives::BlockHash;

use crate::verdict::Refusal;

/// The most refused headers remembered; the oldest leave first.
pub(crate) const MAX_REFUSED_HEADERS: usize = 10_000;

/// Refusals of headers by hash.
#[derive(Debug, Default)]
pub(crate) struct RefusedHeaders {
    refusals: BTreeMap<BlockHash, Refusal>,
    order: VecDeque<BlockHash>,
}

impl RefusedHeaders {
    /// Remembers a refusal.
    pub(crate) fn insert(&mut self, hash: BlockHash, refusal: Refusal) {
        if self.refusals.insert(hash, refusal).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > MAX_REFUSED_HEADERS {
            if let Some(oldest) = self.order.pop_front() {
                self.refusals.remove(&oldest);
            }
        }
    }

    /// Finds the refusal of a header.
    #[must_use]
    pub(crate) fn find(&self, hash: BlockHash) -> Option<Refusal> {
        self.refusals.get(&hash).cloned()
    }

    /// Forgets all refusals.
    pub(crate) fn clear(&mut self) {
        self.refusals.clear();
        self.order.clear();
    }
}
