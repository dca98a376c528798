//! Moving protection between signers: a JSON document modelled on EIP-3076, with the chain id
//! in place of the genesis root.
//!
//! An import is minified: of each key only the greatest numbers are taken, and they only raise
//! the watermarks. So an import never makes anything signable that was not, and its order and
//! repetition do not matter. Numbers are decimal text, as in EIP-3076.

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use synod_api::{HashHex, HexBytes};
use synod_seal::SealKey;

use super::error::ProtectionError;
use super::rows;
use super::rules::Marks;

/// The most bytes of a document that is read.
pub const MAX_INTERCHANGE_BYTES: u64 = 256 * 1024 * 1024;
/// The format's name.
const FORMAT: &str = "synod-slashing-protection";
/// The format's version.
const VERSION: &str = "1";

/// What some keys have signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interchange {
    /// What the document is.
    pub metadata: Metadata,
    /// One entry for each key; a key may come more than once.
    pub data: Vec<KeyHistory>,
}

/// What a document is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The format's name.
    pub interchange_format: String,
    /// The format's version.
    pub interchange_format_version: String,
    /// The chain that the signatures belong to.
    pub chain_id: HashHex,
}

/// What one key has signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHistory {
    /// The key, X-only.
    pub pubkey: HashHex,
    /// Its seals.
    pub signed_blocks: Vec<SignedBlock>,
    /// Its votes.
    pub signed_votes: Vec<SignedVote>,
}

/// A seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBlock {
    /// The slot.
    #[serde(with = "decimal")]
    pub slot: u64,
    /// The round in it.
    #[serde(with = "decimal", default)]
    pub round: u32,
    /// The height.
    #[serde(with = "decimal", default)]
    pub height: u32,
    /// The height that the seal states as sealed before.
    #[serde(with = "decimal", default)]
    pub previously_sealed: u32,
    /// The height that the seal states as prevoted.
    #[serde(with = "decimal", default)]
    pub prevoted: u32,
    /// What was signed; absent where only a watermark is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_root: Option<HexBytes>,
}

/// A vote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedVote {
    /// The source's epoch.
    #[serde(with = "decimal")]
    pub source_epoch: u64,
    /// The target's epoch.
    #[serde(with = "decimal")]
    pub target_epoch: u64,
    /// What was signed; absent where only a watermark is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_root: Option<HexBytes>,
}

/// Numbers as decimal text, and nothing else.
mod decimal {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(
        number: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, T: FromStr + Display, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse::<T>().ok();
        let number = number.filter(|it| it.to_string() == text);
        number.ok_or_else(|| de::Error::custom("not a decimal number in range"))
    }
}

/// Why a document is not taken, as one sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InterchangeError {
    /// Another format or version.
    #[error("the document is not version {VERSION} of {FORMAT}")]
    Format,
    /// Another chain.
    #[error("the document is of the chain {found}, this database of {wanted}")]
    Chain {
        /// The document's.
        found: HashHex,
        /// The database's.
        wanted: HashHex,
    },
    /// A number past what a database can hold, or a vote whose target is not after its source.
    #[error("the document holds a slot or a vote that cannot be")]
    Entry,
}

impl InterchangeError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format => "interchange-format",
            Self::Chain { .. } => "interchange-other-chain",
            Self::Entry => "interchange-entry",
        }
    }
}

/// What an import has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportReport {
    /// Keys that were not known.
    pub added: usize,
    /// Known keys with a watermark that was raised.
    pub raised: usize,
    /// Known keys of which the document says nothing new.
    pub unchanged: usize,
}

impl ImportReport {
    pub(super) fn count(&mut self, known: Option<&Marks>, imported: &Marks) {
        match known {
            None => self.added += 1,
            Some(marks) if marks.joined(imported) != *marks => self.raised += 1,
            Some(_) => self.unchanged += 1,
        }
    }
}

/// Reduces a document to the watermarks of each key.
pub(super) fn minified(
    document: &Interchange,
    chain_id: &[u8; 32],
) -> Result<Vec<(SealKey, Marks)>, InterchangeError> {
    let metadata = &document.metadata;
    if metadata.interchange_format != FORMAT || metadata.interchange_format_version != VERSION {
        return Err(InterchangeError::Format);
    }
    let wanted = HashHex::from_bytes(*chain_id);
    if metadata.chain_id != wanted {
        return Err(InterchangeError::Chain {
            found: metadata.chain_id,
            wanted,
        });
    }
    let keys = document.data.iter().map(|history| {
        let key = SealKey(history.pubkey.to_bytes());
        Ok((key, marks_of(history)?))
    });
    keys.collect()
}

fn marks_of(history: &KeyHistory) -> Result<Marks, InterchangeError> {
    let is_stored = |number: u64| i64::try_from(number).is_ok();
    let mut marks = Marks::default();
    for block in &history.signed_blocks {
        if !is_stored(block.slot) {
            return Err(InterchangeError::Entry);
        }
        marks = marks.joined(&Marks {
            low_slot: Some(block.slot),
            sealed: Some((block.slot, block.round)),
            forged: block.height.max(block.previously_sealed),
            prevoted: block.prevoted,
            prevoted_height: block.height,
            ..Marks::default()
        });
    }
    for vote in &history.signed_votes {
        if !is_stored(vote.target_epoch) || vote.source_epoch >= vote.target_epoch {
            return Err(InterchangeError::Entry);
        }
        marks = marks.joined(&Marks {
            low_target: Some(vote.target_epoch),
            voted: Some((vote.source_epoch, vote.target_epoch)),
            ..Marks::default()
        });
    }
    Ok(marks)
}

/// Writes down everything that a database knows: the history, and the watermarks where they
/// say more than it.
pub(super) async fn export(
    db: &mut SqliteConnection,
    chain_id: &[u8; 32],
) -> Result<Interchange, ProtectionError> {
    let mut data = Vec::new();
    for (key, marks) in rows::all_marks(db).await? {
        let mut history = KeyHistory {
            pubkey: HashHex::from_bytes(key),
            signed_blocks: Vec::new(),
            signed_votes: Vec::new(),
        };
        for row in rows::all_seals(db, &key).await? {
            history.signed_blocks.push(SignedBlock {
                slot: row.slot,
                round: row.round,
                height: row.height,
                previously_sealed: row.previously_sealed,
                prevoted: row.prevoted,
                signing_root: Some(row.signed.digest[..].into()),
            });
        }
        for row in rows::all_votes(db, &key).await? {
            history.signed_votes.push(SignedVote {
                source_epoch: row.source,
                target_epoch: row.target,
                signing_root: Some(row.signed.digest[..].into()),
            });
        }
        add_marks(&mut history, &marks);
        data.push(history);
    }
    Ok(Interchange {
        metadata: Metadata {
            interchange_format: FORMAT.to_owned(),
            interchange_format_version: VERSION.to_owned(),
            chain_id: HashHex::from_bytes(*chain_id),
        },
        data,
    })
}

fn add_marks(history: &mut KeyHistory, marks: &Marks) {
    let known = marks_of(history).unwrap_or_default();
    let says_more = |joined: Marks| {
        (
            joined.sealed,
            joined.forged,
            joined.prevoted,
            joined.prevoted_height,
        ) != (
            known.sealed,
            known.forged,
            known.prevoted,
            known.prevoted_height,
        )
    };
    if let Some((slot, round)) = marks.sealed
        && says_more(known.joined(marks))
    {
        history.signed_blocks.push(SignedBlock {
            slot,
            round,
            height: marks.prevoted_height,
            previously_sealed: marks.forged,
            prevoted: marks.prevoted,
            signing_root: None,
        });
    }
    if let Some((source_epoch, target_epoch)) = marks.voted
        && known.joined(marks).voted != known.voted
    {
        history.signed_votes.push(SignedVote {
            source_epoch,
            target_epoch,
            signing_root: None,
        });
    }
}
