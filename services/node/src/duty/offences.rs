//! Evidence that the node knows: who has contradicted itself, and what became of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use synod_api::node::evidence::MAX_EVIDENCE;
use synod_ledger::{StakeRules, StakeTag, report_transaction};
use synod_primitives::encode::write_var_bytes;
use synod_primitives::{Amount, Block, Height, OutPoint, Reader, Script, Transaction, Txid};
use synod_seal::{DelegateHash, Evidence, SealKey, StakeProgram};

use super::leaving::Leaving;

/// The name of the record that keeps evidence over a start.
pub const EVIDENCE_RECORD: &str = "evidence";
/// The most keys that one block reports.
const MAX_REPORTS_PER_BLOCK: usize = 4;

/// Evidence against one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The key.
    pub key: SealKey,
    /// What it has stated.
    pub evidence: Evidence,
    /// The block of the active chain that proves it guilty.
    pub included: Option<(Height, Txid)>,
    /// Counts up: the newest has the greatest.
    pub order: u64,
}

/// The evidence that a node knows, one piece a key; [`MAX_EVIDENCE`] at the most.
#[derive(Debug)]
pub struct Offences {
    chain_id: [u8; 32],
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    pieces: BTreeMap<SealKey, Piece>,
    count: u64,
    is_unsaved: bool,
    leaving: Leaving,
}

impl Offences {
    /// Reads what was saved; what cannot be read, or does not hold, is left out: it can be shown
    /// again.
    #[must_use]
    pub fn restore(chain_id: [u8; 32], saved: Option<&Bytes>) -> Self {
        let offences = Self {
            chain_id,
            inner: Mutex::default(),
        };
        for evidence in saved.map(decode_all).unwrap_or_default() {
            if let Some(key) = offences.judge(&evidence) {
                offences.add(key, &evidence);
            }
        }
        offences.lock().is_unsaved = false;
        offences
    }

    /// Correctness: nothing in here is left half changed, so a panic elsewhere harms nobody.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the key that evidence proves guilty, if it proves anything.
    #[must_use]
    pub fn judge(&self, evidence: &Evidence) -> Option<SealKey> {
        evidence.check(&self.chain_id).ok()
    }

    /// Takes in evidence that holds; says whether it is the first against its key. Where there
    /// is no room a piece that is in a block makes some, else the new one is left out.
    pub fn add(&self, key: SealKey, evidence: &Evidence) -> bool {
        self.lock().add(key, evidence, None)
    }

    /// Returns the evidence against a key.
    #[must_use]
    pub fn find(&self, key: &SealKey) -> Option<Piece> {
        self.lock().pieces.get(key).cloned()
    }

    /// Returns all evidence, the newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Piece> {
        let mut all: Vec<Piece> = self.lock().pieces.values().cloned().collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.order));
        all
    }

    /// Makes the transactions that report those who still have something to lose, as `stake_of`
    /// says.
    pub(super) fn reports(
        &self,
        rules: &StakeRules,
        reward: &Script,
        stake_of: impl Fn(&DelegateHash) -> Vec<(OutPoint, StakeProgram, Amount)>,
    ) -> Vec<Transaction> {
        let mut open = self.all();
        open.reverse();
        let reports = open.iter().filter_map(|piece| {
            let delegate = piece.key.delegate_hash();
            let mut stake = stake_of(&delegate);
            stake.extend(self.lock().leaving.of(&delegate));
            report_transaction(&stake, &piece.evidence, reward.clone(), rules)
        });
        reports.take(MAX_REPORTS_PER_BLOCK).collect()
    }

    /// Looks for evidence in a block that was connected.
    pub(super) fn connect(&self, block: &Block, height: Height) {
        self.lock().leaving.connect(block, height);
        for transaction in block.transactions().iter().skip(1) {
            for evidence in reported_by(transaction) {
                if let Some(key) = self.judge(&evidence) {
                    let included = Some((height, transaction.txid()));
                    self.lock().add(key, &evidence, included);
                }
            }
        }
    }

    /// Says whether a delegate has stake on its way out, which can still be slashed.
    #[must_use]
    pub fn is_leaving(&self, delegate: &DelegateHash) -> bool {
        !self.lock().leaving.of(delegate).is_empty()
    }

    /// Forgets what was spent in blocks that are final.
    pub(super) fn prune(&self, fixed: Height) {
        self.lock().leaving.prune(fixed);
    }

    /// Forgets that blocks from a height on carried evidence.
    pub(super) fn disconnect(&self, height: Height) {
        let mut inner = self.lock();
        inner.leaving.disconnect(height);
        for piece in inner.pieces.values_mut() {
            if piece.included.is_some_and(|(at, _)| at >= height) {
                piece.included = None;
            }
        }
    }

    /// Returns what to save, if there is something new: statements, each after its length.
    pub(super) fn take_unsaved(&self) -> Option<Bytes> {
        let mut inner = self.lock();
        if !std::mem::take(&mut inner.is_unsaved) {
            return None;
        }
        let mut out = Vec::new();
        for piece in inner.pieces.values() {
            write_var_bytes(&mut out, &piece.evidence.first.encode());
            write_var_bytes(&mut out, &piece.evidence.second.encode());
        }
        Some(out.into())
    }
}

impl Inner {
    fn add(&mut self, key: SealKey, evidence: &Evidence, included: Option<(Height, Txid)>) -> bool {
        if let Some(piece) = self.pieces.get_mut(&key) {
            piece.included = piece.included.or(included);
            return false;
        }
        if self.pieces.len() >= MAX_EVIDENCE && !self.make_room() {
            return false;
        }
        self.count += 1;
        let piece = Piece {
            key,
            evidence: evidence.clone(),
            included,
            order: self.count,
        };
        self.pieces.insert(key, piece);
        self.is_unsaved = true;
        true
    }

    /// Drops the oldest piece that is in a block.
    fn make_room(&mut self) -> bool {
        let done = self.pieces.values().filter(|it| it.included.is_some());
        let oldest = done.min_by_key(|it| it.order).map(|it| it.key);
        oldest.is_some_and(|key| self.pieces.remove(&key).is_some())
    }
}

/// Returns the evidence that a transaction carries.
fn reported_by(transaction: &Transaction) -> impl Iterator<Item = Evidence> + '_ {
    let witnesses = transaction.inputs().iter().map(|it| &it.witness);
    witnesses.filter_map(|witness| {
        let mut items = witness.iter();
        let (first, second, tag) = (items.next()?, items.next()?, items.next()?);
        let is_report = tag == [StakeTag::Slash.byte()] && items.next().is_none();
        is_report
            .then(|| Evidence::decode(first, second).ok())
            .flatten()
    })
}

fn decode_all(saved: &Bytes) -> Vec<Evidence> {
    let mut reader = Reader::new(saved);
    let mut all = Vec::new();
    while reader.remaining() > 0 && all.len() < MAX_EVIDENCE {
        let (Ok(first), Ok(second)) = (reader.read_var_bytes(), reader.read_var_bytes()) else {
            break;
        };
        all.extend(Evidence::decode(&first, &second));
    }
    all
}
