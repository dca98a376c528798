//! Where a password comes from. Never from the command line's values, which other users can see.

use std::{
    fs::File,
    io::{self, BufRead},
    path::{Path, PathBuf},
};

use clap::Args;
use zeroize::Zeroizing;

use crate::{
    exit::{Exit, Failure},
    io::is_interactive,
};

/// Longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 4096;

/// The sources of a password; without any the terminal is asked.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "password", multiple = false)]
pub struct PasswordArgs {
    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE", global = true, env = "SYNOD_WALLET_PASSWORD_FILE", conflicts_with_all = ["password_fd", "password_stdin"])]
    pub password_file: Option<PathBuf>,
    /// Read the password from the first line of this open file descriptor
    #[arg(
        long,
        value_name = "N",
        global = true,
        conflicts_with = "password_stdin"
    )]
    pub password_fd: Option<u32>,
    /// Read the password from the first line of standard input
    #[arg(long, global = true)]
    pub password_stdin: bool,
}

impl PasswordArgs {
    /// Reads the password of an existing wallet.
    ///
    /// # Errors
    /// [`Exit::Locked`] when there is no source, at once and without waiting.
    pub fn read(&self) -> Result<Zeroizing<String>, Failure> {
        match self.source()? {
            Some(password) => Ok(password),
            None => prompt("Password: "),
        }
    }

    /// Reads the password for a new wallet; on a terminal it is asked for twice.
    ///
    /// # Errors
    /// As [`Self::read`], and when the two differ.
    pub fn read_new(&self) -> Result<Zeroizing<String>, Failure> {
        if let Some(password) = self.source()? {
            return Ok(password);
        }
        let password = prompt("New password: ")?;
        if *prompt("Repeat it: ")? == *password {
            return Ok(password);
        }
        Err(Failure::new(
            Exit::Locked,
            "passwords-differ",
            "the two passwords differ",
        ))
    }

    fn source(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        if self.password_stdin {
            return first_line(io::stdin().lock()).map(Some);
        }
        if let Some(fd) = self.password_fd {
            return from_file(&PathBuf::from(format!("/dev/fd/{fd}"))).map(Some);
        }
        self.password_file.as_deref().map(from_file).transpose()
    }
}

/// Reads a password from the first line of a file.
///
/// # Errors
/// [`Exit::Locked`] when it cannot be read or is empty.
pub fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = File::open(path)
        .map_err(|e| locked("password-file", format!("{}: {e}", path.display())))?;
    first_line(io::BufReader::new(file))
}

fn first_line(reader: impl BufRead) -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(Vec::new());
    let read = reader
        .take(MAX_PASSWORD_BYTES as u64 + 2)
        .read_until(b'\n', &mut line);
    read.map_err(|e| {
        locked(
            "password-source",
            format!("the password cannot be read: {e}"),
        )
    })?;
    let end = line
        .strip_suffix(b"\n")
        .map_or(line.as_slice(), |l| l.strip_suffix(b"\r").unwrap_or(l));
    if end.is_empty() || end.len() > MAX_PASSWORD_BYTES {
        return Err(locked(
            "password-length",
            format!("a password has 1 to {MAX_PASSWORD_BYTES} bytes"),
        ));
    }
    let text = std::str::from_utf8(end)
        .map_err(|_| locked("password-text", "the password is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn prompt(question: &str) -> Result<Zeroizing<String>, Failure> {
    if !is_interactive() {
        return Err(locked(
            "password-needed",
            "this needs the wallet's password and there is no terminal to ask on",
        )
        .hint("--password-file, --password-fd, --password-stdin or SYNOD_WALLET_PASSWORD_FILE"));
    }
    let password = rpassword::prompt_password(question).map(Zeroizing::new);
    let password = password.map_err(|e| {
        locked(
            "password-source",
            format!("the terminal cannot be asked: {e}"),
        )
    })?;
    if password.is_empty() {
        return Err(locked("empty-password", "an empty password is refused"));
    }
    Ok(password)
}

fn locked(code: &str, message: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Locked, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_end_is_cut_off() {
        let read = |bytes: &[u8]| {
            first_line(bytes)
                .map(|p| p.to_string())
                .map_err(|f| f.code().to_owned())
        };
        assert_eq!(read(b" pass word \r\nsecond"), Ok(" pass word ".to_owned()));
        assert_eq!(read(b"x"), Ok("x".to_owned()));
        assert_eq!(read(b"\n"), Err("password-length".to_owned()));
        assert_eq!(read(&[0xff, b'\n']), Err("password-text".to_owned()));
        assert!(read(&[b'x'; MAX_PASSWORD_BYTES]).is_ok());
        assert_eq!(
            read(&[b'x'; MAX_PASSWORD_BYTES + 1]),
            Err("password-length".to_owned())
        );
    }
}
