//! The table of headers.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use synod_primitives::{BlockHash, Header, Height, Work};

use crate::batch::{BlockStatus, HeaderRecord};
use crate::checksum::row_sum;
use crate::error::StoreError;
use crate::row::Columns;
use crate::statement::{Sized, chunks, padded_chunks, places, rows_of};

const TABLE: &str = "headers";

macro_rules! columns {
    () => {
        "hash, header, height, chainwork, status, failure_code, failed_at, arrival, \
         transaction_count, proof, checksum"
    };
}

static INSERT: LazyLock<Sized> = LazyLock::new(|| {
    Sized::new(|rows| {
        format!(
            "INSERT INTO headers ({}) VALUES {} ON CONFLICT (hash) DO UPDATE SET \
             status = excluded.status, failure_code = excluded.failure_code, \
             failed_at = excluded.failed_at, arrival = excluded.arrival, \
             transaction_count = excluded.transaction_count, proof = excluded.proof, \
             checksum = excluded.checksum RETURNING hash, id",
            columns!(),
            rows_of(rows, 11)
        )
    })
});

static FIND_IDS: LazyLock<Sized> = LazyLock::new(|| {
    Sized::new(|rows| {
        format!(
            "SELECT hash, id FROM headers WHERE hash IN ({})",
            places(rows)
        )
    })
});

static FIND_ALL: LazyLock<Sized> = LazyLock::new(|| {
    Sized::new(|rows| {
        format!(
            "SELECT id, {} FROM headers WHERE hash IN ({})",
            columns!(),
            places(rows)
        )
    })
});

impl BlockStatus {
    fn number(&self) -> i64 {
        match self {
            Self::HeaderOnly => 0,
            Self::Stored => 1,
            Self::Valid => 2,
            Self::Failed { .. } => 3,
        }
    }

    fn failure(&self) -> Option<(&str, &BlockHash)> {
        match self {
            Self::Failed { code, at } => Some((code, at)),
            _ => None,
        }
    }
}

impl HeaderRecord {
    fn checksum(&self) -> i64 {
        let failure = self.status.failure();
        row_sum(&[
            self.hash.as_bytes(),
            &self.header.encode(),
            &self.height.0.to_le_bytes(),
            &self.chainwork.to_be_bytes(),
            &self.status.number().to_le_bytes(),
            failure.map_or(&[], |(code, _)| code.as_bytes()),
            failure.map_or(&[], |(_, at)| at.as_bytes()),
            &self.arrival.to_le_bytes(),
            &self.transaction_count.to_le_bytes(),
            &self.proof,
        ])
    }
}

/// Inserts headers, or updates what is known of their blocks, and returns their ids.
///
/// Ids are given out without gaps, so the greatest one is the number of headers.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    records: &[HeaderRecord],
) -> Result<HashMap<BlockHash, i64>, StoreError> {
    let mut ids = HashMap::with_capacity(records.len());
    for chunk in chunks(records) {
        let mut query = sqlx::query(INSERT.of(chunk.len()));
        for record in chunk {
            query = bind(query, record);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let row = Columns::new(&row, TABLE);
            ids.insert(BlockHash::from_bytes(row.array(0)?), row.int(1)?);
        }
    }
    Ok(ids)
}

type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind(query: Query, record: &HeaderRecord) -> Query {
    let failure = record.status.failure();
    query
        .bind(record.hash.as_bytes().to_vec())
        .bind(record.header.encode().to_vec())
        .bind(i64::from(record.height.0))
        .bind(record.chainwork.to_be_bytes().to_vec())
        .bind(record.status.number())
        .bind(failure.map(|(code, _)| code.to_owned()))
        .bind(failure.map(|(_, at)| at.to_bytes().to_vec()))
        .bind(record.arrival.cast_signed())
        .bind(i64::from(record.transaction_count))
        .bind(record.proof.to_vec())
        .bind(record.checksum())
}

/// Adds the ids of headers that `ids` does not have yet.
///
/// # Errors
/// A header is not there.
pub(crate) async fn find_ids(
    connection: &mut SqliteConnection,
    hashes: impl Iterator<Item = BlockHash>,
    ids: &mut HashMap<BlockHash, i64>,
) -> Result<(), StoreError> {
    let mut wanted: Vec<BlockHash> = hashes.filter(|hash| !ids.contains_key(hash)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    for (chunk, size) in padded_chunks(&wanted) {
        let mut query = sqlx::query(FIND_IDS.of(size));
        for hash in chunk
            .iter()
            .chain(std::iter::repeat_n(&chunk[0], size - chunk.len()))
        {
            query = query.bind(hash.as_bytes().to_vec());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let row = Columns::new(&row, TABLE);
            ids.insert(BlockHash::from_bytes(row.array(0)?), row.int(1)?);
        }
    }
    match wanted.iter().find(|hash| !ids.contains_key(hash)) {
        None => Ok(()),
        Some(hash) => Err(unknown(*hash)),
    }
}

/// The error for a block without a header in the table.
///
/// A node knows all its headers, so it asks for a header that is not found only when the
/// index of hashes is damaged: that must not pass as an honest "there is none".
pub(crate) fn unknown(hash: BlockHash) -> StoreError {
    StoreError::Inconsistent(format!("no header of block {hash}"))
}

/// Reads one header and its id.
///
/// # Errors
/// The header is not there.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    hash: BlockHash,
) -> Result<(i64, HeaderRecord), StoreError> {
    let row = sqlx::query(concat!(
        "SELECT id, ",
        columns!(),
        " FROM headers WHERE hash = ?"
    ))
    .bind(hash.as_bytes().to_vec())
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| unknown(hash))?;
    decode(&row)
}

/// Reads one header; `None` when it is not there.
pub(crate) async fn find_optional(
    connection: &mut SqliteConnection,
    hash: BlockHash,
) -> Result<Option<HeaderRecord>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT id, ",
        columns!(),
        " FROM headers WHERE hash = ?"
    ))
    .bind(hash.as_bytes().to_vec())
    .fetch_optional(connection)
    .await?;
    Ok(row
        .map(|row| decode(&row))
        .transpose()?
        .map(|(_, record)| record))
}

/// Reads headers in the order asked for.
///
/// # Errors
/// A header is not there.
pub(crate) async fn find_all(
    connection: &mut SqliteConnection,
    hashes: &[BlockHash],
) -> Result<Vec<HeaderRecord>, StoreError> {
    let mut found = HashMap::with_capacity(hashes.len());
    for (chunk, size) in padded_chunks(hashes) {
        let mut query = sqlx::query(FIND_ALL.of(size));
        for hash in chunk
            .iter()
            .chain(std::iter::repeat_n(&chunk[0], size - chunk.len()))
        {
            query = query.bind(hash.as_bytes().to_vec());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let (_, record) = decode(&row)?;
            found.insert(record.hash, record);
        }
    }
    hashes
        .iter()
        .map(|hash| found.remove(hash).ok_or_else(|| unknown(*hash)))
        .collect()
}

/// Reads the header with an id.
pub(crate) async fn find_by_id(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<Option<HeaderRecord>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT id, ",
        columns!(),
        " FROM headers WHERE id = ?"
    ))
    .bind(id)
    .fetch_optional(connection)
    .await?;
    Ok(row
        .map(|row| decode(&row))
        .transpose()?
        .map(|(_, record)| record))
}

/// Goes through all headers in the order of their arrival, ids 1 to `count`.
///
/// # Errors
/// A header is missing or damaged, or `visit` fails.
pub(crate) async fn scan(
    connection: &mut SqliteConnection,
    count: u64,
    mut visit: impl FnMut(i64, HeaderRecord) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut rows = sqlx::query(concat!(
        "SELECT id, ",
        columns!(),
        " FROM headers ORDER BY id"
    ))
    .fetch(connection);
    let mut next = 1;
    while let Some(row) = rows.try_next().await? {
        let (id, record) = decode(&row)?;
        if id != next {
            return Err(StoreError::corrupt(TABLE, next, "the row is missing"));
        }
        visit(id, record)?;
        next += 1;
    }
    if next - 1 != count.cast_signed() {
        return Err(StoreError::corrupt(
            TABLE,
            next,
            "the last rows are missing",
        ));
    }
    Ok(())
}

/// Goes through the ids of headers from a height up to another, exclusively.
pub(crate) async fn ids_between(
    connection: &mut SqliteConnection,
    from: Height,
    below: Height,
) -> Result<Vec<i64>, StoreError> {
    let rows = sqlx::query("SELECT id FROM headers WHERE height >= ? AND height < ?")
        .bind(i64::from(from.0))
        .bind(i64::from(below.0))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Columns::new(row, TABLE).int(0))
        .collect()
}

fn decode(row: &SqliteRow) -> Result<(i64, HeaderRecord), StoreError> {
    let row = Columns::new(row, TABLE);
    let id = row.int(0)?;
    let damaged = |what| StoreError::corrupt(TABLE, id, what);
    let status = match row.int(5)? {
        0 => BlockStatus::HeaderOnly,
        1 => BlockStatus::Stored,
        2 => BlockStatus::Valid,
        3 => BlockStatus::Failed {
            code: row.text_or_null(6)?.unwrap_or_default().to_owned(),
            at: BlockHash::from_bytes(row.array_or_null(7)?.unwrap_or_default()),
        },
        _ => return Err(damaged("unknown status")),
    };
    let record = HeaderRecord {
        hash: BlockHash::from_bytes(row.array(1)?),
        header: Header::decode(&row.array(2)?),
        height: Height(row.unsigned(3)?),
        chainwork: Work::from_be_bytes(row.array(4)?),
        status,
        arrival: row.unsigned(8)?,
        transaction_count: row.unsigned(9)?,
        proof: Bytes::copy_from_slice(row.blob(10)?),
    };
    if record.checksum() != row.int(11)? {
        return Err(damaged("checksum differs"));
    }
    if record.header.block_hash() != record.hash {
        return Err(damaged("the header has another hash"));
    }
    Ok((id, record))
}
