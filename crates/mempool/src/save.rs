//! The mempool as bytes, to be kept over a restart.
//!
//! Format, version 1, numbers little-endian, counts of variable size as Bitcoin writes them:
//!
//! | field | bytes |
//! |---|---|
//! | `SYNDPOOL` | 8 |
//! | version, 1 | 1 |
//! | number of transactions | count |
//! | each: arrival in seconds since 1970 | 8 |
//! | each: the operator's fee delta in satoshis, signed | 8 |
//! | each: the transaction with its witness | its own |
//! | number of fee deltas of transactions that are not in the mempool | count |
//! | each: txid, fee delta | 32, 8 |
//! | double SHA-256 of everything before | 32 |
//!
//! Transactions stand in the order in which they can be admitted, parents first.

use std::sync::Arc;

use bytes::Bytes;
use synod_primitives::encode::write_count;
use synod_primitives::{DecodeError, Reader, Transaction, Txid, sha256d};

use crate::admission::{Context, Mode, Options, Prepared, Verified};
use crate::chain::verify_here;
use crate::graph::Slots;
use crate::pool::{MAX_FEE_DELTAS, Mempool};
use crate::rejected::Rejected;

const MAGIC: &[u8; 8] = b"SYNDPOOL";
const VERSION: u8 = 1;
const CHECKSUM_SIZE: usize = 32;
/// The fewest bytes of a saved transaction.
const LEAST_TRANSACTION_SIZE: usize = 8 + 8 + 10;
/// The bytes of a saved fee delta.
const DELTA_SIZE: usize = 32 + 8;

/// A mempool that was read from bytes; nothing in it is checked yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SavedMempool {
    /// The transactions, parents first.
    pub transactions: Vec<SavedTransaction>,
    /// Operators' fee deltas of other transactions, in satoshis.
    pub fee_deltas: Vec<(Txid, i64)>,
}

/// A transaction that was read from bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedTransaction {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// When it came, in seconds since 1970.
    pub arrived_at: u64,
    /// The operator's fee delta in satoshis.
    pub fee_delta_sat: i64,
}

/// What became of a saved mempool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restored {
    /// Transactions that are entries again.
    pub admitted: usize,
    /// Transactions that had waited too long.
    pub expired: usize,
    /// Transactions that are refused now.
    pub refused: usize,
}

/// Bytes that are no saved mempool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SaveError {
    /// They do not start as one.
    #[error("this is no saved mempool")]
    Magic,
    /// The format has another version.
    #[error("unknown format version {0}")]
    Version(u8),
    /// The checksum is not that of the bytes.
    #[error("the checksum does not match")]
    Checksum,
    /// They break off, or hold something that is no transaction.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Mempool {
    /// Returns all entries and fee deltas as they are saved; the transactions are shared.
    #[must_use]
    pub fn save(&self) -> SavedMempool {
        let all: Slots = self.graph.orders().by_arrival(None).collect();
        let entries = self.graph.sorted(&all).into_iter();
        let entries = entries.map(|slot| self.graph.entry(slot));
        let others = self.fee_deltas.iter();
        SavedMempool {
            transactions: entries
                .map(|entry| SavedTransaction {
                    transaction: Arc::clone(entry.transaction()),
                    arrived_at: entry.arrival().time,
                    fee_delta_sat: entry.cost().fee_delta_sat,
                })
                .collect(),
            fee_deltas: others
                .filter(|(txid, _)| self.find(txid).is_none())
                .map(|(txid, delta)| (*txid, *delta))
                .collect(),
        }
    }

    /// Admits the transactions of a saved mempool that are still valid, as if they came again,
    /// but with their old time of arrival.
    ///
    /// The caller has fetched the coins that [`Mempool::wanted_coins`] names for each.
    pub fn restore(&mut self, saved: &SavedMempool, context: &Context<'_>) -> Restored {
        self.restore_with(saved, context, verify_here)
    }

    /// Restores as [`Mempool::restore`] does; scripts are verified by `verify`, which may do it
    /// on several threads and gives the results in any order.
    pub fn restore_with(
        &mut self,
        saved: &SavedMempool,
        context: &Context<'_>,
        verify: impl FnOnce(Vec<Prepared>) -> Vec<Result<Verified, Rejected>>,
    ) -> Restored {
        for (txid, delta) in &saved.fee_deltas {
            let _is_full = self.prioritise(*txid, *delta).is_err();
        }
        for it in saved.transactions.iter().filter(|it| it.fee_delta_sat != 0) {
            let txid = it.transaction.txid();
            if !self.fee_deltas.contains_key(&txid) {
                let _is_full = self.prioritise(txid, it.fee_delta_sat).is_err();
            }
        }
        let oldest_kept = context.now.saturating_sub(self.policy.expiry_s);
        let is_young = |it: &&SavedTransaction| it.arrived_at >= oldest_kept;
        let young = saved.transactions.iter().filter(is_young);
        let returning = young.clone().map(|it| {
            let arrived_at = Some(it.arrived_at);
            (
                &*it.transaction,
                Options {
                    arrived_at,
                    ..Options::default()
                },
            )
        });
        self.admit_and_verify(returning, (context, Mode::SINGLE), verify);
        let admitted = young
            .clone()
            .filter(|it| self.find_by_wtxid(&it.transaction.wtxid()).is_some())
            .count();
        let young = young.count();
        Restored {
            admitted,
            expired: saved.transactions.len() - young,
            refused: young - admitted,
        }
    }
}

impl SavedMempool {
    /// Encodes a mempool.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        write_count(&mut out, self.transactions.len());
        for it in &self.transactions {
            out.extend_from_slice(&it.arrived_at.to_le_bytes());
            out.extend_from_slice(&it.fee_delta_sat.to_le_bytes());
            out.extend_from_slice(it.transaction.raw());
        }
        write_count(&mut out, self.fee_deltas.len());
        for (txid, delta) in &self.fee_deltas {
            out.extend_from_slice(txid.as_bytes());
            out.extend_from_slice(&delta.to_le_bytes());
        }
        let checksum = sha256d(&out);
        out.extend_from_slice(&checksum);
        out
    }

    /// Decodes a saved mempool.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn decode(bytes: &Bytes) -> Result<Self, SaveError> {
        let body = check_frame(bytes)?;
        let mut reader = Reader::new(&body);
        reader.read_slice(MAGIC.len() + 1)?;
        let count = reader.read_count_of(LEAST_TRANSACTION_SIZE)?;
        let mut saved = Self::default();
        for _ in 0..count {
            let arrived_at = reader.read_u64()?;
            let fee_delta_sat = reader.read_i64()?;
            let transaction = Transaction::read(&mut reader)?.into();
            saved.transactions.push(SavedTransaction {
                transaction,
                arrived_at,
                fee_delta_sat,
            });
        }
        let deltas = reader.read_count_of(DELTA_SIZE)?;
        for _ in 0..deltas.min(MAX_FEE_DELTAS) {
            let txid = Txid::from_bytes(reader.read_array()?);
            saved.fee_deltas.push((txid, reader.read_i64()?));
        }
        reader.finish()?;
        Ok(saved)
    }
}

/// Checks what stands around the content; gives the bytes without the checksum.
fn check_frame(bytes: &Bytes) -> Result<Bytes, SaveError> {
    if !bytes.starts_with(MAGIC) {
        return Err(SaveError::Magic);
    }
    match bytes.get(MAGIC.len()) {
        Some(&VERSION) => {}
        Some(version) => return Err(SaveError::Version(*version)),
        None => return Err(DecodeError::Truncated.into()),
    }
    let end = bytes
        .len()
        .checked_sub(CHECKSUM_SIZE)
        .filter(|end| *end > MAGIC.len());
    let body = bytes.slice(..end.ok_or(DecodeError::Truncated)?);
    if sha256d(&body) != bytes[body.len()..] {
        return Err(SaveError::Checksum);
    }
    Ok(body)
}

#[cfg(test)]
#[path = "save_tests.rs"]
mod tests;
