//! Bitcoin's lax DER: how ECDSA signatures are read by consensus.
//!
//! Consensus: blocks from before BIP66 hold signatures that only OpenSSL's old reader took for
//! DER. Bitcoin Core keeps that tolerance in `ecdsa_signature_parse_der_lax` (src/pubkey.cpp), and
//! what it accepts is a rule of the chain. Tolerated are: any length of the outer sequence, lengths
//! in long form, padded or negative integers (all are read as unsigned) and bytes after S.

use crate::scalar::ORDER;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Reads `r` and `s`, big-endian.
///
/// `None` when the shape is not even laxly DER. An integer of more than 256 bits or not below the
/// group order makes both zero: readable, and no signature at all.
pub(crate) fn parse_lax(input: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let rest = skip_sequence_header(input)?;
    let (r, rest) = split_integer(rest)?;
    let (s, _trailing) = split_integer(rest)?;
    match (to_scalar_bytes(r), to_scalar_bytes(s)) {
        (Some(r), Some(s)) => Some((r, s)),
        _ => Some(([0; 32], [0; 32])),
    }
}

/// Skips the sequence's tag and length; the length's value is not looked at.
fn skip_sequence_header(input: &[u8]) -> Option<&[u8]> {
    let rest = input.strip_prefix(&[SEQUENCE])?;
    let (&length, rest) = rest.split_first()?;
    if length & 0x80 == 0 {
        return Some(rest);
    }
    rest.get(usize::from(length & 0x7f)..)
}

/// Splits off the content of one integer.
fn split_integer(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = input.strip_prefix(&[INTEGER])?;
    let (length, rest) = split_length(rest)?;
    rest.split_at_checked(length)
}

/// Splits off a length in short or long form; leading zeros of the long form are free, after them
/// at most three bytes may follow.
fn split_length(input: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = input.split_first()?;
    if first & 0x80 == 0 {
        return Some((usize::from(first), rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let digits = strip_zeros(digits);
    if digits.len() > 3 {
        return None;
    }
    let length = digits
        .iter()
        .fold(0, |sum, &digit| (sum << 8) | usize::from(digit));
    Some((length, rest))
}

/// Pads an unsigned integer to 32 bytes; `None` when it is not below the group order.
fn to_scalar_bytes(integer: &[u8]) -> Option<[u8; 32]> {
    let digits = strip_zeros(integer);
    let mut bytes = [0; 32];
    bytes
        .get_mut(32usize.checked_sub(digits.len())?..)?
        .copy_from_slice(digits);
    (bytes < ORDER).then_some(bytes)
}

fn strip_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(value: u8) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[31] = value;
        bytes
    }

    fn wrap(r: &[u8], s: &[u8]) -> Vec<u8> {
        let mut out = vec![0x30, 0];
        for integer in [r, s] {
            out.push(0x02);
            out.push(u8::try_from(integer.len()).expect("short"));
            out.extend_from_slice(integer);
        }
        out
    }

    #[test]
    fn strict_der_is_read() {
        assert_eq!(
            parse_lax(&[0x30, 6, 2, 1, 5, 2, 1, 7]),
            Some((small(5), small(7)))
        );
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = [0x30, 6, 2, 1, 5, 2, 1, 7];
        for end in 0..whole.len() {
            assert_eq!(parse_lax(&whole[..end]), None, "first {end} bytes");
        }
    }

    #[test]
    fn bytes_after_s_and_a_wrong_outer_length_are_ignored() {
        assert_eq!(
            parse_lax(&[0x30, 99, 2, 1, 5, 2, 1, 7, 9, 9]),
            Some((small(5), small(7)))
        );
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 1, 5, 2, 1, 7]),
            Some((small(5), small(7)))
        );
    }

    #[test]
    fn outer_length_in_long_form_is_skipped_unread() {
        assert_eq!(
            parse_lax(&[0x30, 0x82, 0xff, 0xff, 2, 1, 5, 2, 1, 7]),
            Some((small(5), small(7)))
        );
        assert_eq!(
            parse_lax(&[0x30, 0x80, 2, 1, 5, 2, 1, 7]),
            Some((small(5), small(7)))
        );
        assert_eq!(parse_lax(&[0x30, 0x87, 2, 1, 5, 2, 1, 7]), None);
        let mut longest = vec![0x30, 0xff];
        longest.extend([0; 127]);
        longest.extend([2, 1, 5, 2, 1, 7]);
        assert_eq!(parse_lax(&longest), Some((small(5), small(7))));
    }

    #[test]
    fn integer_length_in_long_form_is_read() {
        let expected = Some((small(5), small(7)));
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 0x81, 1, 5, 2, 0x82, 0, 1, 7]),
            expected
        );
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 0x85, 0, 0, 0, 0, 1, 5, 2, 1, 7]),
            expected
        );
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 0x84, 0, 0, 0, 1, 5, 2, 1, 7]),
            expected
        );
    }

    #[test]
    fn integer_length_of_more_than_three_digits_is_refused() {
        assert_eq!(parse_lax(&[0x30, 0, 2, 0x84, 1, 0, 0, 0, 5, 2, 1, 7]), None);
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 0x83, 1, 0, 0, 5, 2, 1, 7]),
            None,
            "longer than the input"
        );
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 0x89, 1, 5, 2, 1, 7]),
            None,
            "length of length"
        );
    }

    #[test]
    fn empty_integers_are_zero() {
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 0, 2, 0]),
            Some((small(0), small(0)))
        );
        assert_eq!(
            parse_lax(&[0x30, 0, 2, 0x80, 2, 1, 7]),
            Some((small(0), small(7)))
        );
    }

    #[test]
    fn padding_is_free_and_negative_integers_are_read_as_unsigned() {
        let mut padded = vec![0; 40];
        padded.push(5);
        assert_eq!(
            parse_lax(&wrap(&padded, &[0xff])),
            Some((small(5), small(0xff)))
        );
    }

    #[test]
    fn the_order_or_more_makes_both_zero_and_one_less_is_read() {
        let mut largest = ORDER;
        largest[31] -= 1;
        assert_eq!(parse_lax(&wrap(&largest, &[1])), Some((largest, small(1))));
        assert_eq!(parse_lax(&wrap(&ORDER, &[1])), Some((small(0), small(0))));
        assert_eq!(parse_lax(&wrap(&[1], &ORDER)), Some((small(0), small(0))));
        assert_eq!(parse_lax(&wrap(&[1; 33], &[1])), Some((small(0), small(0))));
    }

    #[test]
    fn wrong_tags_are_refused() {
        assert_eq!(parse_lax(&[0x31, 6, 2, 1, 5, 2, 1, 7]), None);
        assert_eq!(parse_lax(&[0x30, 6, 3, 1, 5, 2, 1, 7]), None);
        assert_eq!(parse_lax(&[0x30, 6, 2, 1, 5, 3, 1, 7]), None);
        assert_eq!(parse_lax(&[]), None);
    }
}
