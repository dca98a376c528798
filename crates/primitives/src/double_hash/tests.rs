use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{Message, sha256_each, sha256d_each, sha256d_pairs};

fn single(pieces: Message<'_>) -> [u8; 32] {
    Sha256::digest(pieces.concat()).into()
}

fn reference(pieces: Message<'_>) -> [u8; 32] {
    Sha256::digest(single(pieces)).into()
}

fn assert_like_sha2(messages: &[Message<'_>]) {
    for (portable, is_double) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut hashes = vec![None; messages.len()];
        let mut sink = |index: usize, hash| {
            assert_eq!(hashes[index].replace(hash), None, "each index comes once");
        };
        let each = messages.iter().copied();
        match (portable, is_double) {
            (true, _) => super::portable_each(each, is_double, &mut sink),
            (false, true) => sha256d_each(each, sink),
            (false, false) => sha256_each(each, sink),
        }
        let expected = messages.iter().map(|it| match is_double {
            true => Some(reference(*it)),
            false => Some(single(*it)),
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(
            hashes, expected,
            "portable: {portable}, double: {is_double}"
        );
    }
}

#[test]
fn messages_of_every_length_hash_like_sha2() {
    let bytes: Vec<u8> = (0..400u32).map(|i| (i * 37 % 251) as u8).collect();
    let whole: Vec<Message<'_>> = (0..400)
        .map(|length| [&bytes[..length], &[], &[]])
        .collect();
    assert_like_sha2(&whole);
    let backwards: Vec<Message<'_>> = whole.iter().rev().copied().collect();
    assert_like_sha2(&backwards);
}

#[test]
fn every_cut_into_pieces_hashes_like_the_whole() {
    let bytes: Vec<u8> = (0..200u32).map(|i| (i * 91 % 253) as u8).collect();
    for end in [0, 1, 55, 56, 64, 119, 120, 128, 200] {
        let cuts = (0..=end).flat_map(|first| (first..=end).step_by(7).map(move |it| (first, it)));
        let messages: Vec<Message<'_>> = cuts
            .map(|(first, second)| [&bytes[..first], &bytes[first..second], &bytes[second..end]])
            .collect();
        assert_like_sha2(&messages);
    }
}

#[test]
fn few_messages_hash_like_sha2() {
    let bytes = [9; 300];
    let messages: Vec<Message<'_>> = vec![[&bytes[..], &[], &[]]; 5];
    for count in 0..=messages.len() {
        assert_like_sha2(&messages[..count]);
    }
}

#[test]
fn rows_of_every_length_hash_like_sha2() {
    for count in 0..40u8 {
        let row: Vec<[u8; 32]> = (0..count).map(|i| [i ^ 0x5a; 32]).collect();
        let expected: Vec<[u8; 32]> = row
            .chunks(2)
            .map(|pair| reference([&pair[0], &pair[pair.len() - 1], &[]]))
            .collect();
        let mut hashed = row;
        let length = sha256d_pairs(&mut hashed);
        assert_eq!(hashed[..length], expected);
    }
}

proptest! {
    #[test]
    fn random_messages_hash_like_sha2(
        messages in prop::collection::vec(
            prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..200)), 0..12,
        ),
    ) {
        let messages: Vec<Message<'_>> = messages
            .iter()
            .map(|pieces| pieces.each_ref().map(Vec::as_slice))
            .collect();
        assert_like_sha2(&messages);
    }

    #[test]
    fn random_rows_hash_like_sha2(row in prop::collection::vec(any::<[u8; 32]>(), 1..40)) {
        let expected: Vec<[u8; 32]> = row
            .chunks(2)
            .map(|pair| reference([&pair[0], &pair[pair.len() - 1], &[]]))
            .collect();
        let mut hashed = row;
        let length = sha256d_pairs(&mut hashed);
        prop_assert_eq!(&hashed[..length], &expected[..]);
    }
}
