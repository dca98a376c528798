//! The watch-only file: what a hot machine needs to watch a cold wallet, and nothing secret.

use serde::{Deserialize, Serialize};

use crate::{
    NETWORK,
    descriptors::{DescriptorError, Descriptors},
};

/// The format's name, first field of the file.
const FORMAT: &str = "synod-watch-only";
/// The format's version.
const VERSION: u32 = 1;
/// Longest watch-only file that is read, in bytes.
pub const MAX_WATCH_ONLY_BYTES: usize = 64 * 1024;

/// Why a watch-only file was refused.
#[derive(Debug, thiserror::Error)]
pub enum WatchOnlyError {
    /// Not such a file.
    #[error("not a watch-only file: {0}")]
    Malformed(String),
    /// A version that this program does not know.
    #[error("watch-only file version {0} is not known to this program")]
    UnknownVersion(u32),
    /// The file belongs to another network.
    #[error("the watch-only file belongs to the network '{0}'")]
    WrongNetwork(String),
    /// Its descriptors are not supported.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
}

impl WatchOnlyError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "watch-only-malformed",
            Self::UnknownVersion(_) => "watch-only-version",
            Self::WrongNetwork(_) => "wrong-network",
            Self::Descriptor(e) => e.code(),
        }
    }
}

/// A wallet's public side as one JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchOnly {
    format: String,
    version: u32,
    network: String,
    external: String,
    internal: String,
    birthday: u32,
}

impl WatchOnly {
    /// Makes the file of these descriptors; `birthday` is the height before which there are no coins.
    pub fn new(descriptors: &Descriptors, birthday: u32) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            network: NETWORK.to_string(),
            external: descriptors.external(),
            internal: descriptors.internal(),
            birthday,
        }
    }

    /// Reads a watch-only file, or a single descriptor whose key ends in `/<0;1>/*`.
    ///
    /// # Errors
    /// See [`WatchOnlyError`].
    pub fn parse(text: &str) -> Result<Self, WatchOnlyError> {
        let text = text.trim();
        if text.len() > MAX_WATCH_ONLY_BYTES {
            return Err(WatchOnlyError::Malformed("too long".to_owned()));
        }
        if !text.starts_with('{') {
            return Ok(Self::new(&Descriptors::parse_multipath(text)?, 0));
        }
        let file: Self =
            serde_json::from_str(text).map_err(|e| WatchOnlyError::Malformed(e.to_string()))?;
        if file.format != FORMAT {
            return Err(WatchOnlyError::Malformed("another format".to_owned()));
        }
        if file.version != VERSION {
            return Err(WatchOnlyError::UnknownVersion(file.version));
        }
        if file.network != NETWORK.to_string() {
            return Err(WatchOnlyError::WrongNetwork(crate::text::displayable(
                &file.network,
            )));
        }
        file.descriptors()?;
        Ok(file)
    }

    /// Returns the descriptors.
    ///
    /// # Errors
    /// When they are not supported.
    pub fn descriptors(&self) -> Result<Descriptors, DescriptorError> {
        Descriptors::parse(&self.external, &self.internal)
    }

    /// Returns the height before which the wallet has no coins.
    pub fn birthday(&self) -> u32 {
        self.birthday
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{AccountKeys, ScriptKind};

    fn example() -> WatchOnly {
        let keys = AccountKeys::from_seed(&[7; 32], ScriptKind::Tr, 3).expect("keys");
        WatchOnly::new(&keys.descriptors(), 42)
    }

    #[test]
    fn the_file_survives_its_text_form() {
        let text = serde_json::to_string(&example()).expect("json");
        assert_eq!(WatchOnly::parse(&text).expect("valid"), example());
    }

    #[test]
    fn a_single_multipath_descriptor_is_enough() {
        let external = example().external;
        let multi = external
            .split('#')
            .next()
            .expect("text")
            .replace("/0/*", "/<0;1>/*");
        let read = WatchOnly::parse(&multi).expect("valid");
        assert_eq!(read.descriptors(), example().descriptors());
    }

    #[test]
    fn other_versions_networks_and_fields_are_refused() {
        let text = serde_json::to_string(&example()).expect("json");
        let code = |text: &str| WatchOnly::parse(text).map(|_| ()).map_err(|e| e.code());
        assert_eq!(
            code(&text.replace("\"version\":1", "\"version\":2")),
            Err("watch-only-version")
        );
        assert_eq!(
            code(&text.replace("regtest", "bitcoin")),
            Err("wrong-network")
        );
        assert_eq!(
            code(&text.replace("birthday", "Birthday")),
            Err("watch-only-malformed")
        );
        assert_eq!(
            code(&text.replacen("tpub", "tpuc", 1)),
            Err("descriptor-malformed")
        );
    }
}
