//! Files for their owner alone, and the seed of a network's keys.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use synod_primitives::{hex, tagged_hash};

/// The file of the seed in the data directory.
const SEED_FILE: &str = "faucet.seed";
/// Bytes of a wallet's seed (BIP32 takes 16 to 64).
const SEED_BYTES: usize = 32;

/// Writes a file that only its owner may read; an older one is replaced whole.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Reads the seed of a network's faucet, or makes it: from the text that `--seed` gives, else
/// at random.
///
/// # Errors
/// The file cannot be read or written, is readable by others, or is none.
pub(super) fn faucet_seed(data: &Path, text: Option<&str>) -> Result<[u8; SEED_BYTES]> {
    let path = data.join(SEED_FILE);
    if path.exists() {
        let mode = fs::metadata(&path)?.permissions().mode();
        ensure!(
            mode & 0o077 == 0,
            "{} is readable by others; run chmod 600 on it",
            path.display()
        );
        let found = fs::read_to_string(&path)?;
        return hex::decode_array(found.trim())
            .map_err(|error| anyhow!("{} is no seed: {error}", path.display()));
    }
    let mut seed = [0; SEED_BYTES];
    match text {
        Some(text) => seed = tagged_hash("synod/up/seed", &[text.as_bytes()]),
        None => getrandom::fill(&mut seed).map_err(|error| anyhow!("no randomness: {error}"))?,
    }
    write_private(&path, &hex::encode(seed))?;
    Ok(seed)
}
