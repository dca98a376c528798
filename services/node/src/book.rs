//! The file of addresses of peers, `peers.json` in the data directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use synod_gossip::{AddressBook, SavedBook};

/// The file's name.
const FILE: &str = "peers.json";
/// The most bytes of the file that are read: all places of the book filled.
const MAX_BYTES: u64 = 64 << 20;

/// Where the addresses of peers are kept between two runs.
#[derive(Clone, Debug)]
pub(crate) struct BookFile {
    path: PathBuf,
}

impl BookFile {
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            path: data.join(FILE),
        }
    }

    /// Reads the book; a file that is missing, damaged or of another version makes an empty
    /// one, since addresses can be learnt again.
    ///
    /// # Errors
    /// There is no randomness for the book's key.
    pub(crate) fn load(&self) -> Result<AddressBook> {
        let fits = fs::metadata(&self.path).is_ok_and(|it| it.len() <= MAX_BYTES);
        let text = fits.then(|| fs::read(&self.path).ok()).flatten();
        if let Some(text) = text {
            let saved: Option<SavedBook> = serde_json::from_slice(&text).ok();
            match saved.as_ref().and_then(AddressBook::restore) {
                Some(book) => return Ok(book),
                None => {
                    tracing::warn!(path = %self.path.display(), "addresses of peers are not readable");
                }
            }
        }
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        let number = u128::from_le_bytes(key);
        Ok(AddressBook::new(((number >> 64) as u64, number as u64)))
    }

    /// Replaces the file in one step.
    pub(crate) fn save(&self, book: &SavedBook) {
        let written = serde_json::to_vec(book)
            .map_err(std::io::Error::from)
            .and_then(|text| {
                let draft = self.path.with_extension("json.new");
                fs::write(&draft, text)?;
                fs::rename(&draft, &self.path)
            });
        if let Err(error) = written {
            tracing::warn!(%error, "the addresses of peers were not saved");
        }
    }
}

#[cfg(test)]
mod tests {
    use synod_gossip::{PeerUrl, UrlPolicy};

    use super::*;

    #[test]
    fn addresses_come_back_and_a_damaged_file_is_no_obstacle() {
        let data = tempfile::tempdir().expect("a directory");
        let file = BookFile::new(data.path());
        let mut book = file.load().expect("an empty book");
        assert!(book.is_empty());
        let url = PeerUrl::parse("http://8.8.8.8:9330", UrlPolicy::Announced).expect("a URL");
        assert!(book.add(&url, None, 1, 1));
        file.save(&book.save());
        assert_eq!(file.load().expect("the book").save(), book.save());
        fs::write(data.path().join(FILE), b"{").expect("written");
        assert!(file.load().expect("an empty book").is_empty());
    }
}
