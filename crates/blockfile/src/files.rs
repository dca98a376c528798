//! Block files on the disk, one or a directory of them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::scan::{Report, Scanner};
use crate::{MAGIC, ReadError, XorKey};

/// The name of the key's file.
const KEY_FILE: &str = "xor.dat";

/// A block that was found, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredBlock {
    /// The index of the file in [`BlockFiles::paths`].
    pub file: usize,
    /// The position of the frame's magic in it.
    pub offset: u64,
    /// The block's bytes; they share the buffer they were read into.
    pub raw: Bytes,
}

/// The files to read, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockFiles {
    paths: Vec<PathBuf>,
    total_bytes: u64,
}

impl BlockFiles {
    /// Takes one file, or of a directory all `blk*.dat` by their numbers.
    ///
    /// # Errors
    /// There is no such file, or none in the directory.
    pub fn find(path: &Path) -> Result<Self, ReadError> {
        let metadata = std::fs::metadata(path).map_err(failed(path))?;
        let paths = if metadata.is_dir() {
            list(path)?
        } else {
            vec![path.to_owned()]
        };
        if paths.is_empty() {
            return Err(ReadError::NoFiles(path.to_owned()));
        }
        let mut total_bytes = 0;
        for path in &paths {
            total_bytes += std::fs::metadata(path).map_err(failed(path))?.len();
        }
        Ok(Self { paths, total_bytes })
    }

    /// Returns the files' paths.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Returns the size of all files together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Starts to read.
    #[must_use]
    pub fn read(self) -> Import {
        Import {
            files: self,
            current: None,
            next: 0,
            passed_bytes: 0,
            reports: Vec::new(),
        }
    }
}

/// Reads the blocks of all files in a row.
#[derive(Debug)]
pub struct Import {
    files: BlockFiles,
    current: Option<Scanner<File>>,
    next: usize,
    /// The size of the files that were read to their end.
    passed_bytes: u64,
    reports: Vec<Report>,
}

impl Import {
    /// Returns the files.
    #[must_use]
    pub fn files(&self) -> &BlockFiles {
        &self.files
    }

    /// Returns how many of [`BlockFiles::total_bytes`] were read, for a progress bar.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.passed_bytes + self.current.as_ref().map_or(0, Scanner::offset)
    }

    /// Returns what was met besides blocks, for each file that was read to its end.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    fn advance(&mut self) -> Result<Option<StoredBlock>, ReadError> {
        loop {
            let Some(scanner) = &mut self.current else {
                let Some(path) = self.files.paths.get(self.next) else {
                    return Ok(None);
                };
                self.next += 1;
                self.current = Some(open(path)?);
                continue;
            };
            let file = self.next - 1;
            let found = scanner
                .next_block()
                .map_err(failed(&self.files.paths[file]));
            match found? {
                Some((offset, raw)) => return Ok(Some(StoredBlock { file, offset, raw })),
                None => {
                    self.passed_bytes += scanner.offset();
                    self.reports.push(scanner.report());
                    self.current = None;
                }
            }
        }
    }
}

impl Iterator for Import {
    type Item = Result<StoredBlock, ReadError>;

    /// Finds the next block. After an error the iteration goes on with the next file.
    fn next(&mut self) -> Option<Self::Item> {
        let found = self.advance();
        if found.is_err() {
            self.current = None;
        }
        found.transpose()
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ReadError {
    let path = path.to_owned();
    move |source| ReadError::Io { path, source }
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut numbered = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed(directory))? {
        let entry = entry.map_err(failed(directory))?;
        let name = entry.file_name();
        let digits = name
            .to_str()
            .and_then(|name| name.strip_prefix("blk")?.strip_suffix(".dat"));
        if let Some(number) = digits.and_then(|digits| digits.parse::<u32>().ok()) {
            numbered.push((number, entry.path()));
        }
    }
    numbered.sort_unstable();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

fn open(path: &Path) -> Result<Scanner<File>, ReadError> {
    let mut file = File::open(path).map_err(failed(path))?;
    let mut start = Vec::new();
    (&mut file)
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .and_then(|_| file.rewind())
        .map_err(failed(path))?;
    // A plain file (bootstrap.dat) may lie beside the key of others: no key but zeros turns
    // a magic into a magic.
    let key = if start == MAGIC {
        None
    } else {
        read_key(path)?
    };
    Ok(Scanner::new(file, key))
}

fn read_key(beside: &Path) -> Result<Option<XorKey>, ReadError> {
    let path = beside.with_file_name(KEY_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes = bytes.try_into().map_err(|_| ReadError::BadKey(path))?;
            Ok(XorKey::new(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReadError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BlockFileWriter;

    /// A block with no transactions: the least that decodes.
    fn raw(byte: u8) -> Vec<u8> {
        let mut raw = vec![byte; 81];
        raw[80] = 0;
        raw
    }

    fn write(path: &Path, blocks: &[u8], key: Option<XorKey>, tail: usize) {
        let mut writer = BlockFileWriter::new(Vec::new(), key);
        for byte in blocks {
            writer.write(&raw(*byte)).expect("written");
        }
        let at = writer.position();
        let mut bytes = writer.finish().expect("finished");
        let mut zeros = vec![0; tail];
        if let Some(key) = key {
            key.apply(at, &mut zeros);
        }
        bytes.extend(zeros);
        std::fs::write(path, bytes).expect("written");
    }

    #[test]
    fn a_directory_is_read_in_the_order_of_its_numbers_with_its_key() {
        let dir = tempfile::tempdir().expect("a directory");
        let key = XorKey::new([9, 8, 7, 6, 5, 4, 3, 2]);
        std::fs::write(dir.path().join("xor.dat"), [9, 8, 7, 6, 5, 4, 3, 2]).expect("written");
        write(&dir.path().join("blk00000.dat"), &[1, 2], key, 500);
        write(&dir.path().join("blk00010.dat"), &[5], key, 0);
        write(&dir.path().join("blk00002.dat"), &[3, 4], key, 7);
        write(&dir.path().join("rev00000.dat"), &[9], key, 0);
        let files = BlockFiles::find(dir.path()).expect("found");
        let total = files.total_bytes();
        let mut import = files.read();
        let mut found = Vec::new();
        for block in &mut import {
            let block = block.expect("readable");
            found.push((block.file, block.raw[0]));
            assert_eq!(block.raw, raw(block.raw[0]));
        }
        assert_eq!(found, [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]);
        assert_eq!(import.position(), total);
        let padding: Vec<u64> = import.reports().iter().map(|r| r.padding_bytes).collect();
        assert_eq!(padding, [500, 7, 0]);
    }

    #[test]
    fn a_plain_file_beside_a_key_is_read_plain() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("xor.dat"), [1; 8]).expect("written");
        let path = dir.path().join("bootstrap.dat");
        write(&path, &[1, 2, 3], None, 0);
        let import = BlockFiles::find(&path).expect("found").read();
        assert_eq!(import.count(), 3);
    }

    #[test]
    fn wrong_keys_and_missing_files_are_errors() {
        let dir = tempfile::tempdir().expect("a directory");
        let refused = BlockFiles::find(dir.path());
        assert!(matches!(refused, Err(ReadError::NoFiles(_))));
        let refused = BlockFiles::find(&dir.path().join("absent.dat"));
        assert!(matches!(refused, Err(ReadError::Io { .. })));
        std::fs::write(dir.path().join("xor.dat"), [1; 7]).expect("written");
        write(
            &dir.path().join("blk00000.dat"),
            &[1],
            XorKey::new([1; 8]),
            0,
        );
        let mut import = BlockFiles::find(dir.path()).expect("found").read();
        assert!(matches!(import.next(), Some(Err(ReadError::BadKey(_)))));
        assert!(import.next().is_none());
    }
}
