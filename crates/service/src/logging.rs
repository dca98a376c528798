//! Log lines on standard error, as text or JSON.

use std::io::IsTerminal;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("a log format is text or json".to_owned()),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter has a mistake.
    #[error("the log filter {0:?} is not valid")]
    Filter(String),
    /// The process logs already.
    #[error("logging is set up already")]
    Twice,
}

/// Sets up the process's log; for `main` alone. Standard output stays for results.
///
/// `filter` is a level or a list such as `info,synod_node=debug`.
///
/// # Errors
/// The filter has a mistake, or the process logs already.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let filter = EnvFilter::try_new(filter).map_err(|_| LoggingError::Filter(filter.to_owned()))?;
    let builder = tracing_subscriber::fmt()
        // A line that cannot be written is lost. Reporting that on standard error, which is what
        // cannot be written to, would panic whichever task happened to log.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    result.map_err(|_| LoggingError::Twice)
}
