//! Statements over many rows at once.
//!
//! One call of sqlx costs 25 to 110 microseconds since it crosses threads; a row in a statement
//! of a hundred costs 3. Rows are cut into a few fixed sizes so that each statement text is
//! prepared once.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, SqliteConnection, Type};

use super::StoreError;

/// Rows per statement, largest first.
const SIZES: [usize; 4] = [256, 32, 4, 1];

/// The values of one statement.
pub(super) struct Values(SqliteArguments);

impl Values {
    /// Adds the next value of a row.
    pub(super) fn add<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(
        &mut self,
        value: T,
    ) -> Result<(), StoreError> {
        self.0.add(value).map_err(StoreError::Encode)
    }
}

/// A statement text around a list of rows: `head (?, ?), (?, ?) tail`.
pub(super) struct Shape {
    pub(super) head: &'static str,
    pub(super) columns: usize,
    pub(super) tail: &'static str,
}

impl Shape {
    fn sql(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        format!("{} {} {}", self.head, vec![row; rows].join(","), self.tail)
    }

    /// Calls for each statement's worth of rows: its text and its values.
    fn cut<'r, T>(rows: &'r [T], mut each: impl FnMut(&'r [T])) {
        let mut rest = rows;
        for size in SIZES {
            while rest.len() >= size {
                let (chunk, after) = rest.split_at(size);
                each(chunk);
                rest = after;
            }
        }
    }

    fn statements<T>(
        &self,
        rows: &[T],
        mut bind: impl FnMut(&mut Values, &T) -> Result<(), StoreError>,
    ) -> Result<Vec<(String, SqliteArguments)>, StoreError> {
        let mut statements = Vec::new();
        let mut failure = None;
        Self::cut(rows, |chunk| {
            let mut values = Values(SqliteArguments::default());
            values.0.reserve(chunk.len() * self.columns, 0);
            for row in chunk {
                if let Err(error) = bind(&mut values, row) {
                    failure = Some(error);
                }
            }
            statements.push((self.sql(chunk.len()), values.0));
        });
        match failure {
            None => Ok(statements),
            Some(error) => Err(error),
        }
    }

    /// Runs the statement over all rows.
    pub(super) async fn execute<T>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl FnMut(&mut Values, &T) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for (sql, values) in self.statements(rows, bind)? {
            sqlx::query_with(AssertSqlSafe(sql), values)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Runs the statement over all rows and gathers what it returns.
    pub(super) async fn fetch<T>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl FnMut(&mut Values, &T) -> Result<(), StoreError>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let mut found = Vec::new();
        for (sql, values) in self.statements(rows, bind)? {
            let query = sqlx::query_with(AssertSqlSafe(sql), values);
            found.extend(query.fetch_all(&mut *connection).await?);
        }
        Ok(found)
    }
}

/// Reads a column of 32 bytes.
pub(super) fn hash_column(
    row: &SqliteRow,
    table: &'static str,
    column: &'static str,
) -> Result<[u8; 32], StoreError> {
    use sqlx::Row;
    let bytes: &[u8] = row.try_get(column)?;
    bytes
        .try_into()
        .map_err(|_| StoreError::bad_row(table, column, synod_primitives::hex::encode(bytes)))
}

/// Reads an integer column that must not be negative and fits the type asked for.
pub(super) fn number_column<N: TryFrom<i64>>(
    row: &SqliteRow,
    table: &'static str,
    column: &'static str,
) -> Result<N, StoreError> {
    use sqlx::Row;
    let number: i64 = row.try_get(column)?;
    N::try_from(number).map_err(|_| StoreError::bad_row(table, column, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_into_sizes_that_repeat_and_none_is_lost() {
        for count in [0, 1, 3, 4, 31, 33, 255, 256, 257, 1000] {
            let rows: Vec<usize> = (0..count).collect();
            let mut seen = Vec::new();
            Shape::cut(&rows, |chunk| {
                assert!(SIZES.contains(&chunk.len()));
                seen.extend_from_slice(chunk);
            });
            assert_eq!(seen, rows);
        }
    }

    #[test]
    fn the_text_has_one_group_a_row() {
        let shape = Shape {
            head: "VALUES",
            columns: 2,
            tail: "",
        };
        assert_eq!(shape.sql(2), "VALUES (?,?),(?,?) ");
    }
}
