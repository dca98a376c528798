//! Where everything stands: the one row that changes with every transaction.

use sqlx::SqliteConnection;
use synod_primitives::{BlockHash, Height, sha256};

use crate::checksum::row_sum;
use crate::error::StoreError;
use crate::mark::Mark;
use crate::row::Columns;

const TABLE: &str = "chain_state";

/// The row of `chain_state`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ChainState {
    /// The number of commits since the database was created.
    pub(crate) commits: u64,
    /// A digest over all of them.
    pub(crate) history: [u8; 32],
    /// The number of headers.
    pub(crate) headers: u64,
    /// The active tip.
    pub(crate) tip: Option<(Height, BlockHash)>,
    /// The block that the coins table stands at.
    pub(crate) coins_tip: Option<BlockHash>,
    /// The block that the transaction index stands at.
    pub(crate) transactions_tip: Option<BlockHash>,
    /// Blocks below this height may have been removed.
    pub(crate) pruned_below: Height,
    /// Covers the names and checksums of the meta records.
    pub(crate) meta_digest: i64,
}

impl ChainState {
    /// Counts a commit and chains the tip that it leaves into the history.
    pub(crate) fn advance(&mut self) {
        self.commits += 1;
        let (height, hash) = self.tip.unwrap_or_default();
        let mut covered = Vec::with_capacity(76);
        covered.extend_from_slice(&self.history);
        covered.extend_from_slice(&self.commits.to_le_bytes());
        covered.extend_from_slice(&height.0.to_le_bytes());
        covered.extend_from_slice(hash.as_bytes());
        self.history = sha256(&covered);
    }

    /// Says what the mark of this commit says.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            commits: self.commits,
            history: self.history,
            height: self.tip.map_or(0, |(height, _)| height.0),
        }
    }

    fn checksum(&self) -> i64 {
        let (height, hash) = self.tip.unwrap_or_default();
        row_sum(&[
            &self.commits.to_le_bytes(),
            &self.history,
            &self.headers.to_le_bytes(),
            &[u8::from(self.tip.is_some())],
            &height.0.to_le_bytes(),
            hash.as_bytes(),
            hash_or_empty(self.coins_tip.as_ref()),
            hash_or_empty(self.transactions_tip.as_ref()),
            &self.pruned_below.0.to_le_bytes(),
            &self.meta_digest.to_le_bytes(),
        ])
    }

    /// Reads the row.
    pub(crate) async fn load(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        let row = sqlx::query(
            "SELECT commits, history, headers, tip_height, tip_hash, coins_tip, \
             transactions_tip, pruned_below, meta_digest, checksum FROM chain_state WHERE id = 0",
        )
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::corrupt(TABLE, 0, "the row is missing"))?;
        let row = Columns::new(&row, TABLE);
        let height = row.unsigned_or_null::<u32>(3)?.map(Height);
        let hash = row.array_or_null(4)?.map(BlockHash::from_bytes);
        let state = Self {
            commits: row.unsigned(0)?,
            history: row.array(1)?,
            headers: row.unsigned(2)?,
            tip: height.zip(hash),
            coins_tip: row.array_or_null(5)?.map(BlockHash::from_bytes),
            transactions_tip: row.array_or_null(6)?.map(BlockHash::from_bytes),
            pruned_below: Height(row.unsigned(7)?),
            meta_digest: row.int(8)?,
        };
        if state.checksum() != row.int(9)? {
            return Err(StoreError::corrupt(TABLE, 0, "checksum differs"));
        }
        Ok(state)
    }

    /// Writes the row of a new database.
    ///
    /// # Errors
    /// There is a row already.
    pub(crate) async fn create(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        self.write(
            connection,
            "INSERT INTO chain_state (commits, history, headers, tip_height, tip_hash, \
             coins_tip, transactions_tip, pruned_below, meta_digest, checksum, id) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        )
        .await
    }

    /// Writes the row.
    pub(crate) async fn store(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        self.write(
            connection,
            "UPDATE chain_state SET commits = ?, history = ?, headers = ?, tip_height = ?, \
             tip_hash = ?, coins_tip = ?, transactions_tip = ?, pruned_below = ?, \
             meta_digest = ?, checksum = ? WHERE id = 0",
        )
        .await
    }

    async fn write(
        &self,
        connection: &mut SqliteConnection,
        statement: &'static str,
    ) -> Result<(), StoreError> {
        let written = sqlx::query(statement)
            .bind(self.commits.cast_signed())
            .bind(self.history.to_vec())
            .bind(self.headers.cast_signed())
            .bind(self.tip.map(|(height, _)| i64::from(height.0)))
            .bind(self.tip.map(|(_, hash)| hash.to_bytes().to_vec()))
            .bind(self.coins_tip.map(|hash| hash.to_bytes().to_vec()))
            .bind(self.transactions_tip.map(|hash| hash.to_bytes().to_vec()))
            .bind(i64::from(self.pruned_below.0))
            .bind(self.meta_digest)
            .bind(self.checksum())
            .execute(connection)
            .await?;
        match written.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::corrupt(TABLE, 0, "the row is missing")),
        }
    }
}

fn hash_or_empty(hash: Option<&BlockHash>) -> &[u8] {
    hash.map_or(&[], |hash| hash.as_bytes())
}
