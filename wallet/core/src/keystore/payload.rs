//! The secret part of a keystore.

use std::collections::BTreeMap;

use bdk_wallet::bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::KeystoreError;
use crate::{keys::ScriptKind, mnemonic::SeedWords};

/// Most signed transactions that are remembered; the oldest is forgotten first.
pub const MAX_SIGNED_RECORDS: usize = 10_000;
/// Most labels.
pub const MAX_LABELS: usize = 10_000;
/// Longest label, in bytes.
pub const MAX_LABEL_BYTES: usize = 255;

/// The secret part: seed, labels, what was signed, which addresses were given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    words: Secret,
    kind: ScriptKind,
    account: u32,
    revealed: Revealed,
    labels: BTreeMap<String, String>,
    signed: Vec<SignedRecord>,
}

/// The number of addresses given out on each keychain (the next index).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revealed {
    /// Receiving addresses.
    pub external: u32,
    /// Change addresses, as far as signed transactions used them.
    pub internal: u32,
}

/// A transaction that was signed here once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRecord {
    /// Id of the unsigned transaction.
    pub txid: Txid,
    /// This wallet's coins that it spends.
    pub inputs: Vec<OutPoint>,
    /// What it pays to others: script in hex and satoshis, sorted.
    pub payments: Vec<(String, u64)>,
}

/// Text whose memory is erased when it is dropped and that debug output hides.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

impl Payload {
    pub(super) fn new(words: &SeedWords, kind: ScriptKind, account: u32) -> Self {
        Self {
            words: Secret(words.as_str().to_owned()),
            kind,
            account,
            revealed: Revealed::default(),
            labels: BTreeMap::new(),
            signed: Vec::new(),
        }
    }

    /// Returns the seed words.
    pub fn words(&self) -> &str {
        &self.words.0
    }

    /// Returns the kind of outputs.
    pub fn kind(&self) -> ScriptKind {
        self.kind
    }

    /// Returns the account number.
    pub fn account(&self) -> u32 {
        self.account
    }

    /// Returns how many addresses were given out.
    pub fn revealed(&self) -> Revealed {
        self.revealed
    }

    /// Raises the numbers of addresses given out; they never fall.
    pub fn raise_revealed(&mut self, revealed: Revealed) {
        self.revealed.external = self.revealed.external.max(revealed.external);
        self.revealed.internal = self.revealed.internal.max(revealed.internal);
    }

    /// Returns the labels by what they name (an address, a transaction id or an outpoint).
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Sets a label; an empty text removes it.
    ///
    /// # Errors
    /// At [`MAX_LABELS`] labels or past [`MAX_LABEL_BYTES`] bytes.
    pub fn set_label(&mut self, name: &str, label: &str) -> Result<(), KeystoreError> {
        if label.is_empty() {
            self.labels.remove(name);
            return Ok(());
        }
        if label.len() > MAX_LABEL_BYTES || name.len() > MAX_LABEL_BYTES {
            return Err(KeystoreError::Full("a label is longer than 255 bytes"));
        }
        if self.labels.len() >= MAX_LABELS && !self.labels.contains_key(name) {
            return Err(KeystoreError::Full("too many labels"));
        }
        self.labels.insert(name.to_owned(), label.to_owned());
        Ok(())
    }

    /// Returns what was signed, oldest first.
    pub fn signed(&self) -> &[SignedRecord] {
        &self.signed
    }

    /// Remembers a signed transaction; one that is known already is not added again.
    pub fn remember_signed(&mut self, record: SignedRecord) {
        if self.signed.iter().any(|known| known.txid == record.txid) {
            return;
        }
        if self.signed.len() >= MAX_SIGNED_RECORDS {
            self.signed.remove(0);
        }
        self.signed.push(record);
    }
}
