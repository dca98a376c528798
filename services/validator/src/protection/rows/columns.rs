//! What all rows share: a digest of themselves, and columns that are read with care.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use synod_primitives::tagged_hash;

use crate::protection::error::ProtectionError;

pub(super) type Key = [u8; 32];

/// Turns a number into a column's; the rules refuse greater ones before.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Digests a row. `None` differs from every number.
pub(super) fn row_sum(table: &str, parts: &[&[u8]], numbers: &[Option<u64>]) -> [u8; 32] {
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
pub(super) struct Columns<'r> {
    pub(super) row: &'r SqliteRow,
    pub(super) table: &'static str,
}

impl Columns<'_> {
    fn damaged(&self) -> ProtectionError {
        ProtectionError::Damaged { table: self.table }
    }

    pub(super) fn bytes<const N: usize>(&self, name: &str) -> Result<[u8; N], ProtectionError> {
        let bytes: &[u8] = self.row.try_get(name).map_err(|_| self.damaged())?;
        bytes.try_into().map_err(|_| self.damaged())
    }

    pub(super) fn optional(&self, name: &str) -> Result<Option<u64>, ProtectionError> {
        let number: Option<i64> = self.row.try_get(name).map_err(|_| self.damaged())?;
        number
            .map(|it| u64::try_from(it).map_err(|_| self.damaged()))
            .transpose()
    }

    pub(super) fn number(&self, name: &str) -> Result<u64, ProtectionError> {
        self.optional(name)?.ok_or_else(|| self.damaged())
    }

    pub(super) fn small(&self, name: &str) -> Result<u32, ProtectionError> {
        u32::try_from(self.number(name)?).map_err(|_| self.damaged())
    }

    pub(super) fn check(
        &self,
        parts: &[&[u8]],
        numbers: &[Option<u64>],
    ) -> Result<(), ProtectionError> {
        let sum: Key = self.bytes("sum")?;
        if sum == row_sum(self.table, parts, numbers) {
            Ok(())
        } else {
            Err(self.damaged())
        }
    }
}
