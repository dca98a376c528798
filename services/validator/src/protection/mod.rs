//! Slashing protection: what was signed, written down and synced before a signature leaves.
//!
//! Invariant: a signature is returned only when the database and the second place
//! ([`high_water`](self)) both say so on the disk. A repeat is answered with the stored
//! signature, so one digest has one signature and one place one digest.
//!
//! The database is SQLite with a write-ahead log, `synchronous = FULL`, one connection, and an
//! exclusive lock for as long as it is open. Each row carries a digest of itself.
//!
//! Not covered: a lying disk, and a second machine with the same keys; against the latter the
//! service watches the chain before it signs.

mod error;
mod head;
mod high_water;
mod interchange;
mod open;
mod rows;
mod rules;

use std::path::{Path, PathBuf};

pub use error::ProtectionError;
pub use interchange::{
    ImportReport, Interchange, InterchangeError, KeyHistory, MAX_INTERCHANGE_BYTES, Metadata,
    SignedBlock, SignedVote,
};
pub use rules::{Marks, Refusal, SealRecord, VoteRecord};

use sqlx::{Connection as _, SqliteConnection};
use synod_api::HashHex;
use synod_seal::SealKey;
use tokio::sync::Mutex;

use head::Head;
use high_water::{HighWater, HighWaterFile};
use rules::{Digest, Signature, Verdict, judge_seal, judge_vote};

/// The most keys of one database.
pub const MAX_KEYS: usize = 64;
/// Seals and votes of each key that are kept one by one; older ones are covered by the
/// watermarks.
const MAX_HISTORY: u32 = 256;
/// How many changes pass between two prunings.
const PRUNE_INTERVAL: u64 = 64;

/// Where protection keeps what it knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtectionPaths {
    /// The database.
    pub database: PathBuf,
    /// The second place; it belongs outside of the directory that backups restore.
    pub high_water: PathBuf,
}

/// How protection is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProtectionOptions {
    /// Goes on when database and second place disagree or one is missing, from the greater of
    /// each watermark that is left. Dangerous: what neither of them knows can be signed again.
    pub accept_loss: bool,
}

/// An open protection database.
#[derive(Debug)]
pub struct Protection {
    chain_id: [u8; 32],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    db: SqliteConnection,
    second: HighWaterFile,
    head: Head,
    /// Whether the second place was written after the database's last change.
    is_second_written: bool,
}

impl ProtectionPaths {
    /// Names the files of a data directory: the database in it, the second place beside it.
    #[must_use]
    pub fn of_data(data: &Path) -> Self {
        let mut name = data.file_name().unwrap_or_default().to_owned();
        name.push(".high-water");
        Self {
            database: data.join("protection.sqlite"),
            high_water: data.with_file_name(name),
        }
    }
}

impl Protection {
    /// Opens the database of a chain, or makes it.
    ///
    /// # Errors
    /// It is another chain's, in use, damaged, or not as far as the second place says.
    pub async fn open(
        paths: &ProtectionPaths,
        chain_id: [u8; 32],
        options: ProtectionOptions,
    ) -> Result<Self, ProtectionError> {
        let state = open::open(paths, chain_id, options).await?;
        Ok(Self {
            chain_id,
            state: Mutex::new(state),
        })
    }

    /// Returns the chain that the database belongs to.
    #[must_use]
    pub fn chain_id(&self) -> &[u8; 32] {
        &self.chain_id
    }

    /// Reads from the second place which chain a database belongs to; `None` when there is none
    /// yet.
    ///
    /// # Errors
    /// The second place is damaged or cannot be read.
    pub fn chain_of(paths: &ProtectionPaths) -> Result<Option<[u8; 32]>, ProtectionError> {
        let marked = HighWaterFile::new(&paths.high_water).read()?;
        Ok(marked.map(|it| it.head.chain_id))
    }

    /// Adds a key that has never signed anything.
    ///
    /// # Errors
    /// The key is known, there are too many, or the disk fails.
    pub async fn register(&self, key: &SealKey) -> Result<(), ProtectionError> {
        let mut state = self.state.lock().await;
        let state = &mut *state;
        state.catch_up().await?;
        let mut tx = state.db.begin_with("BEGIN IMMEDIATE").await?;
        if rows::load_marks(&mut tx, &key.0).await?.is_some() {
            return Err(ProtectionError::KnownKey(key.to_string()));
        }
        if rows::all_marks(&mut tx).await?.len() >= MAX_KEYS {
            return Err(ProtectionError::Full(MAX_KEYS));
        }
        rows::save_marks(&mut tx, &key.0, &Marks::default()).await?;
        let head = advance(&mut tx, &[b"register", &key.0]).await?;
        // Correctness: whatever becomes of the commit, the second place is looked after before
        // the next change.
        state.is_second_written = false;
        tx.commit().await?;
        state.finish(head).await
    }

    /// Returns a key's watermarks.
    ///
    /// # Errors
    /// The key is unknown or its row damaged.
    pub async fn marks(&self, key: &SealKey) -> Result<Marks, ProtectionError> {
        let mut state = self.state.lock().await;
        let marks = rows::load_marks(&mut state.db, &key.0).await?;
        marks.ok_or_else(|| ProtectionError::UnknownKey(key.to_string()))
    }

    /// Returns all keys with their watermarks.
    ///
    /// # Errors
    /// A row is damaged.
    pub async fn keys(&self) -> Result<Vec<(SealKey, Marks)>, ProtectionError> {
        let mut state = self.state.lock().await;
        let marks = rows::all_marks(&mut state.db).await?;
        Ok(marks.into_iter().map(|(k, it)| (SealKey(k), it)).collect())
    }

    /// Returns the signature of a seal: the stored one, or that of `sign` once it is written
    /// down and synced.
    ///
    /// # Errors
    /// Signing it could be slashed, the key is unknown, or the disk fails; then nothing leaves.
    pub async fn seal(
        &self,
        key: &SealKey,
        seal: &SealRecord,
        sign: impl FnOnce(&Digest) -> Signature,
    ) -> Result<Signature, ProtectionError> {
        let mut state = self.state.lock().await;
        let state = &mut *state;
        state.catch_up().await?;
        let mut tx = state.db.begin_with("BEGIN IMMEDIATE").await?;
        let marks = marks_of(&mut tx, key).await?;
        let at_place = rows::seal_at(&mut tx, &key.0, seal.slot, seal.round).await?;
        if let Verdict::Repeat(signature) = judge_seal(&marks, at_place.as_ref(), seal)? {
            return Ok(signature);
        }
        let signature = sign(&seal.digest);
        let mut marks = marks.after_seal(seal);
        rows::insert_seal(&mut tx, &key.0, seal, &signature).await?;
        let head = advance(&mut tx, &[b"seal", &key.0, &seal.digest, &signature]).await?;
        if head.sequence.is_multiple_of(PRUNE_INTERVAL) {
            let cut = rows::prune_seals(&mut tx, &key.0, MAX_HISTORY).await?;
            marks.low_slot = marks.low_slot.max(cut);
        }
        rows::save_marks(&mut tx, &key.0, &marks).await?;
        // Correctness: whatever becomes of the commit, the second place is looked after before
        // the next change.
        state.is_second_written = false;
        tx.commit().await?;
        state.finish(head).await?;
        Ok(signature)
    }

    /// Returns the signature of a vote: the stored one, or that of `sign` once it is written
    /// down and synced.
    ///
    /// # Errors
    /// Signing it could be slashed, the key is unknown, or the disk fails; then nothing leaves.
    pub async fn vote(
        &self,
        key: &SealKey,
        vote: &VoteRecord,
        sign: impl FnOnce(&Digest) -> Signature,
    ) -> Result<Signature, ProtectionError> {
        let mut state = self.state.lock().await;
        let state = &mut *state;
        state.catch_up().await?;
        let mut tx = state.db.begin_with("BEGIN IMMEDIATE").await?;
        let marks = marks_of(&mut tx, key).await?;
        let at_target = rows::vote_for(&mut tx, &key.0, vote.target).await?;
        let around = rows::vote_around(&mut tx, &key.0, vote).await?;
        if let Verdict::Repeat(signature) = judge_vote(&marks, at_target.as_ref(), around, vote)? {
            return Ok(signature);
        }
        let signature = sign(&vote.digest);
        let mut marks = marks.after_vote(vote);
        rows::insert_vote(&mut tx, &key.0, vote, &signature).await?;
        let head = advance(&mut tx, &[b"vote", &key.0, &vote.digest, &signature]).await?;
        if head.sequence.is_multiple_of(PRUNE_INTERVAL) {
            let cut = rows::prune_votes(&mut tx, &key.0, MAX_HISTORY).await?;
            marks.low_target = marks.low_target.max(cut);
        }
        rows::save_marks(&mut tx, &key.0, &marks).await?;
        // Correctness: whatever becomes of the commit, the second place is looked after before
        // the next change.
        state.is_second_written = false;
        tx.commit().await?;
        state.finish(head).await?;
        Ok(signature)
    }

    /// Returns everything that is known, for another signer of the same keys.
    ///
    /// # Errors
    /// A row is damaged.
    pub async fn export(&self) -> Result<Interchange, ProtectionError> {
        let mut state = self.state.lock().await;
        interchange::export(&mut state.db, &self.chain_id).await
    }

    /// Raises the watermarks to what an export says; keys that are not known are added.
    ///
    /// # Errors
    /// The export is of another chain, or holds too many keys; then nothing is changed.
    pub async fn import(&self, document: &Interchange) -> Result<ImportReport, ProtectionError> {
        let keys = interchange::minified(document, &self.chain_id)?;
        let mut state = self.state.lock().await;
        let state = &mut *state;
        state.catch_up().await?;
        let mut tx = state.db.begin_with("BEGIN IMMEDIATE").await?;
        let mut report = ImportReport::default();
        for (key, imported) in &keys {
            let known = rows::load_marks(&mut tx, &key.0).await?;
            report.count(known.as_ref(), imported);
            let marks = known.unwrap_or_default().joined(imported);
            rows::save_marks(&mut tx, &key.0, &marks).await?;
        }
        if rows::all_marks(&mut tx).await?.len() > MAX_KEYS {
            return Err(ProtectionError::Full(MAX_KEYS));
        }
        let head = advance(&mut tx, &[b"import"]).await?;
        // Correctness: whatever becomes of the commit, the second place is looked after before
        // the next change.
        state.is_second_written = false;
        tx.commit().await?;
        state.finish(head).await?;
        Ok(report)
    }

    /// Closes the database; what was written is on the disk already.
    ///
    /// # Errors
    /// The database fails while it is closed.
    pub async fn close(self) -> Result<(), ProtectionError> {
        Ok(self.state.into_inner().db.close().await?)
    }
}

async fn marks_of(db: &mut SqliteConnection, key: &SealKey) -> Result<Marks, ProtectionError> {
    let marks = rows::load_marks(db, &key.0).await?;
    marks.ok_or_else(|| ProtectionError::UnknownKey(key.to_string()))
}

/// Notes a change in the database's history; part of the change's transaction.
async fn advance(db: &mut SqliteConnection, change: &[&[u8]]) -> Result<Head, ProtectionError> {
    let head = rows::load_head(db).await?;
    let head = head.ok_or(ProtectionError::Damaged { table: "head" })?;
    let head = head.after(change);
    rows::save_head(db, &head).await?;
    Ok(head)
}

impl State {
    /// Writes the second place if an earlier attempt failed.
    ///
    /// Correctness: without this the database could get more than one change ahead, which is
    /// what an older copy of the second place looks like.
    async fn catch_up(&mut self) -> Result<(), ProtectionError> {
        if self.is_second_written {
            return Ok(());
        }
        let head = rows::load_head(&mut self.db).await?;
        let head = head.ok_or(ProtectionError::Damaged { table: "head" })?;
        self.finish(head).await
    }

    /// Writes the second place after a change of the database is on the disk.
    async fn finish(&mut self, head: Head) -> Result<(), ProtectionError> {
        let marks = rows::all_marks(&mut self.db).await?;
        let marks = marks
            .into_iter()
            .map(|(k, it)| (HashHex::from_bytes(k), it));
        self.second.write(&HighWater {
            head,
            marks: marks.collect(),
        })?;
        self.head = head;
        self.is_second_written = true;
        Ok(())
    }
}
