//! `key_io_valid.json`, `key_io_invalid.json` and `base58_encode_decode.json`.

use synod_primitives::{hex, sha256d};
use synod_script::{Address, Network};

use crate::files::{self, bytes, text};

/// Core's names of chains, with ours and the prefix of their private keys.
const CHAINS: [(&str, Network, u8); 4] = [
    ("main", Network::Main, 0x80),
    ("test", Network::Test, 0xef),
    ("signet", Network::Test, 0xef),
    ("regtest", Network::Regtest, 0xef),
];

fn chain(name: &str) -> (Network, u8) {
    let found = CHAINS.iter().find(|(known, _, _)| *known == name);
    let (_, network, prefix) = found.unwrap_or_else(|| panic!("chain {name}"));
    (*network, *prefix)
}

/// Reads a private key as wallets write it; whether it is one for its curve is not looked at.
///
/// The ledger has no secret keys, so their text is read here and nowhere else.
fn parse_secret(text: &str, prefix: u8) -> Option<(Vec<u8>, bool)> {
    let bytes = base58ck::decode_check(text).ok()?;
    let (_, key) = bytes.split_first().filter(|(first, _)| **first == prefix)?;
    match key {
        [secret @ .., 1] if secret.len() == 32 => Some((secret.to_vec(), true)),
        secret if secret.len() == 32 => Some((secret.to_vec(), false)),
        _ => None,
    }
}

fn swap_case(text: &str) -> String {
    let swap = |char: char| match char.is_ascii_lowercase() {
        true => char.to_ascii_uppercase(),
        false => char.to_ascii_lowercase(),
    };
    text.chars().map(swap).collect()
}

#[test]
fn valid_addresses_and_keys_are_read() {
    let Some(rows) = files::rows("key_io_valid.json") else {
        return;
    };
    let (mut addresses, mut keys) = (0, 0);
    for row in &rows {
        let (address, expected, about) = (text(&row[0]), bytes(&row[1]), &row[2]);
        let (network, prefix) = chain(text(&about["chain"]));
        if about["isPrivkey"].as_bool().expect("a flag") {
            let (secret, is_compressed) = parse_secret(address, prefix).expect("a key");
            assert_eq!(secret, expected);
            assert_eq!(Some(is_compressed), about["isCompressed"].as_bool());
            assert!(Address::parse(address, network).is_err(), "{address}");
            keys += 1;
            continue;
        }
        let parsed = Address::parse(address, network).expect("an address");
        assert_eq!(parsed.script_pubkey().as_bytes(), expected);
        let found = Address::from_script(&expected).expect("has an address");
        assert_eq!(found.format(network), address);
        assert_eq!(parse_secret(address, prefix), None);
        let swapped = Address::parse(&swap_case(address), network);
        let may_swap = about["tryCaseFlip"].as_bool().unwrap_or(false);
        assert_eq!(swapped.is_ok(), may_swap, "{address}");
        addresses += 1;
    }
    println!("key_io_valid.json: {addresses} addresses and {keys} keys passed");
    assert!(addresses + keys == 70);
}

#[test]
fn invalid_addresses_and_keys_are_refused_on_every_network() {
    let Some(rows) = files::rows("key_io_invalid.json") else {
        return;
    };
    for row in &rows {
        for (_, network, prefix) in CHAINS {
            assert!(Address::parse(text(&row[0]), network).is_err(), "{row:?}");
            assert_eq!(parse_secret(text(&row[0]), prefix), None, "{row:?}");
        }
    }
    println!("key_io_invalid.json: {} texts refused", rows.len());
    assert!(rows.len() == 70);
}

#[test]
fn base58_reads_and_writes_as_core() {
    let Some(rows) = files::rows("base58_encode_decode.json") else {
        return;
    };
    for row in &rows {
        let (data, encoded) = (bytes(&row[0]), text(&row[1]));
        assert_eq!(
            base58ck::decode(encoded).as_deref(),
            Ok(&data[..]),
            "{row:?}"
        );
        // What is written carries a checksum, so the way back is seen with it.
        let checked = base58ck::Base58CkString::encode_unbounded(&data).to_string();
        let whole = [&data[..], &sha256d(&data)[..4]].concat();
        assert_eq!(
            base58ck::decode(&checked),
            Ok(whole),
            "{}",
            hex::encode(&data)
        );
        assert_eq!(base58ck::decode_check(&checked).ok(), Some(data));
    }
    println!("base58_encode_decode.json: {} strings passed", rows.len());
    assert!(rows.len() == 14);
}
