//! Checksums of rows.
//!
//! Their only task is to find damage by the disk, memory or file system; nobody who can
//! write the file is kept out by them. So they are fast and short: 64 bits of XXH3, for
//! the small rows of key tables 32 of those.

use twox_hash::XxHash3_64;

/// Parts longer than this enter a row's checksum by their own, so that they are not copied.
const INLINE_LIMIT: usize = 256;

/// Computes the checksum of a row from its key and columns.
///
/// The parts are told apart by their lengths: moving a byte from one to the next changes
/// the sum.
pub(crate) fn row_sum(parts: &[&[u8]]) -> i64 {
    let mut joined = Vec::with_capacity(256);
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_le_bytes());
        if part.len() <= INLINE_LIMIT {
            joined.extend_from_slice(part);
        } else {
            joined.extend_from_slice(&XxHash3_64::oneshot(part).to_le_bytes());
        }
    }
    XxHash3_64::oneshot(&joined).cast_signed()
}

/// Computes the checksum of bytes.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// The bytes that [`seal`] adds.
pub(crate) const SEAL_SIZE: usize = 4;

/// Copies `value` and appends the checksum over it and its key.
pub(crate) fn seal(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(value.len() + key.len() + SEAL_SIZE);
    sealed.extend_from_slice(value);
    sealed.extend_from_slice(key);
    let sum = XxHash3_64::oneshot(&sealed).to_le_bytes();
    sealed.truncate(value.len());
    sealed.extend_from_slice(&sum[..SEAL_SIZE]);
    sealed
}

/// Returns the value under a [`seal`] that holds for the key.
pub(crate) fn unseal<'a>(key: &[u8], sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (value, sum) = sealed.split_at_checked(sealed.len().checked_sub(SEAL_SIZE)?)?;
    let mut covered = Vec::with_capacity(value.len() + key.len());
    covered.extend_from_slice(value);
    covered.extend_from_slice(key);
    (XxHash3_64::oneshot(&covered).to_le_bytes()[..SEAL_SIZE] == *sum).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_key_value_or_sum_breaks_the_seal() {
        let key = [7u8; 36];
        let sealed = seal(&key, b"coin");
        assert_eq!(unseal(&key, &sealed), Some(&b"coin"[..]));
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(&key, &flipped), None, "bit {bit}");
        }
        for bit in 0..key.len() * 8 {
            let mut flipped = key;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(&flipped, &sealed), None, "bit {bit} of the key");
        }
        assert_eq!(unseal(&key, &[1, 2, 3]), None);
    }

    #[test]
    fn a_byte_that_moves_between_columns_changes_the_sum() {
        assert_ne!(row_sum(&[b"ab", b"c"]), row_sum(&[b"a", b"bc"]));
        let long = vec![1u8; 1000];
        let mut other = long.clone();
        other[999] = 2;
        assert_ne!(row_sum(&[&long]), row_sum(&[&other]));
    }

    #[test]
    fn the_checksums_of_the_format_never_change() {
        assert_eq!(row_sum(&[b"synod"]), FROZEN_ROW);
        assert_eq!(seal(&[0; 36], b"coin")[4..], FROZEN_SEAL);
    }

    const FROZEN_ROW: i64 = 6_896_272_489_595_558_744;
    const FROZEN_SEAL: [u8; 4] = [234, 48, 253, 52];
}
