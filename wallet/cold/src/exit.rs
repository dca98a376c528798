//! Exit codes and the failures that lead to them.

use std::fmt;

use serde::Serialize;
use synod_wallet_core::{
    amount::AmountError,
    descriptors::DescriptorError,
    keystore::KeystoreError,
    mnemonic::MnemonicError,
    psbt::PsbtError,
    wallet::{BuildError, WalletError},
    watch_only::WatchOnlyError,
};

/// How a command ended. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// A fault of the program or the system.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// No password, or a wrong one.
    Locked = 4,
    /// A safety rule refused.
    Refused = 5,
    /// Not enough coins.
    InsufficientFunds = 6,
    /// The explorer cannot be reached.
    Unreachable = 7,
    /// It took too long.
    Timeout = 8,
    /// Not fully signed.
    Incomplete = 9,
    /// A file, address or answer is invalid.
    InvalidData = 10,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl Exit {
    /// Every exit code with its meaning, as `exit-codes` prints it.
    pub const TABLE: [(Self, &'static str); 12] = [
        (Self::Ok, "done"),
        (Self::Internal, "fault of the program or the system"),
        (Self::Usage, "wrong command line"),
        (Self::NotFound, "wallet, transaction or address not found"),
        (Self::Locked, "no password, or a wrong one"),
        (
            Self::Refused,
            "refused by a safety rule; the message names the flag that allows it, if any",
        ),
        (Self::InsufficientFunds, "not enough coins"),
        (Self::Unreachable, "explorer not reachable"),
        (Self::Timeout, "timed out"),
        (Self::Incomplete, "not fully signed"),
        (Self::InvalidData, "invalid file, address, PSBT or answer"),
        (Self::Interrupted, "interrupted"),
    ];

    /// Returns the number.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    #[serde(skip)]
    exit: Exit,
    code: String,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Makes a failure with its stable code and a sentence for people.
    pub fn new(exit: Exit, code: &str, message: impl fmt::Display) -> Self {
        let message = message
            .to_string()
            .lines()
            .map(synod_wallet_core::text::displayable)
            .collect::<Vec<_>>();
        Self {
            exit,
            code: code.to_owned(),
            message: message.join("\n"),
            hint: None,
        }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the hint.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Self {
        let exit = match &error {
            KeystoreError::NotFound(_) => Exit::NotFound,
            KeystoreError::BadPassword | KeystoreError::EmptyPassword => Exit::Locked,
            KeystoreError::Exists(_)
            | KeystoreError::Permissions(_)
            | KeystoreError::NotRegular(_)
            | KeystoreError::Full(_) => Exit::Refused,
            KeystoreError::Io { .. } | KeystoreError::Kdf => Exit::Internal,
            _ => Exit::InvalidData,
        };
        Self::new(exit, error.code(), error)
    }
}

impl From<PsbtError> for Failure {
    fn from(error: PsbtError) -> Self {
        let exit = match &error {
            PsbtError::Refused(_) => Exit::Refused,
            PsbtError::Incomplete(_) => Exit::Incomplete,
            PsbtError::Signing { .. } => Exit::Internal,
            _ => Exit::InvalidData,
        };
        let failure = Self::new(exit, error.code(), &error);
        let PsbtError::Refused(findings) = &error else {
            return failure;
        };
        let flags: Option<Vec<&str>> = findings
            .iter()
            .map(synod_wallet_core::psbt::Finding::flag)
            .collect();
        match flags {
            Some(mut flags) => {
                flags.dedup();
                failure.hint(format!("if you are sure: {}", flags.join(" ")))
            }
            None => failure,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let exit = match &error {
            BuildError::InsufficientFunds { .. } | BuildError::NothingToSpend => {
                Exit::InsufficientFunds
            }
            BuildError::UnknownTransaction(_) => Exit::NotFound,
            BuildError::Recipients => Exit::Usage,
            BuildError::Other(_) => Exit::InvalidData,
            _ => Exit::Refused,
        };
        Self::new(exit, error.code(), error)
    }
}

impl From<WalletError> for Failure {
    fn from(error: WalletError) -> Self {
        let failure = Self::new(Exit::InvalidData, error.code(), &error);
        match error {
            WalletError::CannotConnect => failure.hint("is this the explorer of the same network?"),
            WalletError::State(_) => failure,
        }
    }
}

impl From<AmountError> for Failure {
    fn from(error: AmountError) -> Self {
        Self::new(Exit::Usage, error.code(), error)
    }
}

impl From<MnemonicError> for Failure {
    fn from(error: MnemonicError) -> Self {
        let internal = matches!(error, MnemonicError::NoEntropy | MnemonicError::BadEntropy);
        Self::new(
            if internal {
                Exit::Internal
            } else {
                Exit::InvalidData
            },
            error.code(),
            error,
        )
    }
}

impl From<DescriptorError> for Failure {
    fn from(error: DescriptorError) -> Self {
        Self::new(Exit::InvalidData, error.code(), error)
    }
}

impl From<WatchOnlyError> for Failure {
    fn from(error: WatchOnlyError) -> Self {
        Self::new(Exit::InvalidData, error.code(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_documented_ones() {
        let numbers: Vec<u8> = Exit::TABLE.iter().map(|(exit, _)| exit.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130]);
    }

    #[test]
    fn messages_lose_terminal_escapes_but_keep_their_lines() {
        let failure = Failure::new(Exit::Internal, "x", "a\u{1b}[2Jb\nc");
        assert_eq!(failure.message(), "a[2Jb\nc");
    }
}
