//! The two great tables of small rows by random keys: coins and transactions.
//!
//! Rows are written in the order of their keys, a hundred in a statement; each value ends
//! with a checksum over it and its key, and the tallies know which keys are there.

use std::collections::HashSet;
use std::sync::LazyLock;

use futures_util::TryStreamExt as _;
use sqlx::SqliteConnection;

use crate::checksum::{seal, unseal};
use crate::error::StoreError;
use crate::row::{Columns, wrong_column};
use crate::statement::{Sized, chunks, padded_chunks, places, rows_of};
use crate::tally::{Bucket, Tallies, bucket_bounds, bucket_of};

/// A key and the value that is stored under it.
pub(crate) type KeyedRow = (Vec<u8>, Vec<u8>);

/// A table of values by key, with its statements.
pub(crate) struct KeyedTable {
    name: &'static str,
    /// Its place among the tallies.
    number: i64,
    insert: Sized,
    replace: Sized,
    delete: Sized,
    find: Sized,
    find_keys: Sized,
    range: String,
}

/// Unspent outputs by outpoint.
pub(crate) static COINS: LazyLock<KeyedTable> =
    LazyLock::new(|| KeyedTable::new("coins", 0, "outpoint", "coin"));

/// Locations of transactions by id.
pub(crate) static TRANSACTIONS: LazyLock<KeyedTable> =
    LazyLock::new(|| KeyedTable::new("transactions", 1, "txid", "location"));

impl KeyedTable {
    fn new(name: &'static str, number: i64, key: &str, value: &str) -> Self {
        let insert = |rows| {
            let rows = rows_of(rows, 2);
            format!("INSERT INTO {name} ({key}, {value}) VALUES {rows}")
        };
        let delete = |rows| {
            let keys = places(rows);
            format!("DELETE FROM {name} WHERE {key} IN ({keys}) RETURNING {key}")
        };
        let find = |columns: &str, rows| {
            let keys = places(rows);
            format!("SELECT {columns} FROM {name} WHERE {key} IN ({keys})")
        };
        Self {
            name,
            number,
            insert: Sized::new(insert),
            replace: Sized::new(|rows| {
                let insert = insert(rows);
                format!("{insert} ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}")
            }),
            delete: Sized::new(delete),
            find: Sized::new(|rows| find(&format!("{key}, {value}"), rows)),
            find_keys: Sized::new(|rows| find(key, rows)),
            range: format!(
                "SELECT {key}, {value} FROM {name} WHERE {key} >= ? AND {key} < ? ORDER BY {key}"
            ),
        }
    }

    /// Returns the table's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Reads the table's tallies.
    pub(crate) async fn tallies(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Tallies, StoreError> {
        Tallies::load(connection, self.number).await
    }

    /// Inserts or replaces rows, which are sorted by key without repeats.
    pub(crate) async fn insert(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &[KeyedRow],
        tallies: &mut Tallies,
    ) -> Result<(), StoreError> {
        for chunk in chunks(rows) {
            match self
                .write(connection, self.insert.of(chunk.len()), chunk)
                .await
            {
                Ok(()) => chunk.iter().for_each(|(key, _)| tallies.add(key)),
                Err(error) if is_conflict(&error) => {
                    self.replace(connection, chunk, tallies).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Inserts rows of which some are there already: rare, after a reorganisation.
    async fn replace(
        &'static self,
        connection: &mut SqliteConnection,
        chunk: &[KeyedRow],
        tallies: &mut Tallies,
    ) -> Result<(), StoreError> {
        let mut query = sqlx::query(self.find_keys.of(chunk.len()));
        for (key, _) in chunk {
            query = query.bind(key.clone());
        }
        let mut known = HashSet::with_capacity(chunk.len());
        for row in query.fetch_all(&mut *connection).await? {
            known.insert(Columns::new(&row, self.name).blob(0)?.to_vec());
        }
        self.write(connection, self.replace.of(chunk.len()), chunk)
            .await?;
        let new = chunk.iter().filter(|(key, _)| !known.contains(key));
        new.for_each(|(key, _)| tallies.add(key));
        Ok(())
    }

    async fn write(
        &'static self,
        connection: &mut SqliteConnection,
        statement: &'static str,
        chunk: &[KeyedRow],
    ) -> Result<(), sqlx::Error> {
        let mut query = sqlx::query(statement);
        for (key, value) in chunk {
            query = query.bind(key.clone()).bind(seal(key, value));
        }
        query.execute(&mut *connection).await?;
        Ok(())
    }

    /// Deletes rows; keys are sorted, those that are absent are passed over.
    pub(crate) async fn delete(
        &'static self,
        connection: &mut SqliteConnection,
        keys: &[Vec<u8>],
        tallies: &mut Tallies,
    ) -> Result<(), StoreError> {
        for chunk in chunks(keys) {
            let mut query = sqlx::query(self.delete.of(chunk.len()));
            for key in chunk {
                query = query.bind(key.clone());
            }
            for row in query.fetch_all(&mut *connection).await? {
                tallies.remove(Columns::new(&row, self.name).blob(0)?);
            }
        }
        Ok(())
    }

    /// Reads those of the rows that are found, in no order.
    pub(crate) async fn find(
        &'static self,
        connection: &mut SqliteConnection,
        keys: &[Vec<u8>],
    ) -> Result<Vec<KeyedRow>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for (statement, keys) in self.searches(keys) {
            let mut query = sqlx::query(statement);
            for key in keys {
                query = query.bind(key.to_vec());
            }
            for row in query.fetch_all(&mut *connection).await? {
                let row = Columns::new(&row, self.name);
                found.push(self.opened(row.blob(0)?, row.blob(1)?)?);
            }
        }
        Ok(found)
    }

    /// Returns the statements that find rows, each with the keys to bind, in their order.
    pub(crate) fn searches<'k>(
        &'static self,
        keys: &'k [Vec<u8>],
    ) -> impl Iterator<Item = (&'static str, impl Iterator<Item = &'k [u8]>)> {
        padded_chunks(keys).map(|(chunk, size)| {
            let padding = std::iter::repeat_n(&chunk[0], size - chunk.len());
            let keys = chunk.iter().chain(padding).map(Vec::as_slice);
            (self.find.of(size), keys)
        })
    }

    /// Makes a row of its columns.
    pub(crate) fn opened(&self, key: &[u8], sealed: &[u8]) -> Result<KeyedRow, StoreError> {
        Ok((key.to_vec(), self.open(key, sealed)?.to_vec()))
    }

    /// Says that a column holds no bytes.
    pub(crate) fn wrong_column(&self, index: usize) -> StoreError {
        wrong_column(self.name, index)
    }

    /// Reads the rows of the buckets that the keys lie in and compares them with the
    /// tallies: what is not among them is absent for certain.
    ///
    /// The connection is in a transaction, so that rows and tallies are of one moment.
    pub(crate) async fn find_proven(
        &'static self,
        connection: &mut SqliteConnection,
        keys: &[Vec<u8>],
    ) -> Result<Vec<KeyedRow>, StoreError> {
        let tallies = self.tallies(connection).await?;
        let wanted: HashSet<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let mut buckets: Vec<usize> = keys.iter().map(|key| bucket_of(key)).collect();
        buckets.sort_unstable();
        buckets.dedup();
        let mut found = Vec::new();
        for bucket in buckets {
            let (low, high) = bucket_bounds(bucket);
            let mut seen = Bucket::default();
            self.scan(connection, &low, &high, |key, value| {
                seen.add(key);
                if wanted.contains(key) {
                    found.push((key.to_vec(), value.to_vec()));
                }
                Ok(())
            })
            .await?;
            if seen != tallies.bucket(bucket) {
                return Err(StoreError::corrupt(
                    self.name,
                    format_args!("bucket {bucket}"),
                    "rows are missing or were added",
                ));
            }
        }
        Ok(found)
    }

    /// Goes through the rows from one key up to another, exclusively, in their order.
    pub(crate) async fn scan(
        &'static self,
        connection: &mut SqliteConnection,
        from: &[u8],
        below: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rows = sqlx::query(self.range.as_str())
            .bind(from.to_vec())
            .bind(below.to_vec())
            .fetch(connection);
        let mut last: Vec<u8> = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let row = Columns::new(&row, self.name);
            let key = row.blob(0)?;
            if key <= &last[..] {
                return Err(self.damaged(key, "rows are out of order"));
            }
            visit(key, self.open(key, row.blob(1)?)?)?;
            last.clear();
            last.extend_from_slice(key);
        }
        Ok(())
    }

    fn open<'a>(&self, key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], StoreError> {
        unseal(key, sealed).ok_or_else(|| self.damaged(key, "checksum differs"))
    }

    fn damaged(&self, key: &[u8], what: &str) -> StoreError {
        StoreError::corrupt(self.name, synod_primitives::hex::encode(key), what)
    }
}

/// Says whether a key is there already (`SQLITE_CONSTRAINT`): SQLite has then taken back
/// the one statement and the transaction goes on.
fn is_conflict(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
