//! Where a passphrase comes from: a file, or the terminal. Never the command line, whose words
//! other users can see.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::file::read_private;
use super::sealed::KeyFileError;

/// The longest passphrase in bytes.
pub const MAX_PASSPHRASE_BYTES: usize = 4096;

/// A passphrase; its memory is erased when it is dropped.
pub type Passphrase = Zeroizing<String>;

/// Why there is no passphrase, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// There is no terminal to ask on.
    #[error(
        "there is no terminal to ask for the passphrase on; name a file with --passphrase-file"
    )]
    NoTerminal,
    /// The terminal failed.
    #[error("the terminal cannot be asked: {0}")]
    Terminal(io::Error),
    /// Nothing, or too much, or not text.
    #[error("a passphrase is one line of 1 to {MAX_PASSPHRASE_BYTES} bytes of UTF-8")]
    Text,
    /// The second time was not as the first.
    #[error("the two passphrases differ")]
    Differ,
}

/// Reads the passphrase of keys that are there.
///
/// # Errors
/// The file is readable by others or holds none; or there is no terminal.
pub fn read(file: Option<&Path>) -> Result<Passphrase, PassphraseError> {
    match file {
        Some(path) => first_line(&Zeroizing::new(read_private(path)?)),
        None => ask("Passphrase: "),
    }
}

/// Reads the passphrase of a new key; a terminal is asked twice.
///
/// # Errors
/// As [`read`]; also when the two differ.
pub fn read_new(file: Option<&Path>) -> Result<Passphrase, PassphraseError> {
    if file.is_some() {
        return read(file);
    }
    let first = ask("New passphrase: ")?;
    if ask("Repeat it: ")? == first {
        Ok(first)
    } else {
        Err(PassphraseError::Differ)
    }
}

fn first_line(bytes: &[u8]) -> Result<Passphrase, PassphraseError> {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| PassphraseError::Text)?;
    checked(Zeroizing::new(text.to_owned()))
}

fn ask(question: &str) -> Result<Passphrase, PassphraseError> {
    if !io::stdin().is_terminal() {
        return Err(PassphraseError::NoTerminal);
    }
    let text = rpassword::prompt_password(question).map_err(PassphraseError::Terminal)?;
    checked(Zeroizing::new(text))
}

fn checked(text: Passphrase) -> Result<Passphrase, PassphraseError> {
    if (1..=MAX_PASSPHRASE_BYTES).contains(&text.len()) {
        Ok(text)
    } else {
        Err(PassphraseError::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_the_first_line_without_its_end() {
        let read = |bytes: &[u8]| first_line(bytes).map(|it| it.to_string()).ok();
        assert_eq!(
            read(b" pass word \r\nsecond"),
            Some(" pass word ".to_owned())
        );
        assert_eq!(read(b"\n"), None);
        assert_eq!(read(&[0xff]), None);
        assert!(read(&[b'x'; MAX_PASSPHRASE_BYTES]).is_some());
        assert_eq!(read(&[b'x'; MAX_PASSPHRASE_BYTES + 1]), None);
    }
}
