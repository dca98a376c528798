//! Why protection cannot be used, or refuses.

use std::path::PathBuf;

use super::interchange::InterchangeError;
use super::rules::Refusal;

/// Why something is not signed, or protection does not open; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum ProtectionError {
    /// Signing it could be slashed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key is not in the database.
    #[error(
        "the key {0} is not in this protection database; import the history that belongs to it \
         with `synod-validator protection import`"
    )]
    UnknownKey(String),
    /// The key is in the database already.
    #[error("the key {0} is in this protection database already")]
    KnownKey(String),
    /// As many keys as there can be.
    #[error("a protection database holds {0} keys at most")]
    Full(usize),
    /// The database is of another chain.
    #[error(
        "the protection database is of the chain {found}, not of {wanted}; use another data \
         directory for each chain"
    )]
    OtherChain {
        /// The chain it belongs to.
        found: String,
        /// The chain that was asked for.
        wanted: String,
    },
    /// The database is gone, and the second place says that there was one.
    #[error(
        "there is no protection database in {database}, but {mark} says that keys have signed \
         with one; restore it, or go on with --dangerously-accept-protection-loss"
    )]
    Missing {
        /// Where the database should be.
        database: PathBuf,
        /// The second place.
        mark: PathBuf,
    },
    /// The database is not as far as the second place says.
    #[error(
        "the protection database stands at change {found}, but {mark} says {expected}: it is an \
         older copy, cut short, or another one; restore the right one, or go on with \
         --dangerously-accept-protection-loss"
    )]
    Behind {
        /// Where the database stands.
        found: u64,
        /// Where it should stand.
        expected: u64,
        /// The second place.
        mark: PathBuf,
    },
    /// The second place is gone.
    #[error(
        "{0}, the second place of the protection database, is missing; restore it, or go on with \
         --dangerously-accept-protection-loss"
    )]
    HighWaterMissing(PathBuf),
    /// The second place does not hold what was written.
    #[error(
        "{0}, the second place of the protection database, is damaged; restore it, or go on \
         with --dangerously-accept-protection-loss"
    )]
    HighWaterDamaged(PathBuf),
    /// The second place cannot be read or written.
    #[error("{path}, the second place of the protection database: {error}")]
    HighWaterIo {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// A row does not hold what was written.
    #[error("the protection database is damaged: a row of {table} does not hold what was written")]
    Damaged {
        /// The table.
        table: &'static str,
    },
    /// Another process has the database open.
    #[error("the protection database {0} is in use by another process")]
    InUse(PathBuf),
    /// The database failed.
    #[error("the protection database failed: {0}")]
    Database(sqlx::Error),
    /// The schema could not be made.
    #[error("the protection database failed: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// The operating system has no randomness.
    #[error("no randomness: {0}")]
    Random(String),
    /// An interchange document cannot be taken.
    #[error(transparent)]
    Interchange(#[from] InterchangeError),
}

impl ProtectionError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::UnknownKey(_) => "key-not-protected",
            Self::KnownKey(_) => "key-protected-already",
            Self::Full(_) => "too-many-keys",
            Self::OtherChain { .. } => "protection-other-chain",
            Self::Missing { .. } => "protection-missing",
            Self::Behind { .. } => "protection-behind",
            Self::HighWaterMissing(_) => "high-water-missing",
            Self::HighWaterDamaged(_) => "high-water-damaged",
            Self::HighWaterIo { .. } => "high-water-io",
            Self::Damaged { .. } => "protection-damaged",
            Self::InUse(_) => "protection-in-use",
            Self::Database(_) | Self::Schema(_) => "protection-database",
            Self::Random(_) => "no-randomness",
            Self::Interchange(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for ProtectionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}
