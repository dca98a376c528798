//! How many items a page of a list may have.

use serde::Deserialize;
use synod_api::node::DEFAULT_PAGE;

/// A number of items from 1 to `MOST`, 50 by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "u32")]
pub(crate) struct PageLimit<const MOST: u32>(u32);

impl<const MOST: u32> PageLimit<MOST> {
    /// Returns the number.
    pub(crate) fn count(self) -> usize {
        self.0 as usize
    }
}

impl<const MOST: u32> Default for PageLimit<MOST> {
    fn default() -> Self {
        Self(DEFAULT_PAGE.min(MOST))
    }
}

impl<const MOST: u32> TryFrom<u32> for PageLimit<MOST> {
    type Error = String;

    fn try_from(count: u32) -> Result<Self, String> {
        match (1..=MOST).contains(&count) {
            true => Ok(Self(count)),
            false => Err(format!("limit is a number from 1 to {MOST}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_from_one_item_to_its_limit() {
        assert_eq!(PageLimit::<7>::try_from(1).map(PageLimit::count), Ok(1));
        assert_eq!(PageLimit::<7>::try_from(7).map(PageLimit::count), Ok(7));
        assert!(PageLimit::<7>::try_from(0).is_err());
        assert!(PageLimit::<7>::try_from(8).is_err());
        assert_eq!(PageLimit::<1000>::default().count(), 50);
    }
}
