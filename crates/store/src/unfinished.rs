//! A database whose creation a power cut interrupted.
//!
//! Until the first page is on the disk, later ones may be there without it: the file then begins
//! with zeros, which no program's file does. As long as nobody was told of a commit it is as if
//! the database had never been begun; afterwards something was lost, and it is refused.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::directory::{DATABASE_FILE, DataDirectory};
use crate::error::OpenError;
use crate::mark::MarkFile;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;
/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Removes what an interrupted creation left.
///
/// # Errors
/// The first page is lost although a commit was acknowledged, or may have been; the directory
/// cannot be changed.
pub(crate) fn discard(directory: &DataDirectory) -> Result<(), OpenError> {
    let path = directory.path().join(DATABASE_FILE);
    let failed = |source| OpenError::Directory {
        path: path.clone(),
        source,
    };
    if !lacks_its_beginning(&path).map_err(failed)? {
        return Ok(());
    }
    let marked = MarkFile::read(directory.path()).map_err(failed)?;
    let commits = marked.map_or(0, |(mark, _)| mark.commits);
    // Correctness: the log is used only once the first page is on the disk, so one that holds
    // something says that the page was there and is lost.
    let has_log = beside(&path, "-wal")
        .metadata()
        .is_ok_and(|it| it.len() > 0);
    if commits > 0 || has_log {
        return Err(OpenError::LostBeginning { path, commits });
    }
    tracing::warn!(path = %path.display(), "the creation of the database was interrupted: it begins anew");
    for name in BESIDE {
        remove(&beside(&path, name)).map_err(failed)?;
    }
    remove(&path).map_err(failed)?;
    File::open(directory.path())
        .and_then(|it| it.sync_all())
        .map_err(failed)
}

/// Says whether the first sector of a file that has one holds nothing but zeros.
fn lacks_its_beginning(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut sector = Vec::new();
    file.take(SECTOR as u64).read_to_end(&mut sector)?;
    Ok(sector.len() == SECTOR && sector.iter().all(|byte| *byte == 0))
}

fn beside(path: &Path, name: &str) -> std::path::PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(name);
    file.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
