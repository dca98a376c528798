//! Files that only their owner may read, written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use bdk_wallet::bitcoin::hex::DisplayHex;

use super::KeystoreError;

/// Longest keystore file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

const OWNER_ONLY: u32 = 0o600;

/// Reads a whole private file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, KeystoreError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|e| open_error(path, e))?;
    let metadata = file.metadata().map_err(io_error(path))?;
    if !metadata.is_file() {
        return Err(KeystoreError::NotRegular(path.to_owned()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(KeystoreError::Permissions(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error(path))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(KeystoreError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

/// Creates a private file that must not exist yet; it is durable when this returns.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let temporary = write_temporary(path, bytes)?;
    // Correctness: a hard link fails when the name is taken, where a rename would replace it.
    let linked = fs::hard_link(&temporary, path);
    let removed = fs::remove_file(&temporary);
    linked.map_err(|e| open_error(path, e))?;
    removed.map_err(io_error(&temporary))?;
    sync_directory(path)
}

/// Replaces a private file atomically; the new content is durable when this returns.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let temporary = write_temporary(path, bytes)?;
    if let Err(error) = fs::rename(&temporary, path) {
        // The error that matters is the rename's; a file left behind is harmless and unnamed.
        let _ = fs::remove_file(&temporary);
        return Err(io_error(path)(error));
    }
    sync_directory(path)
}

/// Creates a file with mode 0600 that must not exist yet, atomically and durably.
///
/// # Errors
/// When the file exists or the system refuses.
pub fn write_private_file(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    create(path, bytes)
}

/// Takes the lock that belongs to a file; waits for another holder. It is released on drop.
pub(super) fn lock(path: &Path) -> Result<File, KeystoreError> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let lock_path = path.with_file_name(format!(".{name}.lock"));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(OWNER_ONLY)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&lock_path)
        .map_err(|e| open_error(&lock_path, e))?;
    file.lock().map_err(io_error(&lock_path))?;
    Ok(file)
}

fn write_temporary(path: &Path, bytes: &[u8]) -> Result<PathBuf, KeystoreError> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|_| crate::mnemonic::MnemonicError::NoEntropy)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", random.to_lower_hex_string()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&temporary)
        .map_err(|e| open_error(&temporary, e))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(io_error(&temporary))?;
    Ok(temporary)
}

fn sync_directory(path: &Path) -> Result<(), KeystoreError> {
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error(parent))
}

fn open_error(path: &Path, error: io::Error) -> KeystoreError {
    match error.kind() {
        io::ErrorKind::NotFound => KeystoreError::NotFound(path.to_owned()),
        io::ErrorKind::AlreadyExists => KeystoreError::Exists(path.to_owned()),
        _ if error.raw_os_error() == Some(libc::ELOOP) => {
            KeystoreError::NotRegular(path.to_owned())
        }
        _ => io_error(path)(error),
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeystoreError {
    let path = path.to_owned();
    move |source| KeystoreError::Io { path, source }
}
