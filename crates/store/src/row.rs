//! Reading columns: a value of another type or length is damage, never a default.

use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Row as _, ValueRef as _};

use crate::error::StoreError;

/// A row of a known table.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'r> {
    row: &'r SqliteRow,
    table: &'static str,
}

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r SqliteRow, table: &'static str) -> Self {
        Self { row, table }
    }

    fn raw(&self, index: usize) -> Result<SqliteValueRef<'r>, StoreError> {
        self.row.try_get_raw(index).map_err(StoreError::from)
    }

    fn wrong(&self, index: usize) -> StoreError {
        wrong_column(self.table, index)
    }

    /// Says whether the column holds NULL.
    pub(crate) fn is_null(&self, index: usize) -> Result<bool, StoreError> {
        Ok(self.raw(index)?.is_null())
    }

    /// Borrows a blob.
    pub(crate) fn blob(&self, index: usize) -> Result<&'r [u8], StoreError> {
        self.row
            .try_get::<&'r [u8], _>(index)
            .map_err(|_| self.wrong(index))
    }

    /// Reads a blob of a fixed length.
    pub(crate) fn array<const N: usize>(&self, index: usize) -> Result<[u8; N], StoreError> {
        self.blob(index)?.try_into().map_err(|_| self.wrong(index))
    }

    /// Reads a blob of a fixed length, or NULL.
    pub(crate) fn array_or_null<const N: usize>(
        &self,
        index: usize,
    ) -> Result<Option<[u8; N]>, StoreError> {
        if self.is_null(index)? {
            return Ok(None);
        }
        self.array(index).map(Some)
    }

    /// Reads a signed integer.
    pub(crate) fn int(&self, index: usize) -> Result<i64, StoreError> {
        self.row.try_get(index).map_err(|_| self.wrong(index))
    }

    /// Reads an integer that was written from an unsigned type.
    pub(crate) fn unsigned<T: TryFrom<i64>>(&self, index: usize) -> Result<T, StoreError> {
        T::try_from(self.int(index)?).map_err(|_| self.wrong(index))
    }

    /// Reads an integer that was written from an unsigned type, or NULL.
    pub(crate) fn unsigned_or_null<T: TryFrom<i64>>(
        &self,
        index: usize,
    ) -> Result<Option<T>, StoreError> {
        if self.is_null(index)? {
            return Ok(None);
        }
        self.unsigned(index).map(Some)
    }

    /// Borrows text.
    pub(crate) fn text(&self, index: usize) -> Result<&'r str, StoreError> {
        self.row
            .try_get::<&'r str, _>(index)
            .map_err(|_| self.wrong(index))
    }

    /// Reads text, or NULL.
    pub(crate) fn text_or_null(&self, index: usize) -> Result<Option<&'r str>, StoreError> {
        if self.is_null(index)? {
            return Ok(None);
        }
        self.text(index).map(Some)
    }
}

/// Says that a column holds what was never written to it.
pub(crate) fn wrong_column(table: &'static str, index: usize) -> StoreError {
    StoreError::corrupt(
        table,
        format_args!("column {index}"),
        "not the type or range it was written with",
    )
}
