//! The table `votes`: the newest votes of each key.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::{Columns, Key, column, row_sum};
use crate::protection::error::ProtectionError;
use crate::protection::rules::{Digest, Signature, Signed, VoteRecord};

/// A row of `votes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protection) struct VoteRow {
    pub(in crate::protection) source: u64,
    pub(in crate::protection) target: u64,
    pub(in crate::protection) signed: Signed,
}

const VOTES: &str = "SELECT key, target, source, digest, signature, sum FROM votes";

fn read_vote(row: &SqliteRow) -> Result<VoteRow, ProtectionError> {
    let columns = Columns {
        row,
        table: "votes",
    };
    let key: Key = columns.bytes("key")?;
    let digest: Digest = columns.bytes("digest")?;
    let signature: Signature = columns.bytes("signature")?;
    let (source, target) = (columns.number("source")?, columns.number("target")?);
    columns.check(&[&key, &digest, &signature], &[Some(source), Some(target)])?;
    Ok(VoteRow {
        source,
        target,
        signed: Signed { digest, signature },
    })
}

pub(in crate::protection) async fn vote_for(
    db: &mut SqliteConnection,
    key: &Key,
    target: u64,
) -> Result<Option<Signed>, ProtectionError> {
    let text = format!("{VOTES} WHERE key = ? AND target = ?");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(&key[..])
        .bind(column(target))
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(read_vote(&row)?.signed)).transpose()
}

/// Finds an earlier vote that the new one surrounds, or that surrounds it: source and target.
pub(in crate::protection) async fn vote_around(
    db: &mut SqliteConnection,
    key: &Key,
    vote: &VoteRecord,
) -> Result<Option<(u64, u64)>, ProtectionError> {
    let text = format!(
        "{VOTES} WHERE key = ?1 AND ((source > ?2 AND target < ?3) OR (source < ?2 AND target > ?3))
         ORDER BY target LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(&key[..])
        .bind(column(vote.source))
        .bind(column(vote.target))
        .fetch_optional(db)
        .await?;
    row.map(|row| read_vote(&row).map(|it| (it.source, it.target)))
        .transpose()
}

pub(in crate::protection) async fn all_votes(
    db: &mut SqliteConnection,
    key: &Key,
) -> Result<Vec<VoteRow>, ProtectionError> {
    let text = format!("{VOTES} WHERE key = ? ORDER BY target");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(&key[..])
        .fetch_all(db)
        .await?;
    rows.iter().map(read_vote).collect()
}

pub(in crate::protection) async fn insert_vote(
    db: &mut SqliteConnection,
    key: &Key,
    vote: &VoteRecord,
    signature: &Signature,
) -> Result<(), ProtectionError> {
    let numbers = [Some(vote.source), Some(vote.target)];
    let sum = row_sum("votes", &[key, &vote.digest, signature], &numbers);
    sqlx::query(
        "INSERT INTO votes (key, source, target, digest, signature, sum)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(&key[..])
    .bind(column(vote.source))
    .bind(column(vote.target))
    .bind(&vote.digest[..])
    .bind(&signature[..])
    .bind(&sum[..])
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets all but the newest `keep` votes; returns the target up to which nothing is left.
pub(in crate::protection) async fn prune_votes(
    db: &mut SqliteConnection,
    key: &Key,
    keep: u32,
) -> Result<Option<u64>, ProtectionError> {
    let cut: Option<i64> = sqlx::query_scalar(
        "SELECT target FROM votes WHERE key = ? ORDER BY target DESC LIMIT 1 OFFSET ?",
    )
    .bind(&key[..])
    .bind(i64::from(keep))
    .fetch_optional(&mut *db)
    .await?;
    let Some(cut) = cut else { return Ok(None) };
    sqlx::query("DELETE FROM votes WHERE key = ? AND target <= ?")
        .bind(&key[..])
        .bind(cut)
        .execute(db)
        .await?;
    Ok(u64::try_from(cut).ok())
}
