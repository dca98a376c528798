//! Addresses, assembly, and what scripts are at first sight.

use std::str::FromStr;

use bitcoin::address::NetworkUnchecked;
use bitcoin::hashes::Hash;
use synod_referees::random::Random;
use synod_referees::{core, rounds};
use synod_script::{
    Address, Asm, Network, count_sigops, esplora_type, hash160, is_p2sh, is_push_only,
    is_unspendable, template, witness_program,
};

const NETWORKS: [(Network, bitcoin::Network); 3] = [
    (Network::Main, bitcoin::Network::Bitcoin),
    (Network::Test, bitcoin::Network::Testnet),
    (Network::Regtest, bitcoin::Network::Regtest),
];

/// A script of some template, or nearly so, or none.
fn script(random: &mut Random) -> Vec<u8> {
    let short: [u8; 20] = random.array()[..20].try_into().expect("20 bytes");
    let long = random.array();
    let key_length = random.pick(&[33, 33, 65, 65, 32, 34]);
    let mut key = random.bytes(key_length);
    key[0] = random.pick(&[2, 3, 4, 6, 7, 5, 0]);
    let length = random.below(43);
    let noise = random.bytes(length);
    let version = random.byte() % 17;
    let mut script = match random.below(10) {
        0 => template::p2pkh(&short).as_bytes().to_vec(),
        1 => template::p2sh(&short).as_bytes().to_vec(),
        2 => template::p2wpkh(&short).as_bytes().to_vec(),
        3 => template::p2wsh(&long).as_bytes().to_vec(),
        4 => template::p2tr(&long).as_bytes().to_vec(),
        5 => template::p2pk(&key).as_bytes().to_vec(),
        6 => template::op_return(&noise).as_bytes().to_vec(),
        7 => template::witness_script(version, &noise)
            .map_or(noise, |script| script.as_bytes().to_vec()),
        _ => noise,
    };
    if random.once_in(4) && !script.is_empty() {
        let at = random.below(script.len());
        script[at] = random.byte();
    }
    script
}

#[test]
fn scripts_are_at_first_sight_what_they_are_for_core() {
    let mut random = Random::new(30);
    let count = rounds(200_000);
    let mut programs = 0;
    for _ in 0..count {
        let script = script(&mut random);
        let form = core::Form {
            is_push_only: is_push_only(&script),
            is_unspendable: is_unspendable(&script),
            is_p2sh: is_p2sh(&script),
            witness_version: witness_program(&script).map(|program| program.version),
        };
        assert_eq!(form, core::form(&script), "{script:02x?}");
        for accurate in [false, true] {
            let ours = count_sigops(&script, accurate);
            assert_eq!(ours, core::sigops(&script, accurate), "{script:02x?}");
        }
        programs += usize::from(form.witness_version.is_some());
    }
    println!("scripts at first sight: {count} the same, {programs} of them witness programs");
}

#[test]
fn assembly_and_types_are_those_of_rust_bitcoin() {
    let mut random = Random::new(31);
    let count = rounds(200_000);
    for _ in 0..count {
        let bytes = script(&mut random);
        let theirs = bitcoin::Script::from_bytes(&bytes);
        assert_eq!(Asm(&bytes).to_string(), theirs.to_asm_string());
        // As Esplora asks rust-bitcoin.
        let kind = match theirs {
            script if script.is_empty() => "empty",
            script if script.is_op_return() => "op_return",
            script if script.is_p2pk() => "p2pk",
            script if script.is_p2pkh() => "p2pkh",
            script if script.is_p2sh() => "p2sh",
            script if script.is_p2wpkh() => "v0_p2wpkh",
            script if script.is_p2wsh() => "v0_p2wsh",
            script if script.is_p2tr() => "v1_p2tr",
            _ => "unknown",
        };
        assert_eq!(esplora_type(&bytes), kind, "{bytes:02x?}");
        let hash = bitcoin::hashes::hash160::Hash::hash(&bytes);
        assert_eq!(hash160(&bytes), hash.to_byte_array());
    }
    println!("assembly, types and hashes: {count} the same");
}

#[test]
fn scripts_have_the_address_that_rust_bitcoin_gives_them() {
    let mut random = Random::new(32);
    let (mut with, mut without) = (0, 0);
    for _ in 0..rounds(50_000) {
        let bytes = script(&mut random);
        let (network, their_network) = random.pick(&NETWORKS);
        let ours = Address::from_script(&bytes).map(|address| address.format(network));
        let theirs =
            bitcoin::Address::from_script(bitcoin::Script::from_bytes(&bytes), their_network);
        assert_eq!(
            ours,
            theirs.ok().map(|address| address.to_string()),
            "{bytes:02x?}"
        );
        match ours {
            Some(_) => with += 1,
            None => without += 1,
        }
    }
    println!("scripts to addresses: {with} the same, {without} have none on both sides");
    assert!(with > 1000 && without > 1000);
}

#[test]
fn text_is_an_address_where_it_is_for_rust_bitcoin() {
    let mut random = Random::new(33);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..rounds(50_000) {
        let bytes = script(&mut random);
        let (made_for, _) = random.pick(&NETWORKS);
        let Some(address) = Address::from_script(&bytes) else {
            continue;
        };
        let text = damage(&mut random, &address.format(made_for));
        for (network, their_network) in NETWORKS {
            let ours = Address::parse(&text, network).ok();
            let theirs = bitcoin::Address::<NetworkUnchecked>::from_str(&text).ok();
            let theirs = theirs.and_then(|address| address.require_network(their_network).ok());
            let ours = ours.map(|address| address.script_pubkey().as_bytes().to_vec());
            let theirs = theirs.map(|address| address.script_pubkey().to_bytes());
            assert_eq!(ours, theirs, "{text} for {network}");
            match ours {
                Some(_) => read += 1,
                None => refused += 1,
            }
        }
    }
    println!("text to addresses: {read} read, {refused} refused, the same on both sides");
    assert!(read > 1000 && refused > 1000);
}

fn damage(random: &mut Random, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let letters = b"1023456789acdefghjklmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZbio";
    let at = random.below(bytes.len());
    match random.below(7) {
        0 => bytes[at] = random.pick(letters),
        1 => bytes.insert(at, random.pick(letters)),
        2 => drop(bytes.remove(at)),
        3 => bytes[at] = bytes[at].to_ascii_uppercase(),
        4 => bytes.make_ascii_uppercase(),
        _ => {}
    }
    String::from_utf8(bytes).expect("ASCII")
}
