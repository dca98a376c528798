//! Files, standard input and output, and questions to the user.

use std::{
    fs::File,
    io::{self, BufRead, IsTerminal, Read, Write},
    path::Path,
};

use crate::exit::{Exit, Failure};

/// Reads a file, or standard input for `-`, up to a limit in bytes.
///
/// # Errors
/// When it does not exist, cannot be read or is longer.
pub fn read_input(name: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = limit as u64 + 1;
    let read = if name == "-" {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(name).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|e| input_failure(name, &e))?;
    if bytes.len() > limit {
        return Err(Failure::new(
            Exit::InvalidData,
            "file-too-large",
            format!("{name} is longer than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a text file, or standard input for `-`.
///
/// # Errors
/// As [`read_input`], and when it is not UTF-8.
pub fn read_text(name: &str, limit: usize) -> Result<String, Failure> {
    let bytes = read_input(name, limit)?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::InvalidData, "not-text", format!("{name} is not text")))
}

/// Writes a result file; it must not exist unless `force` is set.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_output(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let opened = File::options()
        .write(true)
        .create(true)
        .create_new(!force)
        .truncate(force)
        .open(path);
    let written = opened.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Refused,
            "file-exists",
            format!("{} exists already", path.display()),
        )
        .hint("--force"),
        _ => Failure::new(
            Exit::Internal,
            "file-io",
            format!("{}: {e}", path.display()),
        ),
    })
}

/// Tells whether a person can be asked.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a yes on the terminal; the question goes to standard error.
///
/// # Errors
/// When the answer is anything but yes.
pub fn confirm(question: &str) -> Result<(), Failure> {
    eprint!("{question} [y/N] ");
    io::stderr().flush().ok();
    let mut line = String::new();
    let read = io::stdin().lock().take(64).read_line(&mut line);
    if read.is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Refused,
        "not-confirmed",
        "not confirmed; nothing was done",
    ))
}

fn input_failure(name: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(
            Exit::NotFound,
            "file-not-found",
            format!("{name} does not exist"),
        ),
        _ => Failure::new(Exit::Internal, "file-io", format!("{name}: {error}")),
    }
}
