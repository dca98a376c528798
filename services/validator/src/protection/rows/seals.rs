//! The table `seals`: the newest seals of each key.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::{Columns, Key, column, row_sum};
use crate::protection::error::ProtectionError;
use crate::protection::rules::{Digest, SealRecord, Signature, Signed};

fn seal_numbers(seal: &SealRecord) -> [Option<u64>; 5] {
    [
        Some(seal.slot),
        Some(seal.round.into()),
        Some(seal.height.into()),
        Some(seal.previously_sealed.into()),
        Some(seal.prevoted.into()),
    ]
}

/// A row of `seals`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protection) struct SealRow {
    pub(in crate::protection) slot: u64,
    pub(in crate::protection) round: u32,
    pub(in crate::protection) height: u32,
    pub(in crate::protection) previously_sealed: u32,
    pub(in crate::protection) prevoted: u32,
    pub(in crate::protection) signed: Signed,
}

const SEALS: &str = "SELECT key, slot, round, height, previously_sealed, prevoted, digest,
    signature, sum FROM seals";

fn read_seal(row: &SqliteRow) -> Result<SealRow, ProtectionError> {
    let columns = Columns {
        row,
        table: "seals",
    };
    let key: Key = columns.bytes("key")?;
    let digest: Digest = columns.bytes("digest")?;
    let signature: Signature = columns.bytes("signature")?;
    let seal = SealRow {
        slot: columns.number("slot")?,
        round: columns.small("round")?,
        height: columns.small("height")?,
        previously_sealed: columns.small("previously_sealed")?,
        prevoted: columns.small("prevoted")?,
        signed: Signed { digest, signature },
    };
    let numbers = [
        Some(seal.slot),
        Some(seal.round.into()),
        Some(seal.height.into()),
        Some(seal.previously_sealed.into()),
        Some(seal.prevoted.into()),
    ];
    columns.check(&[&key, &digest, &signature], &numbers)?;
    Ok(seal)
}

pub(in crate::protection) async fn seal_at(
    db: &mut SqliteConnection,
    key: &Key,
    slot: u64,
    round: u32,
) -> Result<Option<Signed>, ProtectionError> {
    let text = format!("{SEALS} WHERE key = ? AND slot = ? AND round = ?");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(&key[..])
        .bind(column(slot))
        .bind(i64::from(round))
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(read_seal(&row)?.signed)).transpose()
}

pub(in crate::protection) async fn all_seals(
    db: &mut SqliteConnection,
    key: &Key,
) -> Result<Vec<SealRow>, ProtectionError> {
    let text = format!("{SEALS} WHERE key = ? ORDER BY slot, round");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(&key[..])
        .fetch_all(db)
        .await?;
    rows.iter().map(read_seal).collect()
}

pub(in crate::protection) async fn insert_seal(
    db: &mut SqliteConnection,
    key: &Key,
    seal: &SealRecord,
    signature: &Signature,
) -> Result<(), ProtectionError> {
    let numbers = seal_numbers(seal);
    let sum = row_sum("seals", &[key, &seal.digest, signature], &numbers);
    let mut query = sqlx::query(
        "INSERT INTO seals (key, slot, round, height, previously_sealed, prevoted, digest,
            signature, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&key[..]);
    for number in numbers {
        query = query.bind(number.map(column));
    }
    query
        .bind(&seal.digest[..])
        .bind(&signature[..])
        .bind(&sum[..])
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets all but the newest `keep` seals; returns the slot up to which nothing is left.
pub(in crate::protection) async fn prune_seals(
    db: &mut SqliteConnection,
    key: &Key,
    keep: u32,
) -> Result<Option<u64>, ProtectionError> {
    let cut: Option<i64> = sqlx::query_scalar(
        "SELECT slot FROM seals WHERE key = ? ORDER BY slot DESC, round DESC LIMIT 1 OFFSET ?",
    )
    .bind(&key[..])
    .bind(i64::from(keep))
    .fetch_optional(&mut *db)
    .await?;
    let Some(cut) = cut else { return Ok(None) };
    sqlx::query("DELETE FROM seals WHERE key = ? AND slot <= ?")
        .bind(&key[..])
        .bind(cut)
        .execute(db)
        .await?;
    Ok(u64::try_from(cut).ok())
}
