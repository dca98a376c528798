//! The second place: a file outside of the data directory that says how far the protection
//! database was when a signature last left.
//!
//! A database that is restored from a copy, cut short or replaced looks whole. It is found out
//! because its number and digest of history are not those of this file. The file also keeps the
//! watermarks of each key, so that signing can go on safely when the database is lost.
//!
//! Format: one line of JSON, and one line with its SHA-256 in hex.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synod_api::{HashHex, NodeIdHex};
use synod_primitives::{hex, sha256};

use super::error::ProtectionError;
use super::head::Head;
use super::rules::Marks;

/// The most bytes of the file: 64 keys need a third of it.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// The version of the format.
const VERSION: u32 = 1;

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HighWater {
    pub(super) head: Head,
    pub(super) marks: Vec<(HashHex, Marks)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    version: u32,
    chain_id: HashHex,
    instance: NodeIdHex,
    sequence: u64,
    history: HashHex,
    before: HashHex,
    keys: Vec<KeyMarks>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyMarks {
    key: HashHex,
    low_slot: Option<u64>,
    low_target: Option<u64>,
    sealed: Option<(u64, u32)>,
    forged: u32,
    prevoted: u32,
    prevoted_height: u32,
    voted: Option<(u64, u64)>,
}

/// The file.
#[derive(Debug)]
pub(super) struct HighWaterFile(PathBuf);

impl HighWaterFile {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Reads the file; `None` when there is none.
    pub(super) fn read(&self) -> Result<Option<HighWater>, ProtectionError> {
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        let mut text = String::new();
        file.take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| self.io(error))?;
        decode(&text)
            .map(Some)
            .ok_or_else(|| ProtectionError::HighWaterDamaged(self.0.clone()))
    }

    /// Replaces the file; it is on the disk when this returns.
    pub(super) fn write(&self, state: &HighWater) -> Result<(), ProtectionError> {
        self.try_write(encode(state).as_bytes())
            .map_err(|error| self.io(error))
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut name = self.0.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let draft = self.0.with_file_name(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, &self.0)?;
        let parent = self.0.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn io(&self, error: io::Error) -> ProtectionError {
        ProtectionError::HighWaterIo {
            path: self.0.clone(),
            error,
        }
    }
}

fn encode(state: &HighWater) -> String {
    let keys = state.marks.iter().map(|(key, marks)| KeyMarks {
        key: *key,
        low_slot: marks.low_slot,
        low_target: marks.low_target,
        sealed: marks.sealed,
        forged: marks.forged,
        prevoted: marks.prevoted,
        prevoted_height: marks.prevoted_height,
        voted: marks.voted,
    });
    let body = Body {
        version: VERSION,
        chain_id: HashHex::from_bytes(state.head.chain_id),
        instance: NodeIdHex::from_bytes(state.head.instance),
        sequence: state.head.sequence,
        history: HashHex::from_bytes(state.head.history),
        before: HashHex::from_bytes(state.head.before),
        keys: keys.collect(),
    };
    let line = serde_json::to_string(&body).expect("numbers and text become JSON");
    let sum = hex::encode(sha256(line.as_bytes()));
    format!("{line}\n{sum}\n")
}

fn decode(text: &str) -> Option<HighWater> {
    let (line, rest) = text.split_once('\n')?;
    if rest != format!("{}\n", hex::encode(sha256(line.as_bytes()))) {
        return None;
    }
    let body: Body = serde_json::from_str(line).ok()?;
    if body.version != VERSION {
        return None;
    }
    let marks = body.keys.into_iter().map(|it| {
        let marks = Marks {
            low_slot: it.low_slot,
            low_target: it.low_target,
            sealed: it.sealed,
            forged: it.forged,
            prevoted: it.prevoted,
            prevoted_height: it.prevoted_height,
            voted: it.voted,
        };
        (it.key, marks)
    });
    Some(HighWater {
        head: Head {
            chain_id: body.chain_id.to_bytes(),
            instance: body.instance.to_bytes(),
            sequence: body.sequence,
            history: body.history.to_bytes(),
            before: body.before.to_bytes(),
        },
        marks: marks.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_gives_back_what_was_written_and_notices_every_changed_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = HighWaterFile::new(&folder.path().join("mark"));
        assert!(file.read().expect("readable").is_none());
        let marks = Marks {
            low_slot: Some(3),
            sealed: Some((9, 1)),
            voted: Some((1, 2)),
            forged: 8,
            ..Marks::default()
        };
        let state = HighWater {
            head: Head::new([1; 32], [2; 16]),
            marks: vec![(HashHex::from_bytes([3; 32]), marks)],
        };
        file.write(&state).expect("written");
        assert_eq!(file.read().expect("readable"), Some(state));
        let bytes = fs::read(&file.0).expect("a file");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&file.0, changed).expect("written");
            assert!(file.read().is_err(), "byte {at}");
            fs::write(&file.0, &bytes[..at]).expect("written");
            assert!(file.read().is_err(), "length {at}");
        }
    }
}
