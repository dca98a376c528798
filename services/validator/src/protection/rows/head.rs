//! The table `head`: how often the database was changed.

use sqlx::SqliteConnection;

use super::columns::{Columns, column, row_sum};
use crate::protection::error::ProtectionError;
use crate::protection::head::Head;

pub(in crate::protection) async fn load_head(
    db: &mut SqliteConnection,
) -> Result<Option<Head>, ProtectionError> {
    let row = sqlx::query("SELECT chain_id, instance, sequence, history, before, sum FROM head")
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns {
        row: &row,
        table: "head",
    };
    let head = Head {
        chain_id: columns.bytes("chain_id")?,
        instance: columns.bytes("instance")?,
        sequence: columns.number("sequence")?,
        history: columns.bytes("history")?,
        before: columns.bytes("before")?,
    };
    let parts: [&[u8]; 4] = [&head.chain_id, &head.instance, &head.history, &head.before];
    columns.check(&parts, &[Some(head.sequence)])?;
    Ok(Some(head))
}

pub(in crate::protection) async fn save_head(
    db: &mut SqliteConnection,
    head: &Head,
) -> Result<(), ProtectionError> {
    let parts: [&[u8]; 4] = [&head.chain_id, &head.instance, &head.history, &head.before];
    let sum = row_sum("head", &parts, &[Some(head.sequence)]);
    sqlx::query(
        "INSERT OR REPLACE INTO head (id, chain_id, instance, sequence, history, before, sum)
         VALUES (1, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&head.chain_id[..])
    .bind(&head.instance[..])
    .bind(column(head.sequence))
    .bind(&head.history[..])
    .bind(&head.before[..])
    .bind(&sum[..])
    .execute(db)
    .await?;
    Ok(())
}
