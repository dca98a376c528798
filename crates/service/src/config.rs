//! Settings from a file, the environment and the command line, with one precedence.
//!
//! Command line before environment before file before default. Names that the settings do not
//! have are refused wherever they come from, so a misspelt setting is never silently ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// What separates the parts of a nested name in the environment: `SYNOD_NODE_LIMITS__GRACE`.
const NESTING: &str = "__";
/// The most bytes of a settings file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why there are no settings, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the settings file {path} cannot be read: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the settings file {path} is not valid: {error}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A name is unknown or a value has the wrong type.
    #[error("the settings are not valid: {0}")]
    Value(Box<toml::de::Error>),
    /// A variable nests below a name that is not a table.
    #[error("the variable {0} sets a part of a setting that has no parts")]
    Nesting(String),
}

/// Where one setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The settings file.
    File(PathBuf),
    /// A variable of the environment, by its name; of a setting with parts, the last of them.
    Variable(String),
    /// The command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// Where each setting comes from, by its name; of one with parts, the strongest that set a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Returns where a setting comes from.
    #[must_use]
    pub fn of(&self, name: &str) -> Origin {
        self.0.get(name).cloned().unwrap_or(Origin::Default)
    }

    fn note<'a>(&mut self, names: impl IntoIterator<Item = &'a String>, origin: &Origin) {
        for name in names {
            self.0.insert(name.clone(), origin.clone());
        }
    }
}

/// Where settings come from, strongest last.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// A TOML file, where one is named.
    pub file: Option<&'a Path>,
    /// The environment, and the prefix of this service's variables (`SYNOD_MINER_`).
    pub environment: Option<(&'a str, Vec<(String, String)>)>,
    /// What the command line says.
    pub flags: Table,
}

impl<'a> Sources<'a> {
    /// Adds the process's variables that begin with a prefix.
    #[must_use]
    pub fn with_environment(mut self, prefix: &'a str) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        self.environment = Some((prefix, variables));
        self
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// The file cannot be read, or a name is unknown, or a value has the wrong type.
    pub fn load<T: DeserializeOwned>(self) -> Result<T, ConfigError> {
        self.load_with_origins().map(|(settings, _)| settings)
    }

    /// Reads the settings, and tells where each comes from.
    ///
    /// # Errors
    /// As [`Sources::load`].
    pub fn load_with_origins<T: DeserializeOwned>(self) -> Result<(T, Origins), ConfigError> {
        let mut origins = Origins::default();
        let mut settings = match self.file {
            Some(path) => {
                let settings = read_file(path)?;
                origins.note(settings.keys(), &Origin::File(path.to_owned()));
                settings
            }
            None => Table::new(),
        };
        let (prefix, mut variables) = self.environment.unwrap_or_default();
        variables.sort();
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(prefix).filter(|it| !it.is_empty()) {
                let parts: Vec<_> = key.split(NESTING).map(str::to_ascii_lowercase).collect();
                set(&mut settings, &parts, parse_value(&value))
                    .ok_or_else(|| ConfigError::Nesting(name.clone()))?;
                origins.note(parts.first(), &Origin::Variable(name.clone()));
            }
        }
        origins.note(self.flags.keys(), &Origin::CommandLine);
        merge(&mut settings, self.flags);
        let settings = settings.try_into();
        let settings = settings.map_err(|error| ConfigError::Value(Box::new(error)))?;
        Ok((settings, origins))
    }
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let io = |error| ConfigError::Io {
        path: path.to_owned(),
        error,
    };
    if std::fs::metadata(path).map_err(io)?.len() > MAX_FILE_BYTES {
        return Err(io(std::io::ErrorKind::FileTooLarge.into()));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    text.parse().map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        error: Box::new(error),
    })
}

/// Reads a variable as TOML where it is a value, else as text.
fn parse_value(text: &str) -> Value {
    match format!("it = {text}").parse::<Table>() {
        Ok(mut table) if table.len() == 1 => table
            .remove("it")
            .unwrap_or_else(|| Value::String(text.to_owned())),
        _ => Value::String(text.to_owned()),
    }
}

fn set(table: &mut Table, parts: &[String], value: Value) -> Option<()> {
    let (first, rest) = parts.split_first()?;
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Some(());
    }
    let inner = table
        .entry(first.clone())
        .or_insert_with(|| Value::Table(Table::new()));
    set(inner.as_table_mut()?, rest, value)
}

fn merge(into: &mut Table, from: Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        listen: String,
        threads: u16,
        limits: Inner,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        grace_ms: u64,
        names: Vec<String>,
    }

    impl Default for Settings {
        fn default() -> Self {
            Self {
                listen: "default".to_owned(),
                threads: 1,
                limits: Inner::default(),
            }
        }
    }

    fn load(file: &str, variables: &[(&str, &str)], flags: &str) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, file).expect("written");
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let sources = Sources {
            file: Some(&path),
            environment: Some(("SYNOD_TEST_", variables.collect())),
            flags: flags.parse().expect("flags"),
        };
        sources.load()
    }

    #[test]
    fn the_command_line_goes_before_the_environment_before_the_file() {
        let file = "listen = 'file'\nthreads = 2\n[limits]\ngrace_ms = 5";
        let settings = load(file, &[], "").expect("valid");
        assert_eq!((settings.listen.as_str(), settings.threads), ("file", 2));
        let environment = [
            ("SYNOD_TEST_THREADS", "3"),
            ("SYNOD_TEST_LISTEN", "127.0.0.1:1"),
            ("SYNOD_TEST_LIMITS__NAMES", "[\"a\"]"),
            ("SYNOD_OTHER", "x"),
        ];
        let settings = load(file, &environment, "").expect("valid");
        assert_eq!(
            (settings.listen.as_str(), settings.threads),
            ("127.0.0.1:1", 3)
        );
        assert_eq!(
            settings.limits,
            Inner {
                grace_ms: 5,
                names: vec!["a".to_owned()]
            }
        );
        let settings = load(file, &environment, "threads = 4\n[limits]\ngrace_ms = 6");
        let settings = settings.expect("valid");
        assert_eq!((settings.threads, settings.limits.grace_ms), (4, 6));
        assert_eq!(load("", &[], "").expect("valid"), Settings::default());
    }

    #[test]
    fn each_setting_says_where_it_comes_from() {
        let sources = Sources {
            file: None,
            environment: Some((
                "SYNOD_TEST_",
                vec![
                    ("SYNOD_TEST_LIMITS__GRACE_MS".to_owned(), "3".to_owned()),
                    ("SYNOD_TEST_LISTEN".to_owned(), "here".to_owned()),
                ],
            )),
            flags: "listen = 'there'".parse().expect("flags"),
        };
        let (settings, origins): (Settings, Origins) = sources.load_with_origins().expect("valid");
        assert_eq!((settings.listen.as_str(), settings.threads), ("there", 1));
        let told = ["listen", "limits", "threads"].map(|name| origins.of(name).to_string());
        assert_eq!(
            told,
            [
                "command line",
                "environment SYNOD_TEST_LIMITS__GRACE_MS",
                "default"
            ]
        );
    }

    #[test]
    fn unknown_names_are_refused_from_every_source() {
        assert!(matches!(
            load("thread = 2", &[], ""),
            Err(ConfigError::Value(_))
        ));
        assert!(load("", &[("SYNOD_TEST_THREAD", "2")], "").is_err());
        assert!(load("", &[], "limits = { grace = 1 }").is_err());
        assert!(matches!(
            load("threads = 2", &[("SYNOD_TEST_THREADS__X", "2")], ""),
            Err(ConfigError::Nesting(_))
        ));
        assert!(matches!(
            load("threads = ", &[], ""),
            Err(ConfigError::Syntax { .. })
        ));
    }
}
