//! Block heights.

use std::fmt;

/// The distance of a block from the genesis block, which is at height 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Height(pub u32);

impl Height {
    /// The genesis block's height.
    pub const GENESIS: Self = Self(0);

    /// Returns the height one above.
    ///
    /// # Panics
    /// Past height 2^32 - 1, which no chain reaches: a header takes a second of
    /// consensus time at least every sixth block.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns the height one below, `None` for the genesis block.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Height {
    fn from(height: u32) -> Self {
        Self(height)
    }
}
