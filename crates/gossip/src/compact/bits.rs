//! The packed lists of a compact block: sorted ids, and places.

use std::io;

use bitstream_io::{BigEndian, BitRead, BitReader, BitWrite, BitWriter};

use crate::wire::WireError;

type Writer = BitWriter<Vec<u8>, BigEndian>;
type Reader<'b> = BitReader<&'b [u8], BigEndian>;

/// Packs ascending numbers below `numbers.len() << rice`, as BIP158 codes its sets: each
/// difference is its quotient by `2^rice` in ones, a zero, and the remainder in `rice` bits.
pub(super) fn pack_sorted(numbers: &[u64], rice: u32) -> Vec<u8> {
    pack(|out| {
        let mut last = 0;
        for number in numbers {
            let step = number - last;
            last = *number;
            let quotient = u32::try_from(step >> rice).map_err(io::Error::other)?;
            out.write_unary::<0>(quotient)?;
            out.write_unsigned_var(rice, step & ((1 << rice) - 1))?;
        }
        Ok(())
    })
}

/// Reads `count` numbers that [`pack_sorted`] has packed.
///
/// # Errors
/// Bytes that it never writes for so many numbers.
pub(super) fn unpack_sorted(bytes: &[u8], count: usize, rice: u32) -> Result<Vec<u64>, WireError> {
    let limit = (count as u64) << rice;
    let mut last = 0;
    let next = |input: &mut Reader<'_>| {
        let quotient = u64::from(input.read_unary::<0>()?);
        let remainder: u64 = input.read_unsigned_var(rice)?;
        last += (quotient << rice) + remainder;
        if last < limit {
            Ok(last)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    };
    let numbers = unpack(bytes, count, next)?;
    check(bytes, &pack_sorted(&numbers, rice)).map(|()| numbers)
}

/// Returns the bits that the greatest of `count` places takes.
fn width(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

/// Packs a permutation of the numbers below its length.
pub(super) fn pack_places(places: &[u16]) -> Vec<u8> {
    let width = width(places.len());
    pack(|out| {
        let mut places = places.iter();
        places.try_for_each(|place| out.write_unsigned_var(width, *place))
    })
}

/// Reads a permutation of the numbers below `count`.
///
/// # Errors
/// Bytes that are none.
pub(super) fn unpack_places(bytes: &[u8], count: usize) -> Result<Vec<u16>, WireError> {
    let width = width(count);
    let places: Vec<u16> = unpack(bytes, count, |input| input.read_unsigned_var(width))?;
    let mut is_taken = vec![false; count];
    for place in &places {
        match is_taken.get_mut(usize::from(*place)) {
            Some(taken) if !*taken => *taken = true,
            _ => return Err(WireError::Malformed),
        }
    }
    check(bytes, &pack_places(&places)).map(|()| places)
}

fn pack(write: impl FnOnce(&mut Writer) -> io::Result<()>) -> Vec<u8> {
    let mut out = Writer::new(Vec::new());
    write(&mut out)
        .and_then(|()| out.byte_align())
        .expect("memory takes all bits, and the numbers have no more");
    out.into_writer()
}

fn unpack<T>(
    bytes: &[u8],
    count: usize,
    mut next: impl FnMut(&mut Reader<'_>) -> io::Result<T>,
) -> Result<Vec<T>, WireError> {
    // Every number takes a bit at least, but for places of a single one.
    if count > bytes.len().saturating_mul(8) {
        return Err(WireError::Truncated);
    }
    let mut input = Reader::new(bytes);
    let numbers = (0..count)
        .map(|_| next(&mut input))
        .collect::<io::Result<_>>();
    numbers.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => WireError::Truncated,
        _ => WireError::Malformed,
    })
}

/// Checks that a list was packed in the one way there is: no bits after it, no byte too many.
fn check(bytes: &[u8], packed: &[u8]) -> Result<(), WireError> {
    if bytes == packed {
        Ok(())
    } else {
        Err(WireError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_take_a_bit_and_a_half_more_than_their_remainders() {
        let numbers: Vec<u64> = (0..2800).map(|n| n * 1024 + n * 7 % 1024).collect();
        let bytes = pack_sorted(&numbers, 10);
        assert!(bytes.len() <= 2800 * 12 / 8, "{}", bytes.len());
        assert_eq!(unpack_sorted(&bytes, 2800, 10), Ok(numbers));
    }

    #[test]
    fn equal_numbers_and_the_greatest_are_kept() {
        let numbers = vec![0, 0, 5, 5, 5, (6 << 10) - 1];
        let bytes = pack_sorted(&numbers, 10);
        assert_eq!(unpack_sorted(&bytes, 6, 10), Ok(numbers));
        let past = pack_sorted(&[1 << 10], 10);
        assert_eq!(unpack_sorted(&past, 1, 10), Err(WireError::Malformed));
        assert_eq!(unpack_sorted(&[], 0, 10), Ok(vec![]));
    }

    #[test]
    fn a_list_is_packed_in_one_way_only() {
        let bytes = pack_sorted(&[3, 2000, 3000], 10);
        for end in 0..bytes.len() {
            assert!(unpack_sorted(&bytes[..end], 3, 10).is_err(), "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(unpack_sorted(&longer, 3, 10), Err(WireError::Malformed));
        let mut padded = bytes;
        *padded.last_mut().expect("there are bytes") |= 1;
        assert_eq!(unpack_sorted(&padded, 3, 10), Err(WireError::Malformed));
        // A quotient without end.
        assert!(unpack_sorted(&[0xff; 1000], 3, 10).is_err());
    }

    #[test]
    fn places_are_a_permutation() {
        for count in [1_u16, 2, 3, 4, 5, 256, 257, 16_665] {
            let places: Vec<u16> = (0..count).rev().collect();
            let bytes = pack_places(&places);
            let bits = usize::from(count) * width(usize::from(count)) as usize;
            assert_eq!(bytes.len(), bits.div_ceil(8));
            if count > 1 {
                assert_eq!(unpack_places(&bytes, usize::from(count)), Ok(places));
            }
        }
        let twice = pack_places(&[0, 1, 1]);
        assert_eq!(unpack_places(&twice, 3), Err(WireError::Malformed));
        let outside = pack_places(&[0, 1, 3]);
        assert_eq!(unpack_places(&outside, 3), Err(WireError::Malformed));
        assert_eq!(unpack_places(&outside, 4), Err(WireError::Malformed));
        let cut = pack_places(&[0, 1]);
        assert_eq!(unpack_places(&cut, 9), Err(WireError::Truncated));
    }
}
