//! All SQL of the protection database: rows in, rows out, each with a digest of itself.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use synod_primitives::tagged_hash;

use super::error::ProtectionError;
use super::head::Head;
use super::rules::{Digest, Marks, SealRecord, Signature, Signed, VoteRecord};

type Key = [u8; 32];

/// Turns a number into a column's; the rules refuse greater ones before.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Digests a row. `None` differs from every number.
fn row_sum(table: &str, parts: &[&[u8]], numbers: &[Option<u64>]) -> [u8; 32] {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    for number in numbers {
        bytes.push(u8::from(number.is_some()));
        bytes.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
    }
    tagged_hash("synod/protection/row", &[table.as_bytes(), &bytes])
}

/// Reads the columns of one table; whatever is not as it was written is the table's damage.
struct Columns<'r> {
    row: &'r SqliteRow,
    table: &'static str,
}

impl Columns<'_> {
    fn damaged(&self) -> ProtectionError {
        ProtectionError::Damaged { table: self.table }
    }

    fn bytes<const N: usize>(&self, name: &str) -> Result<[u8; N], ProtectionError> {
        let bytes: &[u8] = self.row.try_get(name).map_err(|_| self.damaged())?;
        bytes.try_into().map_err(|_| self.damaged())
    }

    fn optional(&self, name: &str) -> Result<Option<u64>, ProtectionError> {
        let number: Option<i64> = self.row.try_get(name).map_err(|_| self.damaged())?;
        number
            .map(|it| u64::try_from(it).map_err(|_| self.damaged()))
            .transpose()
    }

    fn number(&self, name: &str) -> Result<u64, ProtectionError> {
        self.optional(name)?.ok_or_else(|| self.damaged())
    }

    fn small(&self, name: &str) -> Result<u32, ProtectionError> {
        u32::try_from(self.number(name)?).map_err(|_| self.damaged())
    }

    fn check(&self, parts: &[&[u8]], numbers: &[Option<u64>]) -> Result<(), ProtectionError> {
        let sum: Key = self.bytes("sum")?;
        if sum == row_sum(self.table, parts, numbers) {
            Ok(())
        } else {
            Err(self.damaged())
        }
    }
}

pub(super) async fn load_head(db: &mut SqliteConnection) -> Result<Option<Head>, ProtectionError> {
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

pub(super) async fn save_head(
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

pub(super) async fn load_marks(
    db: &mut SqliteConnection,
    key: &Key,
) -> Result<Option<Marks>, ProtectionError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{MARKS} WHERE key = ?")))
        .bind(&key[..])
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(read_marks(&row)?.1)).transpose()
}

pub(super) async fn all_marks(
    db: &mut SqliteConnection,
) -> Result<Vec<(Key, Marks)>, ProtectionError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{MARKS} ORDER BY key")))
        .fetch_all(db)
        .await?;
    rows.iter().map(read_marks).collect()
}

pub(super) async fn save_marks(
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
pub(super) struct SealRow {
    pub(super) slot: u64,
    pub(super) round: u32,
    pub(super) height: u32,
    pub(super) previously_sealed: u32,
    pub(super) prevoted: u32,
    pub(super) signed: Signed,
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

pub(super) async fn seal_at(
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

pub(super) async fn all_seals(
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

pub(super) async fn insert_seal(
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

/// A row of `votes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VoteRow {
    pub(super) source: u64,
    pub(super) target: u64,
    pub(super) signed: Signed,
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

pub(super) async fn vote_for(
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
pub(super) async fn vote_around(
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

pub(super) async fn all_votes(
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

pub(super) async fn insert_vote(
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

/// Forgets all but the newest `keep` seals; returns the slot up to which nothing is left.
pub(super) async fn prune_seals(
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

/// Forgets all but the newest `keep` votes; returns the target up to which nothing is left.
pub(super) async fn prune_votes(
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
