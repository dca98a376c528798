//! Files that are replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A file that is only ever replaced: a crash leaves the old one or the new one.
#[derive(Clone, Debug)]
pub(crate) struct Replaced {
    directory: PathBuf,
    name: &'static str,
}

impl Replaced {
    /// Names a file in a directory.
    pub(crate) fn new(directory: &Path, name: &'static str) -> Self {
        Self {
            directory: directory.to_owned(),
            name,
        }
    }

    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is longer than `max_bytes`.
    pub(crate) fn read(&self, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.directory.join(self.name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max_bytes {
            let detail = format!("it is longer than {max_bytes} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        Ok(Some(bytes))
    }

    /// Replaces the file; when this returns, it is on the disk.
    ///
    /// # Errors
    /// The disk is full or fails; the old file stays then.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.directory.join(format!("{}.new", self.name));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&new, self.directory.join(self.name))?;
        File::open(&self.directory)?.sync_all()
    }
}
