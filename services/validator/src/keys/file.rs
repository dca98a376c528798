//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::sealed::KeyFileError;

/// The most bytes of a key file or a file with a passphrase.
pub(super) const MAX_FILE_BYTES: u64 = 64 * 1024;

fn io_error(path: &Path) -> impl Fn(io::Error) -> KeyFileError {
    move |error| KeyFileError::Io {
        path: path.to_owned(),
        error,
    }
}

/// Reads a whole file that is its owner's alone; links are not followed.
pub(super) fn read_private(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let io = io_error(path);
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(KeyFileError::NotRegular(path.to_owned()));
        }
        opened => opened.map_err(&io)?,
    };
    let metadata = file.metadata().map_err(&io)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotRegular(path.to_owned()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(KeyFileError::Exposed(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(&io)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(KeyFileError::Malformed("longer than a key file can be"));
    }
    Ok(bytes)
}

/// Makes a file with mode 0600 that must not exist yet; it is on the disk when this returns.
pub(super) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    try_create(path, bytes).map_err(io_error(path))
}

fn try_create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = path.with_file_name(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        // A link, unlike a rename, never replaces a file that is there.
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    written?;
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
