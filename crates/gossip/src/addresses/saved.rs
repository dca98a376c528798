//! The address book as a file.

use serde::{Deserialize, Serialize};

use super::{AddressBook, Entry};
use crate::netgroup::NetGroup;
use crate::url::{PeerUrl, UrlPolicy};

/// The address book as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedBook {
    /// The version of this form.
    pub version: u32,
    /// The secret key of the buckets.
    pub key: [u64; 2],
    /// All addresses.
    pub addresses: Vec<SavedAddress>,
    /// Peers that are asked first after a start.
    pub anchors: Vec<String>,
}

/// An address as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedAddress {
    /// The base URL.
    pub url: String,
    /// The group of whoever told it.
    pub source: [u8; 5],
    /// When it was told, in seconds since 1970.
    pub added: u64,
    /// When it last answered.
    pub last_success: Option<u64>,
    /// Failures since.
    pub failures: u32,
    /// Whether it ever answered.
    pub is_tried: bool,
}

/// The version of the saved form.
const SAVED_VERSION: u32 = 1;

impl AddressBook {
    /// Returns what is to be saved.
    #[must_use]
    pub fn save(&self) -> SavedBook {
        let save = |it: &Entry| SavedAddress {
            url: it.url.to_string(),
            source: it.source.to_bytes(),
            added: it.added,
            last_success: it.last_success,
            failures: it.failures,
            is_tried: it.is_tried,
        };
        SavedBook {
            version: SAVED_VERSION,
            key: [self.key.0, self.key.1],
            addresses: self.entries.values().map(save).collect(),
            anchors: self.anchors.iter().map(PeerUrl::to_string).collect(),
        }
    }

    /// Reads back what was saved; addresses that are none are left out. `None` for another
    /// version.
    #[must_use]
    pub fn restore(saved: &SavedBook) -> Option<Self> {
        if saved.version != SAVED_VERSION {
            return None;
        }
        let mut book = Self::new((saved.key[0], saved.key[1]));
        let parse = |url: &str| PeerUrl::parse(url, UrlPolicy::Operator).ok();
        for it in &saved.addresses {
            let Some(url) = parse(&it.url) else { continue };
            let Some(group) = url.address().map(NetGroup::of) else {
                continue;
            };
            if !book.by_url.contains_key(&url) {
                book.place(Entry {
                    url,
                    group,
                    source: NetGroup::from_bytes(it.source),
                    added: it.added,
                    last_attempt: None,
                    last_success: it.last_success,
                    failures: it.failures,
                    is_tried: it.is_tried,
                });
            }
        }
        let anchors = saved.anchors.iter().filter_map(|it| parse(it));
        book.set_anchors(anchors.collect());
        Some(book)
    }
}
