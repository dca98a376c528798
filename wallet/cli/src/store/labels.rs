//! Names that users of the service gave to addresses and transactions.

use std::collections::BTreeMap;

use sqlx::Row;

use super::{Store, StoreError};

/// Longest label and longest reference, in bytes.
pub const MAX_LABEL_BYTES: usize = 255;

impl Store {
    /// Sets the label of an address or transaction.
    ///
    /// # Errors
    /// When one of them is empty or too long, or SQLite fails.
    pub async fn set_label(&self, reference: &str, label: &str) -> Result<(), StoreError> {
        let upsert = "INSERT INTO labels (reference, label) VALUES (?, ?) \
             ON CONFLICT (reference) DO UPDATE SET label = excluded.label";
        sqlx::query(upsert)
            .bind(reference)
            .bind(label)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Returns all labels by what they name.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn labels(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = sqlx::query("SELECT reference, label FROM labels ORDER BY reference");
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("reference")?, row.try_get("label")?)))
            .collect()
    }
}
