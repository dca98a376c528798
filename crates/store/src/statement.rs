//! Statements over many rows.
//!
//! Each call through sqlx crosses a thread, which costs ten times the work of one row in
//! SQLite. So rows travel by the hundred, in few fixed sizes whose statements stay prepared.

/// The numbers of rows that have a statement, greatest first.
const SIZES: [usize; 3] = [100, 10, 1];

/// The same statement for each number of rows.
pub(crate) struct Sized(Vec<(usize, String)>);

impl Sized {
    /// Writes the statements: `sql` gets the number of rows.
    pub(crate) fn new(sql: impl Fn(usize) -> String) -> Self {
        Self(SIZES.iter().map(|size| (*size, sql(*size))).collect())
    }

    /// Returns the statement for exactly `rows` rows.
    ///
    /// # Panics
    /// For a number that [`chunks`] does not give.
    pub(crate) fn of(&'static self, rows: usize) -> &'static str {
        let found = self.0.iter().find(|(size, _)| *size == rows);
        &found.expect("chunks have the sizes of statements").1
    }
}

/// Writes `(?, ?), (?, ?)`.
pub(crate) fn rows_of(rows: usize, columns: usize) -> String {
    let row = format!("({})", places(columns));
    vec![row; rows].join(", ")
}

/// Writes `?, ?, ?`.
pub(crate) fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Splits rows into chunks that have a statement.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

/// Splits keys into chunks for a search, with the size of the statement to use: a short
/// last chunk takes the next greater one, whose other places repeat a key.
pub(crate) fn padded_chunks<T>(keys: &[T]) -> impl Iterator<Item = (&[T], usize)> {
    keys.chunks(SIZES[0]).map(|chunk| {
        let fits = SIZES.into_iter().filter(|size| *size >= chunk.len());
        (chunk, fits.min().unwrap_or(SIZES[0]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_rows_in_order() {
        for count in [0, 1, 9, 10, 11, 99, 100, 101, 357] {
            let rows: Vec<usize> = (0..count).collect();
            let joined: Vec<usize> = chunks(&rows).flatten().copied().collect();
            assert_eq!(joined, rows);
            assert!(chunks(&rows).all(|chunk| SIZES.contains(&chunk.len())));
            let padded: Vec<usize> = padded_chunks(&rows).flat_map(|(c, _)| c).copied().collect();
            assert_eq!(padded, rows);
            assert!(padded_chunks(&rows).all(|(c, size)| c.len() <= size && SIZES.contains(&size)));
        }
    }
}
