//! Counts and sums of keys, which prove that a key is absent.
//!
//! A checksum in a row says nothing when the row is not found: one flipped bit in a key or
//! in an inner page of the tree hides rows that are there, and a coin that seems absent
//! makes a valid block invalid. So the keys of a table are counted and summed in
//! [`BUCKETS`] buckets by their first 12 bits. Whoever is about to act on an absence reads
//! the key's bucket and compares.

use sqlx::SqliteConnection;

use crate::checksum::{row_sum, sum};
use crate::error::StoreError;
use crate::row::Columns;

const TABLE: &str = "key_tallies";

/// The number of buckets of a table.
pub(crate) const BUCKETS: usize = 4096;
const BUCKETS_PER_PART: usize = 256;
const PARTS: usize = BUCKETS / BUCKETS_PER_PART;
/// [`PARTS`] as ids count them.
const PART_IDS: i64 = 16;
const BUCKET_SIZE: usize = 12;

/// What is known of the keys in one bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bucket {
    count: u32,
    sum: u64,
}

impl Bucket {
    /// Counts a key.
    pub(crate) fn add(&mut self, key: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(sum(key));
    }

    /// Takes a key back.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(sum(key));
    }
}

/// Returns the bucket of a key.
pub(crate) fn bucket_of(key: &[u8]) -> usize {
    usize::from(key[0]) << 4 | usize::from(key[1]) >> 4
}

/// A key above all keys of every table.
pub(crate) const ABOVE_ALL: [u8; 40] = [0xff; 40];

/// Returns the bounds of a bucket: its keys are at least the first and below the second.
pub(crate) fn bucket_bounds(bucket: usize) -> (Vec<u8>, Vec<u8>) {
    let start = |bucket: usize| vec![(bucket >> 4) as u8, ((bucket & 0xf) << 4) as u8];
    let next = bucket + 1;
    (
        start(bucket),
        if next < BUCKETS {
            start(next)
        } else {
            ABOVE_ALL.to_vec()
        },
    )
}

/// The tallies of one table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tallies {
    /// Apart in the table of tallies.
    first_id: i64,
    buckets: Vec<Bucket>,
    changed: [bool; PARTS],
}

impl Tallies {
    /// The tallies of no key, of the table with a number.
    pub(crate) fn empty(table: i64) -> Self {
        Self {
            first_id: table * PART_IDS,
            buckets: vec![Bucket::default(); BUCKETS],
            changed: [false; PARTS],
        }
    }

    /// Counts a key.
    pub(crate) fn add(&mut self, key: &[u8]) {
        let bucket = bucket_of(key);
        self.buckets[bucket].add(key);
        self.changed[bucket / BUCKETS_PER_PART] = true;
    }

    /// Takes a key back.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        let bucket = bucket_of(key);
        self.buckets[bucket].remove(key);
        self.changed[bucket / BUCKETS_PER_PART] = true;
    }

    /// Returns a bucket.
    pub(crate) fn bucket(&self, bucket: usize) -> Bucket {
        self.buckets[bucket]
    }

    /// Returns the number of keys in the table.
    pub(crate) fn total(&self) -> u64 {
        self.buckets
            .iter()
            .map(|bucket| u64::from(bucket.count))
            .sum()
    }

    /// Reads the tallies; a part that was never written counts no key.
    pub(crate) async fn load(
        connection: &mut SqliteConnection,
        table: i64,
    ) -> Result<Self, StoreError> {
        let mut tallies = Self::empty(table);
        let rows = sqlx::query(
            "SELECT id, tallies, checksum FROM key_tallies WHERE id >= ? AND id < ? ORDER BY id",
        )
        .bind(tallies.first_id)
        .bind(tallies.first_id + PART_IDS)
        .fetch_all(connection)
        .await?;
        for row in &rows {
            let row = Columns::new(row, TABLE);
            let id = row.int(0)?;
            let bytes = row.blob(1)?;
            let part = usize::try_from(id - tallies.first_id).unwrap_or(PARTS);
            let whole = bytes.len() == BUCKETS_PER_PART * BUCKET_SIZE;
            if part >= PARTS || !whole || row_sum(&[&id.to_le_bytes(), bytes]) != row.int(2)? {
                return Err(StoreError::corrupt(TABLE, id, "checksum differs"));
            }
            tallies.decode_part(part, bytes);
        }
        if rows.len() != PARTS && !rows.is_empty() {
            return Err(StoreError::corrupt(TABLE, table, "rows are missing"));
        }
        Ok(tallies)
    }

    fn decode_part(&mut self, part: usize, bytes: &[u8]) {
        let buckets = &mut self.buckets[part * BUCKETS_PER_PART..][..BUCKETS_PER_PART];
        for (bucket, bytes) in buckets.iter_mut().zip(bytes.chunks_exact(BUCKET_SIZE)) {
            let (count, sum) = bytes.split_at(4);
            bucket.count = u32::from_le_bytes(count.try_into().expect("four bytes"));
            bucket.sum = u64::from_le_bytes(sum.try_into().expect("eight bytes"));
        }
    }

    fn encode_part(&self, part: usize) -> Vec<u8> {
        let buckets = &self.buckets[part * BUCKETS_PER_PART..][..BUCKETS_PER_PART];
        let mut bytes = Vec::with_capacity(BUCKETS_PER_PART * BUCKET_SIZE);
        for bucket in buckets {
            bytes.extend_from_slice(&bucket.count.to_le_bytes());
            bytes.extend_from_slice(&bucket.sum.to_le_bytes());
        }
        bytes
    }

    /// Writes the parts that changed; all of them the first time, so that a missing row is
    /// always damage.
    pub(crate) async fn store(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        if !self.changed.contains(&true) {
            return Ok(());
        }
        let written = sqlx::query("SELECT count(*) FROM key_tallies WHERE id >= ? AND id < ?")
            .bind(self.first_id)
            .bind(self.first_id + PART_IDS)
            .fetch_one(&mut *connection)
            .await?;
        let is_first = Columns::new(&written, TABLE).int(0)? == 0;
        for (part, id) in (0..PARTS).zip(self.first_id..) {
            if !is_first && !self.changed[part] {
                continue;
            }
            let bytes = self.encode_part(part);
            let checksum = row_sum(&[&id.to_le_bytes(), &bytes]);
            sqlx::query(
                "INSERT OR REPLACE INTO key_tallies (id, tallies, checksum) VALUES (?, ?, ?)",
            )
            .bind(id)
            .bind(bytes)
            .bind(checksum)
            .execute(&mut *connection)
            .await?;
        }
        self.changed = [false; PARTS];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_lies_within_the_bounds_of_its_bucket() {
        for first in 0..=255u8 {
            for second in [0u8, 0x0f, 0x10, 0xef, 0xff] {
                let key = [first, second, 0xff];
                let (low, high) = bucket_bounds(bucket_of(&key));
                assert!(low[..] <= key[..]);
                assert!(key[..] < high[..]);
            }
        }
    }

    #[test]
    fn adding_and_removing_in_any_order_ends_where_it_started() {
        let mut tallies = Tallies::empty(0);
        let keys: Vec<[u8; 36]> = (0..50u8).map(|i| [i.wrapping_mul(37); 36]).collect();
        for key in &keys {
            tallies.add(key);
        }
        assert_eq!(tallies.total(), 50);
        for key in keys.iter().rev() {
            tallies.remove(key);
        }
        assert_eq!(tallies.buckets, Tallies::empty(0).buckets);
    }
}
