//! The wallet directory: which wallets there are and where their files lie.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::exit::{Exit, Failure};

/// Longest wallet name, in characters.
pub const MAX_NAME_CHARS: usize = 64;
/// Ending of a keystore file.
pub const KEYSTORE_ENDING: &str = ".wallet";
/// Ending of a watch-only file.
pub const WATCH_ONLY_ENDING: &str = ".watch.json";

/// Options that say which wallet is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct HomeArgs {
    /// Directory of the wallets [default: ~/.synod/wallets]
    #[arg(long, value_name = "DIR", global = true, env = "SYNOD_WALLET_DIR")]
    pub dir: Option<PathBuf>,
    /// Wallet to use; may be left out when there is only one
    #[arg(
        long,
        short = 'w',
        value_name = "NAME",
        global = true,
        env = "SYNOD_WALLET"
    )]
    pub wallet: Option<String>,
}

/// Whether a wallet holds keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// It has a keystore.
    Keys,
    /// It has public descriptors only.
    WatchOnly,
}

/// A wallet's name, safe to be part of a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WalletName(String);

impl WalletName {
    /// Checks a name: lower-case letters, digits, `-` and `_`, beginning with a letter or digit.
    ///
    /// # Errors
    /// When it has other characters or is empty or too long.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && name.len() <= MAX_NAME_CHARS && name.chars().all(fits) {
            return Ok(Self(name.to_owned()));
        }
        let message = format!("a wallet's name has 1 to {MAX_NAME_CHARS} of a-z, 0-9, - and _");
        Err(Failure::new(Exit::Usage, "wallet-name", message))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The wallet directory.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// Takes a directory; it is made when the first wallet is.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Finds the directory from the options.
    ///
    /// # Errors
    /// When none is given and there is no home directory.
    pub fn from_args(args: &HomeArgs) -> Result<Self, Failure> {
        if let Some(dir) = &args.dir {
            return Ok(Self::new(dir.clone()));
        }
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let home = home.ok_or_else(|| {
            Failure::new(Exit::Usage, "no-home", "there is no home directory")
                .hint("--dir or SYNOD_WALLET_DIR")
        })?;
        Ok(Self::new(home.join(".synod").join("wallets")))
    }

    /// Makes the directory, for its owner only.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make(&self) -> Result<(), Failure> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|e| {
                Failure::new(
                    Exit::Internal,
                    "wallet-dir",
                    format!("{}: {e}", self.dir.display()),
                )
            })
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of a wallet's keystore.
    pub fn keystore(&self, name: &WalletName) -> PathBuf {
        self.dir.join(format!("{}{KEYSTORE_ENDING}", name.as_str()))
    }

    /// Returns the path of a wallet's watch-only file.
    pub fn watch_only(&self, name: &WalletName) -> PathBuf {
        self.dir
            .join(format!("{}{WATCH_ONLY_ENDING}", name.as_str()))
    }

    /// Returns the wallets by name.
    ///
    /// # Errors
    /// When the directory cannot be read; one that does not exist holds no wallets.
    pub fn wallets(&self) -> Result<Vec<(WalletName, Holding)>, Failure> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => {
                return Err(Failure::new(
                    Exit::Internal,
                    "wallet-dir",
                    format!("{}: {e}", self.dir.display()),
                ));
            }
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut wallets: Vec<_> = names.filter_map(|file| wallet_of(&file)).collect();
        wallets.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(wallets)
    }

    /// Finds the wallet that is meant: the named one, else the only one.
    ///
    /// # Errors
    /// [`Exit::NotFound`] when it does not exist, [`Exit::Usage`] when there are several.
    pub fn find(&self, name: Option<&str>) -> Result<(WalletName, Holding), Failure> {
        let wallets = self.wallets()?;
        if let Some(name) = name {
            let name = WalletName::parse(name)?;
            let found = wallets.into_iter().find(|(known, _)| *known == name);
            return found
                .ok_or_else(|| self.not_found(&format!("there is no wallet '{}'", name.as_str())));
        }
        match wallets.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(self.not_found("there is no wallet")),
            _ => Err(
                Failure::new(Exit::Usage, "wallet-ambiguous", "there are several wallets")
                    .hint("-w NAME"),
            ),
        }
    }

    fn not_found(&self, message: &str) -> Failure {
        let message = format!("{message} in {}", self.dir.display());
        Failure::new(Exit::NotFound, "wallet-not-found", message).hint("create NAME makes one")
    }
}

fn wallet_of(file: &str) -> Option<(WalletName, Holding)> {
    let (name, holding) = match file.strip_suffix(KEYSTORE_ENDING) {
        Some(name) => (name, Holding::Keys),
        None => (file.strip_suffix(WATCH_ONLY_ENDING)?, Holding::WatchOnly),
    };
    Some((WalletName::parse(name).ok()?, holding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_directory() {
        for good in ["a", "shop-1", "0_x", &"x".repeat(MAX_NAME_CHARS)] {
            assert!(WalletName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../a",
            "a/b",
            "A",
            "a b",
            ".a",
            "-a",
            "é",
            &"x".repeat(MAX_NAME_CHARS + 1),
        ] {
            assert!(WalletName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_only_wallet_is_found_without_a_name() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let home = Home::new(directory.path().to_owned());
        assert_eq!(home.find(None).map_err(|f| f.exit()), Err(Exit::NotFound));
        fs::write(directory.path().join("a.wallet"), "").expect("file");
        fs::write(directory.path().join(".a.wallet.lock"), "").expect("file");
        assert_eq!(
            home.find(None).expect("one"),
            (WalletName("a".to_owned()), Holding::Keys)
        );
        fs::write(directory.path().join("b.watch.json"), "").expect("file");
        assert_eq!(home.find(None).map_err(|f| f.exit()), Err(Exit::Usage));
        assert_eq!(home.find(Some("b")).expect("named").1, Holding::WatchOnly);
        assert_eq!(
            home.find(Some("c")).map_err(|f| f.exit()),
            Err(Exit::NotFound)
        );
    }
}
