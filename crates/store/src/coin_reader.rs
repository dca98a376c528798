//! Reading coins on the calling thread.
//!
//! A call through sqlx crosses to a thread of SQLite's and back, which costs ten times the
//! reading of a row. Whoever waits for few coins at a time, again and again, reads them here.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use synod_primitives::OutPoint;

use crate::coins::{coin_key, decode_coins};
use crate::directory::{DATABASE_FILE, DataDirectory};
use crate::error::StoreError;
use crate::keyed::{COINS, KeyedRow};
use crate::open::{BUSY_TIMEOUT, Options, cache_pages};

/// A connection of one thread that reads coins and blocks that thread meanwhile.
#[derive(Debug)]
pub struct CoinReader {
    connection: Connection,
    _directory: Arc<DataDirectory>,
}

impl CoinReader {
    pub(crate) fn open(
        directory: Arc<DataDirectory>,
        options: &Options,
    ) -> Result<Self, StoreError> {
        let connection = connect(&directory.path().join(DATABASE_FILE), options)?;
        Ok(Self {
            connection,
            _directory: directory,
        })
    }

    /// Reads those of the coins that are found, sorted by outpoint, as
    /// [`Reader::coins`](crate::Reader::coins) does.
    ///
    /// # Errors
    /// The database failed, or a coin is damaged.
    pub fn coins(&self, outpoints: &[OutPoint]) -> Result<Vec<(OutPoint, Bytes)>, StoreError> {
        let keys: Vec<Vec<u8>> = outpoints.iter().map(coin_key).collect();
        let mut found: Vec<KeyedRow> = Vec::with_capacity(keys.len());
        for (statement, keys) in COINS.searches(&keys) {
            let mut statement = self.connection.prepare_cached(statement)?;
            // Correctness: rows that are dropped end the read, so that no checkpoint waits for it.
            let mut rows = statement.query(params_from_iter(keys))?;
            while let Some(row) = rows.next()? {
                let blob = |column: usize| {
                    let value = row.get_ref(column)?;
                    value.as_blob().map_err(|_| COINS.wrong_column(column))
                };
                found.push(COINS.opened(blob(0)?, blob(1)?)?);
            }
        }
        decode_coins(found)
    }
}

fn connect(path: &Path, options: &Options) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mapped = options.mapped.min(i64::MAX.cast_unsigned()).to_string();
    for (pragma, value) in [
        ("trusted_schema", "OFF"),
        ("temp_store", "MEMORY"),
        ("mmap_size", &mapped),
        ("cache_size", &cache_pages(options.reader_cache)),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    Ok(connection)
}
