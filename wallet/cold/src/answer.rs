//! What a command answers, as text for people or as one JSON envelope.

use std::{io::Write, process::ExitCode};

use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};

/// Version of the JSON envelope.
pub const SCHEMA_VERSION: u32 = 1;

/// A result with its two forms and its warnings.
#[derive(Debug)]
pub struct Answer {
    data: Value,
    text: String,
    warnings: Vec<String>,
}

impl Answer {
    /// Makes an answer of what `--json` shows and what people see.
    ///
    /// # Panics
    /// Never for the types of this project: their keys are strings and their values are plain.
    pub fn new(data: impl Serialize, text: impl Into<String>) -> Self {
        let data = serde_json::to_value(data).expect("answers are plain data with string keys");
        Self {
            data,
            text: text.into(),
            warnings: Vec::new(),
        }
    }

    /// Adds a warning; it goes to standard error, or into the envelope.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Adds warnings.
    #[must_use]
    pub fn warn_all(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Returns what `--json` shows as data.
    pub fn data(&self) -> &Value {
        &self.data
    }
}

/// Prints a command's outcome and returns its exit code. Standard output gets the result only.
pub fn print(outcome: Result<Answer, Failure>, as_json: bool) -> ExitCode {
    let exit = match &outcome {
        Ok(_) => Exit::Ok,
        Err(failure) => failure.exit(),
    };
    let written = if as_json {
        print_json(outcome)
    } else {
        print_text(outcome)
    };
    // A reader that went away (as `head` does) is no failure of the command.
    let broken = written.is_err_and(|e| e.kind() != std::io::ErrorKind::BrokenPipe);
    ExitCode::from(if broken {
        Exit::Internal.number()
    } else {
        exit.number()
    })
}

fn print_json(outcome: Result<Answer, Failure>) -> std::io::Result<()> {
    let envelope = match outcome {
        Ok(answer) => json!({
            "schema_version": SCHEMA_VERSION, "ok": true, "data": answer.data,
            "warnings": answer.warnings, "error": null,
        }),
        Err(failure) => json!({
            "schema_version": SCHEMA_VERSION, "ok": false, "data": null, "warnings": [], "error": failure,
        }),
    };
    writeln!(std::io::stdout().lock(), "{envelope}")
}

fn print_text(outcome: Result<Answer, Failure>) -> std::io::Result<()> {
    match outcome {
        Ok(answer) => {
            for warning in answer.warnings {
                writeln!(std::io::stderr(), "warning: {warning}")?;
            }
            if answer.text.is_empty() {
                return Ok(());
            }
            writeln!(
                std::io::stdout().lock(),
                "{}",
                answer.text.trim_end_matches('\n')
            )
        }
        Err(failure) => {
            writeln!(std::io::stderr(), "error: {failure}")?;
            match failure.hint_text() {
                Some(hint) => writeln!(std::io::stderr(), "hint: {hint}"),
                None => Ok(()),
            }
        }
    }
}
