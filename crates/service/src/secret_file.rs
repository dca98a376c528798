//! Files with one secret: made once, whole from the first moment, for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Why a secret is not read or made.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Others than the owner may read the file.
    #[error("the file {0} is readable by others; run chmod 600 on it")]
    Exposed(PathBuf),
    /// The file cannot be read or made, or holds no text.
    #[error("the file {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// Reads a secret of at most `max_bytes` of text, without the white space behind it; `None` when
/// there is no file.
///
/// # Errors
/// The file is readable by others, longer, no text, or cannot be read.
pub fn read_secret(path: &Path, max_bytes: usize) -> Result<Option<String>, SecretFileError> {
    let io = |error| SecretFileError::Io {
        path: path.to_owned(),
        error,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    if is_exposed(&file).map_err(io)? {
        return Err(SecretFileError::Exposed(path.to_owned()));
    }
    let mut text = String::new();
    // A line's end may follow the secret.
    let limit = (max_bytes as u64).saturating_add(2);
    file.take(limit).read_to_string(&mut text).map_err(io)?;
    let secret = text.trim_end();
    if secret.len() > max_bytes {
        return Err(io(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(secret.to_owned()))
}

/// Writes a secret into a file that is not there yet; false when another process was faster.
///
/// # Errors
/// The file cannot be made.
pub fn create_secret(path: &Path, secret: &str) -> Result<bool, SecretFileError> {
    match write_new(path, secret) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(SecretFileError::Io {
            path: path.to_owned(),
            error,
        }),
    }
}

fn write_new(path: &Path, secret: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = file
        .write_all(format!("{secret}\n").as_bytes())
        .and_then(|()| file.sync_all())
        // A link, unlike a rename, never replaces a file that is there.
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    written
}

#[cfg(unix)]
fn is_exposed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        assert_eq!(read_secret(&path, 8).expect("readable"), None);
        assert!(create_secret(&path, "12345678").expect("made"));
        assert!(!create_secret(&path, "other").expect("there"));
        let read = || read_secret(&path, 8);
        assert_eq!(read().expect("readable").as_deref(), Some("12345678"));
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            read_secret(&path, 7),
            Err(SecretFileError::Io { .. })
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        assert!(matches!(read(), Err(SecretFileError::Exposed(_))));
    }
}
