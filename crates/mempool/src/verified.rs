//! Which transactions' scripts are known to be valid.
//!
//! Consensus: an entry's scripts are verified twice, under policy's flags and under exactly
//! those of the next block (see `admission::scripts`); only the second result counts here, and
//! only for these flags. So a fault in the reasoning that policy is stricter than consensus
//! cannot let an invalid block in.

use std::collections::{HashMap, VecDeque};

use synod_ledger::{HashKey, SignatureCache};
use synod_primitives::Wtxid;
use synod_script::Flags;

use crate::pool::Mempool;

/// The most transactions that are remembered after they left; the oldest go first.
pub const MAX_REMEMBERED_VERIFIED: usize = 131_072;

/// Transactions that were verified and left the mempool: replaced ones may come back, confirmed
/// ones may be in another branch's block.
#[derive(Clone, Debug)]
pub(crate) struct RecentlyVerified {
    flags: HashMap<Wtxid, Flags, HashKey>,
    oldest_first: VecDeque<Wtxid>,
}

impl RecentlyVerified {
    pub(crate) fn new(key: HashKey) -> Self {
        Self {
            flags: HashMap::with_hasher(key),
            oldest_first: VecDeque::new(),
        }
    }

    pub(crate) fn remember(&mut self, wtxid: Wtxid, flags: Flags) {
        if flags == Flags::NONE || self.flags.insert(wtxid, flags).is_some() {
            return;
        }
        self.oldest_first.push_back(wtxid);
        if self.oldest_first.len() > MAX_REMEMBERED_VERIFIED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.flags.remove(&oldest);
        }
    }

    fn is_verified(&self, wtxid: &Wtxid, flags: Flags) -> bool {
        self.flags.get(wtxid) == Some(&flags)
    }
}

impl SignatureCache for Mempool {
    fn is_verified(&self, wtxid: &Wtxid, flags: Flags) -> bool {
        match self.find_by_wtxid(wtxid) {
            // Consensus: no flags mean that nothing was verified, also when none are asked for.
            Some(entry) => flags != Flags::NONE && entry.content.verified == flags,
            None => self.verified.is_verified(wtxid, flags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_at_the_limit() {
        let mut recent = RecentlyVerified::new(HashKey::new(1, 2));
        let wtxid = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
            Wtxid::from_bytes(bytes)
        };
        for number in 0..MAX_REMEMBERED_VERIFIED {
            recent.remember(wtxid(number), Flags::MANDATORY);
        }
        assert!(recent.is_verified(&wtxid(0), Flags::MANDATORY));
        recent.remember(wtxid(MAX_REMEMBERED_VERIFIED), Flags::MANDATORY);
        assert!(!recent.is_verified(&wtxid(0), Flags::MANDATORY));
        assert!(recent.is_verified(&wtxid(1), Flags::MANDATORY));
        assert!(recent.is_verified(&wtxid(MAX_REMEMBERED_VERIFIED), Flags::MANDATORY));
    }

    #[test]
    fn what_was_not_verified_is_not_remembered() {
        let mut recent = RecentlyVerified::new(HashKey::new(1, 2));
        recent.remember(Wtxid::ZERO, Flags::NONE);
        assert!(!recent.is_verified(&Wtxid::ZERO, Flags::NONE));
    }

    #[test]
    fn other_flags_are_not_verified() {
        let mut recent = RecentlyVerified::new(HashKey::new(1, 2));
        recent.remember(Wtxid::ZERO, Flags::MANDATORY);
        assert!(!recent.is_verified(&Wtxid::ZERO, Flags::STANDARD));
        assert!(!recent.is_verified(&Wtxid::ZERO, Flags::P2SH));
    }
}
