//! Raw blocks in parts, and undo data.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use synod_primitives::{BlockHash, Header, Height};

use crate::chain;
use crate::checksum::row_sum;
use crate::error::StoreError;
use crate::reader::ActiveBlock;
use crate::row::Columns;
use crate::statement::{Sized, chunks, rows_of};

const TABLE: &str = "block_parts";
const UNDO: &str = "undo";

/// The bytes of a block that one row holds.
pub(crate) const PART_SIZE: usize = 64 * 1024;
/// The rows that one block may take.
const PARTS_PER_BLOCK: i64 = 1024;
/// The greatest block that can be stored, in bytes; far above any consensus limit.
pub const MAX_BLOCK_SIZE: usize = PART_SIZE * 1024;

static INSERT: LazyLock<Sized> = LazyLock::new(|| {
    Sized::new(|rows| {
        format!(
            "INSERT OR REPLACE INTO block_parts (id, block_size, bytes, checksum) VALUES {}",
            rows_of(rows, 4)
        )
    })
});

static INSERT_UNDO: LazyLock<Sized> = LazyLock::new(|| {
    Sized::new(|rows| {
        format!(
            "INSERT OR REPLACE INTO undo (header_id, bytes, checksum) VALUES {}",
            rows_of(rows, 3)
        )
    })
});

/// A part of a block as it goes into the table.
struct Part<'a> {
    id: i64,
    block_size: u32,
    bytes: &'a [u8],
    checksum: i64,
}

fn checksum(hash: &BlockHash, index: i64, block_size: u32, bytes: &[u8]) -> i64 {
    row_sum(&[
        hash.as_bytes(),
        &index.to_le_bytes(),
        &block_size.to_le_bytes(),
        bytes,
    ])
}

/// Inserts blocks.
///
/// # Errors
/// A block is smaller than a header, greater than [`MAX_BLOCK_SIZE`], or not the one that
/// its hash names.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    blocks: &[(BlockHash, Bytes)],
    ids: &HashMap<BlockHash, i64>,
) -> Result<(), StoreError> {
    let mut parts = Vec::with_capacity(blocks.len());
    for (hash, raw) in blocks {
        let block_size = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        if raw.len() > MAX_BLOCK_SIZE || header_hash(raw) != Some(*hash) {
            return Err(StoreError::Inconsistent(format!(
                "not the bytes of block {hash}"
            )));
        }
        let first = ids.get(hash).expect("the ids of all blocks were found") * PARTS_PER_BLOCK;
        for (index, bytes) in (0..).zip(raw.chunks(PART_SIZE)) {
            parts.push(Part {
                id: first + index,
                block_size,
                bytes,
                checksum: checksum(hash, index, block_size, bytes),
            });
        }
    }
    for chunk in chunks(&parts) {
        let mut query = sqlx::query(INSERT.of(chunk.len()));
        for part in chunk {
            query = query
                .bind(part.id)
                .bind(i64::from(part.block_size))
                .bind(part.bytes.to_vec())
                .bind(part.checksum);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn header_hash(raw: &[u8]) -> Option<BlockHash> {
    raw.first_chunk()
        .map(|header| Header::decode(header).block_hash())
}

/// Puts the parts of one block together.
pub(crate) struct Assembly {
    hash: BlockHash,
    /// Zeroes to be left before the block.
    room: usize,
    bytes: Vec<u8>,
    block_size: u32,
    next: i64,
}

impl Assembly {
    pub(crate) fn new(hash: BlockHash) -> Self {
        Self::after(hash, 0)
    }

    /// Leaves so many zeroes before the block.
    fn after(hash: BlockHash, room: usize) -> Self {
        Self {
            hash,
            room,
            bytes: Vec::new(),
            block_size: 0,
            next: 0,
        }
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::corrupt(TABLE, self.hash, what)
    }

    /// Takes the next part: columns id, `block_size`, bytes, checksum from `column` on.
    pub(crate) fn push(&mut self, row: &SqliteRow, column: usize) -> Result<(), StoreError> {
        let row = Columns::new(row, TABLE);
        let index = row.int(column)?.rem_euclid(PARTS_PER_BLOCK);
        let size = row.unsigned(column + 1)?;
        let bytes = row.blob(column + 2)?;
        if index != self.next || checksum(&self.hash, index, size, bytes) != row.int(column + 3)? {
            return Err(self.damaged("a part is missing or its checksum differs"));
        }
        if index == 0 {
            // Security: the size was covered by the checksum, so damage reserves nothing.
            self.bytes.reserve_exact(self.room + size as usize);
            self.bytes.resize(self.room, 0);
            self.block_size = size;
        }
        self.bytes.extend_from_slice(bytes);
        self.next += 1;
        Ok(())
    }

    /// Ends the block; `None` when there was no part.
    pub(crate) fn finish(self) -> Result<Option<Vec<u8>>, StoreError> {
        if self.next == 0 {
            return Ok(None);
        }
        let block = &self.bytes[self.room..];
        if block.len() != self.block_size as usize || header_hash(block) != Some(self.hash) {
            return Err(self.damaged("the block is incomplete or has another hash"));
        }
        Ok(Some(self.bytes))
    }
}

/// Reads a block after `room` zeroes; `None` when it is not stored or there is no such header.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    hash: BlockHash,
    room: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut assembly = Assembly::after(hash, room);
    let mut rows = sqlx::query(
        "SELECT p.id, p.block_size, p.bytes, p.checksum FROM headers h \
         CROSS JOIN block_parts p ON p.id >= h.id * 1024 AND p.id < (h.id + 1) * 1024 \
         WHERE h.hash = ? ORDER BY p.id",
    )
    .bind(hash.as_bytes().to_vec())
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        assembly.push(&row, 0)?;
    }
    assembly.finish()
}

/// Reads a range of a block's bytes; `None` when the block is not stored.
///
/// # Errors
/// The range ends after the block.
pub(crate) async fn load_range(
    connection: &mut SqliteConnection,
    hash: BlockHash,
    range: Range<u32>,
) -> Result<Option<Bytes>, StoreError> {
    let (start, end) = (range.start as usize, range.end as usize);
    let first = start / PART_SIZE;
    let last = end.saturating_sub(1).max(start) / PART_SIZE;
    if end < start || end > MAX_BLOCK_SIZE {
        return Err(StoreError::Inconsistent(format!(
            "no such range: {range:?}"
        )));
    }
    let rows = sqlx::query(
        "SELECT p.id, p.block_size, p.bytes, p.checksum FROM headers h \
         CROSS JOIN block_parts p ON p.id >= h.id * 1024 + ? AND p.id <= h.id * 1024 + ? \
         WHERE h.hash = ? ORDER BY p.id",
    )
    .bind(part_index(first))
    .bind(part_index(last))
    .bind(hash.as_bytes().to_vec())
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut assembly = Assembly::new(hash);
    assembly.next = part_index(first);
    for row in &rows {
        assembly.push(row, 0)?;
    }
    let start = start - first * PART_SIZE;
    let end = end - first * PART_SIZE;
    if end > assembly.bytes.len() {
        return Err(assembly.damaged("the block ends before the range"));
    }
    Ok(Some(Bytes::from(assembly.bytes).slice(start..end)))
}

fn part_index(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(PARTS_PER_BLOCK)
}

/// Reads the blocks of the active chain between two heights, both included, until
/// `max_bytes` were read or one is missing.
///
/// Block 0 is known to everybody and need not be stored; it is passed over where it is not.
pub(crate) async fn load_active(
    connection: &mut SqliteConnection,
    first: Height,
    last: Height,
    max_bytes: usize,
) -> Result<Vec<ActiveBlock>, StoreError> {
    let mut rows = sqlx::query(ACTIVE_BLOCKS)
        .bind(i64::from(first.0))
        .bind(i64::from(last.0))
        .fetch(connection);
    let mut found: Vec<ActiveBlock> = Vec::new();
    let mut read = 0;
    let mut current: Option<(Height, Assembly)> = None;
    while let Some(row) = rows.try_next().await? {
        let (height, hash) = chain::decode(&row)?;
        let height = Height(u32::try_from(height).unwrap_or(u32::MAX));
        if current.as_ref().is_none_or(|(at, _)| *at != height) {
            read += finish_active(&mut found, current.take())?;
            let expected = first.0 as usize + found.len();
            if read >= max_bytes || height.0 as usize != expected {
                return Ok(found);
            }
            current = Some((height, Assembly::new(hash)));
        }
        if let Some((_, assembly)) = &mut current {
            assembly.push(&row, 3)?;
        }
    }
    finish_active(&mut found, current)?;
    Ok(found)
}

const ACTIVE_BLOCKS: &str = "SELECT a.height, h.hash, a.checksum, \
     p.id, p.block_size, p.bytes, p.checksum FROM active_chain a \
     CROSS JOIN headers h ON h.id = a.header_id \
     CROSS JOIN block_parts p ON p.id >= h.id * 1024 AND p.id < (h.id + 1) * 1024 \
     WHERE a.height >= ? AND a.height <= ? ORDER BY a.height, p.id";

fn finish_active(
    found: &mut Vec<ActiveBlock>,
    current: Option<(Height, Assembly)>,
) -> Result<usize, StoreError> {
    let Some((height, assembly)) = current else {
        return Ok(0);
    };
    let hash = assembly.hash;
    let raw = assembly.finish()?;
    let raw = raw.ok_or_else(|| StoreError::corrupt(TABLE, hash, "rows are missing"))?;
    let raw = Bytes::from(raw);
    let length = raw.len();
    found.push(ActiveBlock { height, hash, raw });
    Ok(length)
}

/// Reads the stored blocks whose headers have ids above `after`, at most `limit`.
pub(crate) async fn load_after(
    connection: &mut SqliteConnection,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, Result<Bytes, StoreError>)>, StoreError> {
    let mut found = Vec::new();
    let mut after = after.cast_signed();
    while found.len() < limit as usize {
        let row =
            sqlx::query("SELECT id, bytes FROM block_parts WHERE id >= ? ORDER BY id LIMIT 1")
                .bind((after + 1) * PARTS_PER_BLOCK)
                .fetch_optional(&mut *connection)
                .await?;
        let Some(row) = row else { break };
        let row = Columns::new(&row, TABLE);
        let id = row.int(0)?.div_euclid(PARTS_PER_BLOCK);
        let block = match header_hash(row.blob(1)?) {
            Some(hash) => load_by_id(connection, id, hash).await,
            None => Err(StoreError::corrupt(TABLE, id, "the header is cut off")),
        };
        found.push((id.cast_unsigned(), block));
        after = id;
    }
    Ok(found)
}

async fn load_by_id(
    connection: &mut SqliteConnection,
    id: i64,
    hash: BlockHash,
) -> Result<Bytes, StoreError> {
    let mut assembly = Assembly::new(hash);
    let rows = sqlx::query(
        "SELECT id, block_size, bytes, checksum FROM block_parts \
         WHERE id >= ? AND id < ? ORDER BY id",
    )
    .bind(id * PARTS_PER_BLOCK)
    .bind((id + 1) * PARTS_PER_BLOCK)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        assembly.push(row, 0)?;
    }
    let block = assembly.finish()?.map(Bytes::from);
    block.ok_or_else(|| StoreError::corrupt(TABLE, hash, "rows are missing"))
}

/// Inserts undo data.
pub(crate) async fn insert_undo(
    connection: &mut SqliteConnection,
    undo: &[(BlockHash, Bytes)],
    ids: &HashMap<BlockHash, i64>,
) -> Result<(), StoreError> {
    for chunk in chunks(undo) {
        let mut query = sqlx::query(INSERT_UNDO.of(chunk.len()));
        for (hash, bytes) in chunk {
            let id = ids.get(hash).expect("the ids of all undo data were found");
            let checksum = row_sum(&[hash.as_bytes(), bytes]);
            query = query.bind(*id).bind(bytes.to_vec()).bind(checksum);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Reads undo data; `None` when there is none or there is no such header.
pub(crate) async fn load_undo(
    connection: &mut SqliteConnection,
    hash: BlockHash,
) -> Result<Option<Bytes>, StoreError> {
    let row = sqlx::query(
        "SELECT u.bytes, u.checksum FROM headers h \
         CROSS JOIN undo u ON u.header_id = h.id WHERE h.hash = ?",
    )
    .bind(hash.as_bytes().to_vec())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let row = Columns::new(&row, UNDO);
    let bytes = row.blob(0)?;
    if row_sum(&[hash.as_bytes(), bytes]) != row.int(1)? {
        return Err(StoreError::corrupt(UNDO, hash, "checksum differs"));
    }
    Ok(Some(Bytes::copy_from_slice(bytes)))
}

/// Deletes a block and its undo data.
pub(crate) async fn delete(connection: &mut SqliteConnection, id: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM block_parts WHERE id >= ? AND id < ?")
        .bind(id * PARTS_PER_BLOCK)
        .bind((id + 1) * PARTS_PER_BLOCK)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM undo WHERE header_id = ?")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
