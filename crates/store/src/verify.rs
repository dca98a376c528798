//! Checking a whole database.

use std::collections::HashMap;

use sqlx::{Connection as _, SqliteConnection};
use synod_primitives::{Block, BlockHash, Height, MerkleRoot};

use crate::batch::{BlockStatus, HeaderRecord};
use crate::coins::{decode_coin_key, decode_location};
use crate::error::StoreError;
use crate::keyed::{COINS, KeyedTable, TRANSACTIONS};
use crate::row::Columns;
use crate::state::ChainState;
use crate::tally::{ABOVE_ALL, BUCKETS, Bucket, bucket_of};
use crate::{blocks, chain, headers, meta};

/// The most faults that a report lists; the others are counted.
pub const MAX_LISTED_FAULTS: usize = 1000;

/// How much is checked; each level includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum VerifyLevel {
    /// SQLite's pages, headers, the active chain, records.
    Structure,
    /// All blocks and undo data.
    Blocks,
    /// All coins and the transaction index.
    #[default]
    Everything,
}

/// What [`crate::Maintenance::verify`] found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VerifyReport {
    /// Headers that were read.
    pub headers: u64,
    /// Blocks whose bytes were read and hashed.
    pub blocks: u64,
    /// Undo records that were read.
    pub undo: u64,
    /// Coins that were read.
    pub coins: u64,
    /// Rows of the transaction index that were read.
    pub transactions: u64,
    /// The number of faults.
    pub faults: u64,
    /// The first faults, in words.
    pub listed: Vec<String>,
}

impl std::fmt::Display for VerifyReport {
    /// Writes what was read, a line each fault that is listed, and the verdict as the last line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            headers,
            blocks,
            undo,
            coins,
            transactions,
            faults,
            listed,
        } = self;
        writeln!(
            f,
            "read: {headers} headers, {blocks} blocks, {undo} undo records, {coins} coins, \
             {transactions} transactions of the index"
        )?;
        for fault in listed {
            writeln!(f, "fault: {fault}")?;
        }
        match faults {
            0 => f.write_str("the database is sound"),
            1 => f.write_str("1 fault was found"),
            _ => write!(f, "{faults} faults were found"),
        }
    }
}

impl VerifyReport {
    /// Says whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults == 0
    }

    fn note(&mut self, fault: &impl ToString) {
        self.faults += 1;
        if self.listed.len() < MAX_LISTED_FAULTS {
            self.listed.push(fault.to_string());
        }
    }

    fn check<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.note(&error)).ok()
    }
}

/// What is needed of a header to check the rest.
struct Known {
    id: i64,
    height: Height,
    status: BlockStatus,
}

/// Checks everything, as of one moment.
pub(crate) async fn run(
    connection: &mut SqliteConnection,
    level: VerifyLevel,
    mut progress: impl FnMut(&'static str),
) -> Result<VerifyReport, StoreError> {
    let mut report = VerifyReport::default();
    let mut transaction = connection.begin().await?;
    let connection = &mut *transaction;
    progress("pages");
    check_pages(connection, &mut report).await;
    let state = ChainState::load(connection).await;
    let Some(state) = report.check(state) else {
        return Ok(report);
    };
    progress("headers");
    let known = check_headers(connection, &state, &mut report).await;
    progress("active chain");
    check_chain(connection, &state, &known, &mut report).await;
    progress("records");
    check_records(connection, &state, &mut report).await;
    if level < VerifyLevel::Blocks {
        return Ok(report);
    }
    progress("blocks");
    let sizes = check_blocks(connection, &state, &known, &mut report).await;
    if level < VerifyLevel::Everything {
        return Ok(report);
    }
    progress("coins");
    report.coins = check_keyed(connection, &COINS, &mut report, |key, _| {
        decode_coin_key(key).map(|_| ())
    })
    .await;
    progress("transactions");
    let is_pruned = state.pruned_below > Height::GENESIS;
    report.transactions = check_keyed(connection, &TRANSACTIONS, &mut report, |key, value| {
        let fits = decode_location(value).is_some_and(|(id, offset, length)| {
            let end = u64::from(offset) + u64::from(length);
            sizes.get(&id).map_or(is_pruned, |size| end <= *size)
        });
        let key = || synod_primitives::hex::encode(key);
        fits.then_some(())
            .ok_or_else(|| StoreError::corrupt("transactions", key(), "points outside of a block"))
    })
    .await;
    Ok(report)
}

async fn check_pages(connection: &mut SqliteConnection, report: &mut VerifyReport) {
    for statement in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
        match sqlx::query(statement).fetch_all(&mut *connection).await {
            Ok(rows) => {
                for row in &rows {
                    let text = Columns::new(row, "database")
                        .text(0)
                        .unwrap_or("unreadable");
                    if text != "ok" {
                        report.note(&format!("{statement}: {text}"));
                    }
                }
            }
            Err(error) => report.note(&StoreError::from(error)),
        }
    }
}

async fn check_headers(
    connection: &mut SqliteConnection,
    state: &ChainState,
    report: &mut VerifyReport,
) -> HashMap<BlockHash, Known> {
    let mut known: HashMap<BlockHash, Known> = HashMap::new();
    let mut faults = Vec::new();
    let result = headers::scan(connection, state.headers, |id, record| {
        if let Err(fault) = check_header(id, &record, &known) {
            faults.push(fault);
        }
        let entry = Known {
            id,
            height: record.height,
            status: record.status,
        };
        if known.insert(record.hash, entry).is_some() {
            faults.push(StoreError::corrupt(
                "headers",
                id,
                "the header is there twice",
            ));
        }
        Ok(())
    })
    .await;
    report.headers = known.len() as u64;
    report.check(result);
    faults.into_iter().for_each(|fault| report.note(&fault));
    known
}

fn check_header(
    id: i64,
    record: &HeaderRecord,
    known: &HashMap<BlockHash, Known>,
) -> Result<(), StoreError> {
    let parent = known.get(&record.header.previous_block_hash);
    let fits = match parent {
        None => record.height == Height::GENESIS,
        Some(parent) => parent.height.next() == record.height,
    };
    fits.then_some(())
        .ok_or_else(|| StoreError::corrupt("headers", id, "the parent is missing or does not fit"))
}

async fn check_chain(
    connection: &mut SqliteConnection,
    state: &ChainState,
    known: &HashMap<BlockHash, Known>,
    report: &mut VerifyReport,
) {
    let loaded = chain::load(connection, state.tip, Height::GENESIS, usize::MAX).await;
    let Some(hashes) = report.check(loaded) else {
        return;
    };
    for (height, hash) in (0..).zip(&hashes) {
        let at = known.get(hash).map(|known| known.height);
        if at != Some(Height(height)) {
            report.note(&format!(
                "active_chain: block {hash} is not of height {height}"
            ));
        }
    }
    for hash in [state.coins_tip, state.transactions_tip]
        .into_iter()
        .flatten()
    {
        if !known.contains_key(&hash) {
            report.note(&format!("chain_state: no header of block {hash}"));
        }
    }
}

/// Reads and hashes all blocks and undo data; returns the blocks' sizes by header id.
async fn check_blocks(
    connection: &mut SqliteConnection,
    state: &ChainState,
    known: &HashMap<BlockHash, Known>,
    report: &mut VerifyReport,
) -> HashMap<i64, u64> {
    let mut sizes = HashMap::new();
    let mut hashes: Vec<(&BlockHash, &Known)> = known.iter().collect();
    hashes.sort_unstable_by_key(|(_, known)| known.id);
    for (hash, known) in hashes {
        let is_kept = known.height > Height::GENESIS && known.height >= state.pruned_below;
        let has_block = matches!(known.status, BlockStatus::Stored | BlockStatus::Valid);
        let loaded = blocks::load(connection, *hash, 0).await;
        match report.check(loaded) {
            Some(Some(raw)) => {
                report.blocks += 1;
                sizes.insert(known.id, raw.len() as u64);
                let block = Block::decode(&raw.into());
                let merkle = block.map(|block| {
                    MerkleRoot::from_bytes(block.merkle_root().hash) == block.header().merkle_root
                });
                if merkle != Ok(true) {
                    report.note(&format!(
                        "block_parts: block {hash} does not fit its header"
                    ));
                }
            }
            Some(None) if has_block && is_kept => {
                report.note(&format!("block_parts: block {hash} is missing"));
            }
            _ => {}
        }
        let undo = blocks::load_undo(connection, *hash).await;
        match report.check(undo) {
            Some(Some(_)) => report.undo += 1,
            Some(None) if known.status == BlockStatus::Valid && is_kept => {
                report.note(&format!("undo: of block {hash} is missing"));
            }
            _ => {}
        }
    }
    sizes
}

async fn check_keyed(
    connection: &mut SqliteConnection,
    table: &'static KeyedTable,
    report: &mut VerifyReport,
    check: impl Fn(&[u8], &[u8]) -> Result<(), StoreError>,
) -> u64 {
    let mut count = 0;
    let mut seen = vec![Bucket::default(); BUCKETS];
    let result = table
        .scan(connection, &[], &ABOVE_ALL, |key, value| {
            count += 1;
            seen[bucket_of(key)].add(key);
            check(key, value)
        })
        .await;
    let tallies = table.tallies(connection).await;
    if report.check(result).is_some()
        && let Some(tallies) = report.check(tallies)
        && (0..BUCKETS).any(|bucket| seen[bucket] != tallies.bucket(bucket))
    {
        report.note(&format!("{}: rows are missing or were added", table.name()));
    }
    count
}

async fn check_records(
    connection: &mut SqliteConnection,
    state: &ChainState,
    report: &mut VerifyReport,
) {
    let names = meta::names(connection).await;
    for name in report.check(names).unwrap_or_default() {
        let loaded = meta::load(connection, state, &name).await;
        report.check(loaded);
    }
}
