//! Block and transaction weight (BIP141).

use std::fmt;

/// Weight units: three times the size without witness plus the size with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Weight(pub u64);

/// How much more a byte outside the witness weighs than one inside (BIP141).
pub const WITNESS_SCALE_FACTOR: u64 = 4;

impl Weight {
    /// The greatest weight of a block (BIP141).
    pub const MAX_BLOCK: Self = Self(4_000_000);

    /// Computes the weight from the sizes in bytes without and with witness data.
    #[must_use]
    pub const fn from_sizes(stripped: usize, total: usize) -> Self {
        Self(stripped as u64 * (WITNESS_SCALE_FACTOR - 1) + total as u64)
    }

    /// Returns the virtual size in vbytes: a quarter of the weight, rounded up.
    #[must_use]
    pub const fn vsize(self) -> u64 {
        self.0.div_ceil(WITNESS_SCALE_FACTOR)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} WU", self.0)
    }
}
