//! The table `marks`: how far each key has signed.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::{Columns, Key, column, row_sum};
use crate::protection::error::ProtectionError;
use crate::protection::rules::Marks;

fn mark_numbers(marks: &Marks) -> [Option<u64>; 9] {
    [
        marks.low_slot,
        marks.low_target,
        marks.sealed.map(|it| it.0),
        marks.sealed.map(|it| it.1.into()),
        Some(marks.forged.into()),
        Some(marks.prevoted.into()),
        Some(marks.prevoted_height.into()),
        marks.voted.map(|it| it.0),
        marks.voted.map(|it| it.1),
    ]
}

const MARKS: &str = "SELECT key, low_slot, low_target, slot, round, forged, prevoted,
    prevoted_height, source, target, sum FROM marks";

fn read_marks(row: &SqliteRow) -> Result<(Key, Marks), ProtectionError> {
    let columns = Columns {
        row,
        table: "marks",
    };
    let key: Key = columns.bytes("key")?;
    let sealed = match columns.optional("slot")? {
        Some(slot) => Some((slot, columns.small("round")?)),
        None => None,
    };
    let voted = match columns.optional("source")? {
        Some(source) => Some((source, columns.number("target")?)),
        None => None,
    };
    let marks = Marks {
        low_slot: columns.optional("low_slot")?,
        low_target: columns.optional("low_target")?,
        sealed,
        forged: columns.small("forged")?,
        prevoted: columns.small("prevoted")?,
        prevoted_height: columns.small("prevoted_height")?,
        voted,
    };
    columns.check(&[&key], &mark_numbers(&marks))?;
    Ok((key, marks))
}

pub(in crate::protection) async fn load_marks(
    db: &mut SqliteConnection,
    key: &Key,
) -> Result<Option<Marks>, ProtectionError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{MARKS} WHERE key = ?")))
        .bind(&key[..])
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(read_marks(&row)?.1)).transpose()
}

pub(in crate::protection) async fn all_marks(
    db: &mut SqliteConnection,
) -> Result<Vec<(Key, Marks)>, ProtectionError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{MARKS} ORDER BY key")))
        .fetch_all(db)
        .await?;
    rows.iter().map(read_marks).collect()
}

pub(in crate::protection) async fn save_marks(
    db: &mut SqliteConnection,
    key: &Key,
    marks: &Marks,
) -> Result<(), ProtectionError> {
    let numbers = mark_numbers(marks);
    let sum = row_sum("marks", &[key], &numbers);
    let mut query = sqlx::query(
        "INSERT INTO marks (key, low_slot, low_target, slot, round, forged, prevoted,
            prevoted_height, source, target, sum)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET low_slot = excluded.low_slot,
            low_target = excluded.low_target, slot = excluded.slot, round = excluded.round,
            forged = excluded.forged, prevoted = excluded.prevoted,
            prevoted_height = excluded.prevoted_height, source = excluded.source,
            target = excluded.target, sum = excluded.sum",
    )
    .bind(&key[..]);
    for number in numbers {
        query = query.bind(number.map(column));
    }
    query.bind(&sum[..]).execute(db).await?;
    Ok(())
}
