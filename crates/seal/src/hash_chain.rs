//! Hash chains: secrets that are fixed before they are shown.
//!
//! A validator draws a secret, registers the anchor `H^n(secret)` and reveals `H^(n-1)(secret)`,
//! `H^(n-2)(secret)`, ... in its blocks. Each reveal hashes to the one before, so it can only
//! be shown or withheld, never chosen (hash onions, LIP-0022).

use synod_primitives::sha256;

/// The most reveals of one chain.
pub const MAX_CHAIN_LENGTH: u32 = 1 << 20;
/// Every how many elements one is kept, so that any other is a short walk away.
const STRIDE: u32 = 1024;

/// Says whether `reveal` is the one that follows `before`, the anchor or the last reveal.
#[must_use]
pub fn is_next_reveal(reveal: &[u8; 32], before: &[u8; 32]) -> bool {
    sha256(reveal) == *before
}

/// The secrets of one validator.
#[derive(Clone)]
pub struct HashChain {
    length: u32,
    /// Elements 0 (the secret), `STRIDE`, 2 `STRIDE`, ...
    kept: Vec<[u8; 32]>,
}

impl std::fmt::Debug for HashChain {
    /// Shows the length only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashChain")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl HashChain {
    /// Computes a chain of `length` reveals; `None` for no reveal or more than
    /// [`MAX_CHAIN_LENGTH`].
    #[must_use]
    pub fn new(secret: [u8; 32], length: u32) -> Option<Self> {
        if length == 0 || length > MAX_CHAIN_LENGTH {
            return None;
        }
        let mut kept = Vec::new();
        let mut element = secret;
        for index in 0..length {
            if index.is_multiple_of(STRIDE) {
                kept.push(element);
            }
            element = sha256(&element);
        }
        Some(Self { length, kept })
    }

    /// Returns the number of reveals.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Returns what is registered before the first reveal.
    #[must_use]
    pub fn anchor(&self) -> [u8; 32] {
        self.element(self.length)
    }

    /// Returns the reveal after `used` others; `None` when all are used.
    #[must_use]
    pub fn reveal(&self, used: u32) -> Option<[u8; 32]> {
        (used < self.length).then(|| self.element(self.length - 1 - used))
    }

    /// Returns the reveal that follows `before`, the anchor or the last reveal; `None` when
    /// `before` is not of this chain, or the secret itself.
    #[must_use]
    pub fn reveal_after(&self, before: &[u8; 32]) -> Option<[u8; 32]> {
        // From the secret up, one stretch at a time: what comes just before is the answer.
        let mut element = self.element(0);
        for _ in 0..self.length {
            let next = sha256(&element);
            if next == *before {
                return Some(element);
            }
            element = next;
        }
        None
    }

    fn element(&self, index: u32) -> [u8; 32] {
        let stretch = (index / STRIDE).min(u32::try_from(self.kept.len() - 1).unwrap_or(0));
        let start = self.kept[stretch as usize];
        (stretch * STRIDE..index).fold(start, |element, _| sha256(&element))
    }
}
