//! The file behind an event log: one line an event, written before any reader sees it.
//!
//! A line is `CHECKSUM ID TOPIC NAME JSON`, the checksum (XXH3, 16 hex digits) over all that
//! follows it. A crash of the process loses nothing of it; a power cut may take its end, which
//! is why ids are never used twice and a reader with an id that is not in the file is told to
//! read all again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

/// The name of the file that is written.
const CURRENT: &str = "events.log";
/// The name of the file before it.
const PREVIOUS: &str = "events.log.old";
/// The most bytes of one file that are read; what is longer was not written by this.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The topic of what no reader gets: the beginning of a run.
pub(crate) const NO_TOPIC: &str = "-";

/// An event of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEvent {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its body.
    pub json: String,
}

impl PastEvent {
    /// Reads the events of a journal's bytes, behind the last damaged line.
    #[must_use]
    pub fn read_all(journal: &[u8]) -> Vec<Self> {
        let mut lines = Vec::new();
        parse_into(journal, &mut lines);
        Self::of_lines(&lines)
    }

    pub(crate) fn of_lines(lines: &[Line]) -> Vec<Self> {
        let told = lines.iter().filter(|line| line.topic != NO_TOPIC);
        told.map(|line| Self {
            id: line.id,
            name: line.name.clone(),
            json: line.json.clone(),
        })
        .collect()
    }
}

/// An event as a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) topic: String,
    pub(crate) name: String,
    pub(crate) json: String,
}

/// Two files of lines: the one that is written, and the one before it.
#[derive(Debug)]
pub(crate) struct Journal {
    directory: PathBuf,
    file: File,
    lines: usize,
    bytes: u64,
}

impl Journal {
    /// Opens the files and returns the lines that are whole, the oldest first.
    ///
    /// Correctness: behind a damaged line only what follows it is returned, so that no reader
    /// goes on from before the damage. A last line without its end was never shown to anyone.
    pub(crate) fn open(directory: &Path) -> io::Result<(Self, Vec<Line>)> {
        let mut lines = Vec::new();
        read_into(&directory.join(PREVIOUS), &mut lines)?;
        let before = lines.len();
        let current = directory.join(CURRENT);
        let (bytes, is_whole) = read_into(&current, &mut lines)?;
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&current)?;
        if !is_whole {
            file.set_len(bytes)?;
        }
        let journal = Self {
            directory: directory.to_owned(),
            file,
            lines: lines.len().saturating_sub(before),
            bytes,
        };
        Ok((journal, lines))
    }

    /// Appends lines in one write; begins a new file before when this one has `max_lines` or
    /// `max_bytes`.
    pub(crate) fn append<'l>(
        &mut self,
        lines: impl Iterator<Item = LineRef<'l>>,
        (max_lines, max_bytes): (usize, u64),
    ) -> io::Result<()> {
        if self.lines >= max_lines || self.bytes >= max_bytes {
            let current = self.directory.join(CURRENT);
            fs::rename(&current, self.directory.join(PREVIOUS))?;
            let mut options = OpenOptions::new();
            options.append(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            self.file = options.open(&current)?;
            (self.lines, self.bytes) = (0, 0);
        }
        let mut text = String::new();
        for line in lines {
            encode_into(&mut text, &line);
            self.lines += 1;
        }
        self.file.write_all(text.as_bytes())?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Deletes both files: what they hold is not all that happened.
    pub(crate) fn discard(self) -> PathBuf {
        for name in [CURRENT, PREVIOUS] {
            if let Err(error) = fs::remove_file(self.directory.join(name))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, name, "the journal of events was not deleted");
            }
        }
        self.directory
    }

    /// Deletes both files and begins anew; none when the disk fails.
    pub(crate) fn restart(self) -> Option<Self> {
        let directory = self.discard();
        let started = Self::open(&directory);
        started
            .inspect_err(|error| tracing::error!(%error, "events are no longer written down"))
            .ok()
            .map(|(journal, _)| journal)
    }
}

/// An event that is to become a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineRef<'l> {
    pub(crate) id: u64,
    pub(crate) topic: &'l str,
    pub(crate) name: &'l str,
    pub(crate) json: &'l str,
}

fn encode_into(text: &mut String, line: &LineRef<'_>) {
    let LineRef {
        id,
        topic,
        name,
        json,
    } = line;
    let rest = format!("{id} {topic} {name} {json}");
    let checksum = XxHash3_64::oneshot(rest.as_bytes());
    text.push_str(&format!("{checksum:016x} {rest}\n"));
}

fn decode(text: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(text).ok()?;
    let (checksum, rest) = text.split_once(' ')?;
    if checksum != format!("{:016x}", XxHash3_64::oneshot(rest.as_bytes())) {
        return None;
    }
    let mut parts = rest.splitn(4, ' ');
    let mut next = || parts.next().map(str::to_owned);
    Some(Line {
        id: next()?.parse().ok()?,
        topic: next()?,
        name: next()?,
        json: next()?,
    })
}

/// Reads the lines of a file behind others; returns how many bytes are whole lines, and whether
/// that is all.
fn read_into(path: &Path, lines: &mut Vec<Line>) -> io::Result<(u64, bool)> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, true)),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    let end = parse_into(&bytes, lines);
    Ok((end as u64, end == bytes.len()))
}

/// Adds the lines that are whole, and forgets all before a damaged one; returns how many bytes
/// are whole lines.
pub(crate) fn parse_into(bytes: &[u8], lines: &mut Vec<Line>) -> usize {
    let end = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    for text in bytes[..end].split_inclusive(|byte| *byte == b'\n') {
        let newest = lines.last().map_or(0, |line| line.id);
        match decode(text.trim_ascii_end()).filter(|line| line.id > newest) {
            Some(line) => lines.push(line),
            None => {
                tracing::warn!("a line of the journal of events is damaged");
                lines.clear();
            }
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u64) -> Line {
        Line {
            id,
            topic: "blocks".to_owned(),
            name: "reorg".to_owned(),
            json: format!(r#"{{"id":{id},"text":"with spaces"}}"#),
        }
    }

    fn written(line: &Line) -> LineRef<'_> {
        LineRef {
            id: line.id,
            topic: &line.topic,
            name: &line.name,
            json: &line.json,
        }
    }

    fn encode(line: &Line) -> String {
        let mut text = String::new();
        encode_into(&mut text, &written(line));
        text
    }

    fn ids(lines: &[Line]) -> Vec<u64> {
        lines.iter().map(|line| line.id).collect()
    }

    fn append(journal: &mut Journal, ids: std::ops::RangeInclusive<u64>) {
        for id in ids {
            journal
                .append([written(&line(id))].into_iter(), (4, 1 << 20))
                .expect("the disk works");
        }
    }

    #[test]
    fn two_files_hold_at_least_the_last_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut journal, lines) = Journal::open(folder.path()).expect("new");
        assert!(lines.is_empty());
        append(&mut journal, 1..=4);
        let (mut journal, lines) = Journal::open(folder.path()).expect("old");
        assert_eq!(lines, (1..=4).map(line).collect::<Vec<_>>());
        append(&mut journal, 5..=10);
        let (_, lines) = Journal::open(folder.path()).expect("old");
        assert_eq!(ids(&lines), [5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn lines_of_one_write_are_lines_of_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = Journal::open(folder.path()).expect("new");
        let lines: Vec<Line> = (1..=9).map(line).collect();
        for part in lines.chunks(3) {
            journal
                .append(part.iter().map(written), (4, 1 << 20))
                .expect("the disk works");
        }
        // The limit is looked at before each write: six lines, then three.
        let (_, read) = Journal::open(folder.path()).expect("old");
        assert_eq!(read, lines);
        let current = fs::read_to_string(folder.path().join(CURRENT)).expect("there");
        assert_eq!(current.lines().count(), 3);
    }

    #[test]
    fn a_torn_end_is_cut_off_and_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = Journal::open(folder.path()).expect("new");
        append(&mut journal, 1..=3);
        let path = folder.path().join(CURRENT);
        let whole = fs::read(&path).expect("there");
        let second = encode(&line(1)).len() + encode(&line(2)).len();
        for length in second..whole.len() {
            fs::write(&path, &whole[..length]).expect("written");
            let (mut journal, lines) = Journal::open(folder.path()).expect("torn");
            assert_eq!(ids(&lines), [1, 2], "{length}");
            append(&mut journal, 7..=7);
            let (_, lines) = Journal::open(folder.path()).expect("whole again");
            assert_eq!(ids(&lines), [1, 2, 7], "{length}");
        }
    }

    #[test]
    fn nothing_before_a_damaged_line_is_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut journal, _) = Journal::open(folder.path()).expect("new");
        append(&mut journal, 1..=3);
        let path = folder.path().join(CURRENT);
        let whole = fs::read(&path).expect("there");
        let first = encode(&line(1)).len();
        for index in first..first + encode(&line(2)).len() - 1 {
            let mut damaged = whole.clone();
            damaged[index] ^= 1;
            fs::write(&path, damaged).expect("written");
            let (_, lines) = Journal::open(folder.path()).expect("damaged");
            assert_eq!(ids(&lines), [3], "{index}");
        }
    }
}
