//! Small records by name.

use bytes::Bytes;
use sqlx::SqliteConnection;

use crate::checksum::row_sum;
use crate::error::StoreError;
use crate::row::Columns;
use crate::state::ChainState;

const TABLE: &str = "meta";

/// The greatest number of bytes of a record.
pub const MAX_META_SIZE: usize = 512 * 1024 * 1024;

/// Sets or deletes records and brings the digest in `state` up to date.
pub(crate) async fn update(
    connection: &mut SqliteConnection,
    state: &mut ChainState,
    records: &[(&'static str, Option<Bytes>)],
) -> Result<(), StoreError> {
    for (name, value) in records {
        let query = match value {
            Some(value) if value.len() > MAX_META_SIZE => {
                return Err(StoreError::Inconsistent(format!(
                    "record {name} is too large"
                )));
            }
            Some(value) => {
                let checksum = row_sum(&[name.as_bytes(), value]);
                sqlx::query("INSERT OR REPLACE INTO meta (name, checksum, value) VALUES (?, ?, ?)")
                    .bind(*name)
                    .bind(checksum)
                    .bind(value.to_vec())
            }
            None => sqlx::query("DELETE FROM meta WHERE name = ?").bind(*name),
        };
        query.execute(&mut *connection).await?;
    }
    if !records.is_empty() {
        state.meta_digest = digest(connection).await?;
    }
    Ok(())
}

/// Computes the digest over the names and checksums of all records.
async fn digest(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let rows = sqlx::query("SELECT name, checksum FROM meta ORDER BY name")
        .fetch_all(connection)
        .await?;
    let mut covered = Vec::new();
    for row in &rows {
        let row = Columns::new(row, TABLE);
        covered.extend_from_slice(row.text(0)?.as_bytes());
        covered.push(0);
        covered.extend_from_slice(&row.int(1)?.to_le_bytes());
    }
    Ok(if covered.is_empty() {
        0
    } else {
        row_sum(&[&covered])
    })
}

/// Reads a record; the connection is in a transaction, so that `state` is of the same moment.
///
/// # Errors
/// The record is damaged, or any record was lost.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    state: &ChainState,
    name: &str,
) -> Result<Option<Bytes>, StoreError> {
    if digest(&mut *connection).await? != state.meta_digest {
        return Err(StoreError::corrupt(
            TABLE,
            name,
            "records are missing or changed",
        ));
    }
    let row = sqlx::query("SELECT value, checksum FROM meta WHERE name = ?")
        .bind(name.to_owned())
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = row {
        let row = Columns::new(&row, TABLE);
        let value = row.blob(0)?;
        if row_sum(&[name.as_bytes(), value]) != row.int(1)? {
            return Err(StoreError::corrupt(TABLE, name, "checksum differs"));
        }
        return Ok(Some(Bytes::copy_from_slice(value)));
    }
    // The search went through an index; the digest was made from the table.
    let listed = names(connection).await?;
    if listed.iter().any(|listed| listed == name) {
        return Err(StoreError::corrupt(TABLE, name, "the row is missing"));
    }
    Ok(None)
}

/// Lists the names of all records.
pub(crate) async fn names(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT name, checksum FROM meta")
        .fetch_all(connection)
        .await?;
    let mut names = Vec::with_capacity(rows.len());
    for row in &rows {
        names.push(Columns::new(row, TABLE).text(0)?.to_owned());
    }
    Ok(names)
}
