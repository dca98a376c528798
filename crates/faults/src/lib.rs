//! A disk that fails, for tests: a library that is loaded before a process's own and stands
//! between it and the files of one directory.
//!
//! A process that is killed loses nothing that it has written, since the system keeps it; only
//! a power cut takes what was not synced. So the library remembers what each write replaced
//! until the file is synced, and at the cut puts it back, whole or in part, and ends the
//! process. What it does not model: directory entries (a file that was created stays) and the
//! shared-memory index (`-shm`), which SQLite rebuilds.
//!
//! Only tests depend on this crate. It needs a C compiler and a dynamic linker that knows
//! `LD_PRELOAD`; where they are missing [`FaultyDisk::build`] says so and tests are skipped.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const SOURCE: &str = include_str!("shim.c");

/// What a disk does that has no room.
pub const NO_SPACE: &str = "ENOSPC";
/// What a disk does whose writes fail.
pub const WRITE_ERROR: &str = "EIO-write";
/// What a disk does whose syncs fail.
pub const SYNC_ERROR: &str = "EIO-sync";

/// How power fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PowerCut {
    /// At which write or sync, counted from 1; it does not happen any more.
    pub at: u64,
    /// With 0 all that was not synced is lost, else a part of it that this number draws:
    /// writes are kept, dropped or torn at a sector of 512 bytes.
    pub seed: u64,
    /// Whether syncs do nothing: the control, with which something has to be lost.
    pub syncs_lie: bool,
}

/// The library.
#[derive(Debug)]
pub struct FaultyDisk {
    folder: TempDir,
    library: PathBuf,
}

impl FaultyDisk {
    /// Compiles the library; prints a notice and returns `None` where that is not possible.
    #[must_use]
    pub fn build() -> Option<Self> {
        match Self::try_build() {
            Ok(built) => Some(built),
            Err(error) => {
                println!("skipped: no library that fails the disk could be built: {error}");
                None
            }
        }
    }

    fn try_build() -> io::Result<Self> {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return Err(io::Error::other("only Linux with glibc is supported"));
        }
        let folder = tempfile::tempdir()?;
        let (source, library) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        std::fs::write(&source, SOURCE)?;
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(text));
        }
        Ok(Self { folder, library })
    }

    /// Cuts the power of a process that is about to be started.
    pub fn cut_power(&self, process: &mut Command, directory: &Path, cut: PowerCut) {
        self.load(process, directory)
            .env("SYNOD_FAULT_CUT_AT", cut.at.to_string())
            .env("SYNOD_FAULT_SEED", cut.seed.to_string())
            .env("SYNOD_FAULT_LIE", u8::from(cut.syncs_lie).to_string());
    }

    /// Kills a process at its nth write or sync, counted from 1, as `kill -9` does.
    pub fn kill_at(&self, process: &mut Command, directory: &Path, at: u64) {
        self.load(process, directory)
            .env("SYNOD_FAULT_KILL_AT", at.to_string());
    }

    /// Counts the writes and syncs of a process into a file when it ends.
    pub fn count(&self, process: &mut Command, directory: &Path, into: &Path) {
        self.load(process, directory).env("SYNOD_FAULT_COUNT", into);
    }

    /// Lets the disk of a process fail as long as the returned switch says so.
    #[must_use]
    pub fn switch(&self, process: &mut Command, directory: &Path) -> Switch {
        let path = self.folder.path().join("switch");
        self.load(process, directory)
            .env("SYNOD_FAULT_SWITCH", &path);
        Switch { path }
    }

    fn load<'a>(&self, process: &'a mut Command, directory: &Path) -> &'a mut Command {
        let preload: &OsStr = self.library.as_os_str();
        process
            .env("LD_PRELOAD", preload)
            .env("SYNOD_FAULT_DIR", directory)
    }
}

/// Makes a disk fail and work again while a process runs.
#[derive(Debug)]
pub struct Switch {
    path: PathBuf,
}

impl Switch {
    /// Makes the disk fail: [`NO_SPACE`], [`WRITE_ERROR`] or [`SYNC_ERROR`].
    ///
    /// # Errors
    /// The file that the library looks at cannot be written.
    pub fn fail(&self, how: &str) -> io::Result<()> {
        let whole = self.path.with_extension("new");
        std::fs::write(&whole, how)?;
        std::fs::rename(whole, &self.path)
    }

    /// Makes the disk work again.
    ///
    /// # Errors
    /// The file that the library looks at cannot be removed.
    pub fn mend(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}
