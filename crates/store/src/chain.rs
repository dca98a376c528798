//! The table of the active chain.

use std::collections::HashMap;
use std::sync::LazyLock;

use futures_util::TryStreamExt as _;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use synod_primitives::{BlockHash, Height};

use crate::batch::ChainChange;
use crate::checksum::row_sum;
use crate::error::StoreError;
use crate::row::Columns;
use crate::state::ChainState;
use crate::statement::{Sized, chunks, rows_of};

const TABLE: &str = "active_chain";

static INSERT: LazyLock<Sized> = LazyLock::new(|| {
    Sized::new(|rows| {
        format!(
            "INSERT INTO active_chain (height, header_id, checksum) VALUES {}",
            rows_of(rows, 3)
        )
    })
});

fn checksum(height: i64, hash: &BlockHash) -> i64 {
    row_sum(&[&height.to_le_bytes(), hash.as_bytes()])
}

/// Changes the active chain and the tip in `state`.
///
/// # Errors
/// The fork point is not on the active chain.
pub(crate) async fn change(
    connection: &mut SqliteConnection,
    state: &mut ChainState,
    change: &ChainChange,
    ids: &HashMap<BlockHash, i64>,
) -> Result<(), StoreError> {
    if change.fork != state.tip {
        if let Some((height, hash)) = change.fork
            && find(connection, state.tip, height).await? != Some(hash)
        {
            return Err(StoreError::Inconsistent(format!(
                "block {hash} is not at height {height} of the active chain"
            )));
        }
        sqlx::query("DELETE FROM active_chain WHERE height > ?")
            .bind(change.fork.map_or(-1, |(height, _)| i64::from(height.0)))
            .execute(&mut *connection)
            .await?;
    }
    let first = change.fork.map_or(0, |(height, _)| height.0 + 1);
    let rows: Vec<(i64, BlockHash)> = (i64::from(first)..)
        .zip(change.connected.iter().copied())
        .collect();
    for chunk in chunks(&rows) {
        let mut query = sqlx::query(INSERT.of(chunk.len()));
        for (height, hash) in chunk {
            let id = ids
                .get(hash)
                .expect("the ids of all connected blocks were found");
            query = query.bind(*height).bind(*id).bind(checksum(*height, hash));
        }
        query.execute(&mut *connection).await?;
    }
    state.tip = match rows.last() {
        None => change.fork,
        Some((height, hash)) => {
            let height = u32::try_from(*height)
                .map_err(|_| StoreError::Inconsistent("height past 2^32".to_owned()))?;
            Some((Height(height), *hash))
        }
    };
    Ok(())
}

/// Finds the active block at a height; `None` above the tip.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    tip: Option<(Height, BlockHash)>,
    height: Height,
) -> Result<Option<BlockHash>, StoreError> {
    if tip.is_none_or(|(tip, _)| height > tip) {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT a.height, h.hash, a.checksum FROM active_chain a \
         JOIN headers h ON h.id = a.header_id WHERE a.height = ?",
    )
    .bind(i64::from(height.0))
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| StoreError::corrupt(TABLE, height, "the row is missing"))?;
    let (found, hash) = decode(&row)?;
    if found != i64::from(height.0) {
        return Err(StoreError::corrupt(TABLE, height, "another row was found"));
    }
    Ok(Some(hash))
}

/// Reads the hashes of the active chain from `first` on, at most `limit`.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    tip: Option<(Height, BlockHash)>,
    first: Height,
    limit: usize,
) -> Result<Vec<BlockHash>, StoreError> {
    let Some((tip_height, tip_hash)) = tip else {
        return Ok(Vec::new());
    };
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let end = first
        .0
        .saturating_add(limit)
        .min(tip_height.0.saturating_add(1));
    let mut hashes = Vec::with_capacity(end.saturating_sub(first.0) as usize);
    let mut rows = sqlx::query(
        "SELECT a.height, h.hash, a.checksum FROM active_chain a \
         JOIN headers h ON h.id = a.header_id \
         WHERE a.height >= ? AND a.height < ? ORDER BY a.height",
    )
    .bind(i64::from(first.0))
    .bind(i64::from(end))
    .fetch(connection);
    let mut next = i64::from(first.0);
    while let Some(row) = rows.try_next().await? {
        let (height, hash) = decode(&row)?;
        if height != next {
            break;
        }
        hashes.push(hash);
        next += 1;
    }
    if next < i64::from(end) {
        return Err(StoreError::corrupt(TABLE, next, "the row is missing"));
    }
    if end > tip_height.0 && hashes.last().is_some_and(|last| *last != tip_hash) {
        return Err(StoreError::corrupt(TABLE, tip_height, "is not the tip"));
    }
    Ok(hashes)
}

/// Reads the columns height, hash, checksum.
pub(crate) fn decode(row: &SqliteRow) -> Result<(i64, BlockHash), StoreError> {
    let row = Columns::new(row, TABLE);
    let height = row.int(0)?;
    let hash = BlockHash::from_bytes(row.array(1)?);
    if checksum(height, &hash) != row.int(2)? {
        return Err(StoreError::corrupt(TABLE, height, "checksum differs"));
    }
    Ok((height, hash))
}
