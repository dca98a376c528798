//! All SQL of the explorer's index, over one SQLite file.
//!
//! One connection writes; a pool of read-only connections reads, each request in one read
//! transaction, so that it sees one state of the index from its first to its last statement.

mod disconnect;
mod open;
mod read_blocks;
mod read_coins;
mod read_reorgs;
mod read_scripts;
mod read_transactions;
mod rows;
mod write;

pub(crate) use disconnect::{DroppedTransaction, Fork};
pub(crate) use open::{Reader, Store, Writer};
pub(crate) use read_blocks::{BlockRecord, Tip};
pub(crate) use read_coins::{Coin, Spender};
pub(crate) use read_reorgs::{Dropped, ReorgRecord};
pub(crate) use read_scripts::{HistoryRow, ScriptStats};
pub(crate) use read_transactions::StoredTransaction;
pub(crate) use write::WriteTx;

/// Why the index could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("index database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A statement's value could not be encoded.
    #[error("index database: {0}")]
    Encode(Box<dyn std::error::Error + Send + Sync>),
    /// The migrations could not be applied.
    #[error("index database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row does not hold what it must.
    #[error("index database: bad row in {table} at {key}: {column}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key, as text.
        key: String,
    },
    /// An input spends an output that the index does not know as unspent.
    #[error("index: no unspent output {0}; the node's chain does not follow on ours")]
    MissingCoin(synod_primitives::OutPoint),
}

impl StoreError {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand in what they made for it"
    )]
    pub(crate) fn bad_row(table: &'static str, column: &'static str, key: impl ToString) -> Self {
        let key = key.to_string();
        Self::BadRow { table, column, key }
    }
}

/// The place of a transaction in the active chain: its block's height and its position there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TxNumber(i64);

/// Bits for the position in a block; a block of 4,000,000 weight units holds fewer than 2^15.
const POSITION_BITS: u32 = 20;

impl TxNumber {
    /// Names the transaction at `position` of the block at `height`.
    pub(crate) const fn new(height: u32, position: u32) -> Self {
        Self(((height as i64) << POSITION_BITS) | position as i64)
    }

    /// Takes the number as a column holds it.
    pub(crate) const fn from_column(number: i64) -> Self {
        Self(number)
    }

    /// Gives the number as a column holds it.
    pub(crate) const fn column(self) -> i64 {
        self.0
    }

    /// The block's height.
    pub(crate) fn height(self) -> u32 {
        u32::try_from(self.0 >> POSITION_BITS).unwrap_or(u32::MAX)
    }

    /// The position in the block.
    pub(crate) fn position(self) -> u32 {
        u32::try_from(self.0 & ((1 << POSITION_BITS) - 1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_gives_back_height_and_position() {
        for (height, position) in [(0, 0), (0, (1 << 20) - 1), (u32::MAX, 7)] {
            let number = TxNumber::new(height, position);
            assert_eq!((number.height(), number.position()), (height, position));
        }
        assert!(TxNumber::new(1, 0) > TxNumber::new(0, (1 << 20) - 1));
    }
}
