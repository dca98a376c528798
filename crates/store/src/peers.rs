//! The address book.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::checksum::row_sum;
use crate::error::StoreError;
use crate::row::Columns;

const TABLE: &str = "peers";

/// The greatest number of entries that are read back; the owner evicts before it adds more.
pub const MAX_PEERS: u32 = 20_000;

/// What is remembered of a peer; times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeerRecord {
    /// Where it listens.
    pub url: String,
    /// Who told of it, in the owner's words.
    pub source: String,
    /// When it was added.
    pub added: u64,
    /// When a connection was last tried.
    pub last_attempt: Option<u64>,
    /// When a connection last succeeded.
    pub last_success: Option<u64>,
    /// The failed attempts since the last success.
    pub failures: u32,
    /// Until when it is not connected to, nor listened to.
    pub discouraged_until: Option<u64>,
}

impl PeerRecord {
    fn checksum(&self) -> i64 {
        let or_max = |time: Option<u64>| time.unwrap_or(u64::MAX).to_le_bytes();
        row_sum(&[
            self.url.as_bytes(),
            self.source.as_bytes(),
            &self.added.to_le_bytes(),
            &or_max(self.last_attempt),
            &or_max(self.last_success),
            &self.failures.to_le_bytes(),
            &or_max(self.discouraged_until),
        ])
    }
}

/// Inserts or replaces entries and deletes others.
pub(crate) async fn update(
    connection: &mut SqliteConnection,
    peers: &[PeerRecord],
    forgotten: &[String],
) -> Result<(), StoreError> {
    for peer in peers {
        sqlx::query(
            "INSERT OR REPLACE INTO peers (url, source, added, last_attempt, last_success, \
             failures, discouraged_until, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(peer.url.clone())
        .bind(peer.source.clone())
        .bind(peer.added.cast_signed())
        .bind(peer.last_attempt.map(u64::cast_signed))
        .bind(peer.last_success.map(u64::cast_signed))
        .bind(i64::from(peer.failures))
        .bind(peer.discouraged_until.map(u64::cast_signed))
        .bind(peer.checksum())
        .execute(&mut *connection)
        .await?;
    }
    for url in forgotten {
        sqlx::query("DELETE FROM peers WHERE url = ?")
            .bind(url.clone())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Reads all entries, at most [`MAX_PEERS`].
pub(crate) async fn load(connection: &mut SqliteConnection) -> Result<Vec<PeerRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT url, source, added, last_attempt, last_success, failures, discouraged_until, \
         checksum FROM peers ORDER BY url LIMIT ?",
    )
    .bind(i64::from(MAX_PEERS))
    .fetch_all(connection)
    .await?;
    rows.iter().map(decode).collect()
}

fn decode(row: &SqliteRow) -> Result<PeerRecord, StoreError> {
    let row = Columns::new(row, TABLE);
    let peer = PeerRecord {
        url: row.text(0)?.to_owned(),
        source: row.text(1)?.to_owned(),
        added: row.int(2)?.cast_unsigned(),
        last_attempt: row.unsigned_or_null(3)?,
        last_success: row.unsigned_or_null(4)?,
        failures: row.unsigned(5)?,
        discouraged_until: row.unsigned_or_null(6)?,
    };
    if peer.checksum() != row.int(7)? {
        return Err(StoreError::corrupt(TABLE, peer.url, "checksum differs"));
    }
    Ok(peer)
}
