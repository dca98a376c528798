//! Transactions as bytes, and signature hashes.

use bitcoin::consensus::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::sighash::{Annex, EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::taproot::TapLeafHash;
use bytes::Bytes;
use synod_primitives::Transaction;
use synod_referees::judge::Case;
use synod_referees::random::Random;
use synod_referees::signer::Signer;
use synod_referees::{core, rounds, spend};
use synod_script::sighash::annex_hash;
use synod_script::{
    LeafPosition, SpendContext, TaprootSpend, legacy_sighash, segwit_v0_sighash, taproot_sighash,
};

fn damage(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] = random.byte(),
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.byte()),
        4 => drop(bytes.remove(at)),
        _ => {
            // Where counts, markers and flags are.
            let at = random.below(bytes.len().min(8));
            bytes[at] = random.pick(&[0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff]);
        }
    }
    bytes
}

fn theirs(case: &Case) -> (bitcoin::Transaction, Vec<bitcoin::TxOut>) {
    let tx = deserialize(case.tx.raw()).expect("a transaction");
    let spent = case.spent.iter().map(|output| {
        let mut bytes = Vec::new();
        output.encode_into(&mut bytes);
        deserialize(&bytes).expect("an output")
    });
    (tx, spent.collect())
}

#[test]
fn bytes_are_a_transaction_where_they_are_for_core() {
    let signer = Signer::default();
    let mut random = Random::new(20);
    let (mut read, mut refused, mut also) = (0, 0, 0);
    for _ in 0..rounds(2_000) {
        let case = spend::make(&mut random, &signer);
        for round in 0..12 {
            let bytes = match round {
                0 => case.tx.raw().to_vec(),
                _ => damage(&mut random, case.tx.raw()),
            };
            let ours = Transaction::decode(&Bytes::from(bytes.clone())).ok();
            let ids = ours
                .as_ref()
                .map(|tx| (tx.txid().to_bytes(), tx.wtxid().to_bytes()));
            assert_eq!(
                ids,
                core::decode(&bytes),
                "{}",
                synod_primitives::hex::encode(&bytes)
            );
            let Some(ours) = ours else {
                refused += 1;
                continue;
            };
            read += 1;
            if let Ok(theirs) = deserialize::<bitcoin::Transaction>(&bytes) {
                assert_eq!(
                    theirs.compute_txid().to_byte_array(),
                    ours.txid().to_bytes()
                );
                assert_eq!(
                    theirs.compute_wtxid().to_byte_array(),
                    ours.wtxid().to_bytes()
                );
                assert_eq!(theirs.weight().to_wu(), ours.weight().0);
                assert_eq!(theirs.total_size(), ours.size());
                also += 1;
            }
        }
    }
    println!(
        "transactions: {read} read, {refused} refused as by Core, {also} also as by rust-bitcoin"
    );
    assert!(read > 1000 && refused > 1000 && also > 1000);
}

#[test]
fn signature_hashes_are_those_of_rust_bitcoin() {
    let signer = Signer::default();
    let mut random = Random::new(21);
    let (mut legacy, mut v0, mut taproot) = (0, 0, 0);
    for _ in 0..rounds(3_000) {
        let case = spend::make(&mut random, &signer);
        let context = SpendContext::new(&case.tx, case.spent.clone());
        let (tx, spent) = theirs(&case);
        let mut cache = SighashCache::new(&tx);
        let index = random.below(spent.len());
        // rust-bitcoin leaves CODESEPARATOR to its caller, so there is none.
        let length = random.below(300);
        let mut code = random.bytes(length);
        code.retain(|byte| *byte > 0x4e && *byte != 0xab);
        let script = bitcoin::Script::from_bytes(&code);

        for hash_type in [1, 2, 3, 0x81, 0x82, 0x83, random.bits() as u32] {
            let ours = legacy_sighash(&context, index, &code, hash_type);
            let theirs = cache.legacy_signature_hash(index, script, hash_type);
            assert_eq!(ours, theirs.expect("in range").to_byte_array());
            legacy += 1;
        }
        for kind in ECDSA {
            let hash_type = kind.to_u32();
            let ours = segwit_v0_sighash(&context, index, &code, hash_type);
            let value = spent[index].value;
            let theirs = cache.p2wsh_signature_hash(index, script, value, kind);
            assert_eq!(ours, theirs.expect("in range").to_byte_array());
            v0 += 1;
        }
        for kind in TAPROOT {
            let annex = random.once_in(3).then(|| {
                let length = random.below(400);
                [&[0x50][..], &random.bytes(length)].concat()
            });
            let leaf = random.once_in(2).then(|| LeafPosition {
                leaf_hash: random.array(),
                code_separator: random.bits() as u32,
            });
            let theirs = cache.taproot_signature_hash(
                index,
                &Prevouts::All(&spent),
                annex
                    .as_deref()
                    .map(|annex| Annex::new(annex).expect("an annex")),
                leaf.map(|leaf| {
                    (
                        TapLeafHash::from_byte_array(leaf.leaf_hash),
                        leaf.code_separator,
                    )
                }),
                kind,
            );
            let spend = TaprootSpend {
                annex_hash: annex.as_deref().map(annex_hash),
                leaf,
            };
            let ours = taproot_sighash(&context, index, kind as u8, &spend);
            assert_eq!(ours, theirs.ok().map(|hash| hash.to_byte_array()));
            taproot += 1;
        }
    }
    println!("signature hashes: {legacy} legacy, {v0} version 0, {taproot} taproot the same");
}

const ECDSA: [EcdsaSighashType; 6] = [
    EcdsaSighashType::All,
    EcdsaSighashType::None,
    EcdsaSighashType::Single,
    EcdsaSighashType::AllPlusAnyoneCanPay,
    EcdsaSighashType::NonePlusAnyoneCanPay,
    EcdsaSighashType::SinglePlusAnyoneCanPay,
];

const TAPROOT: [TapSighashType; 7] = [
    TapSighashType::Default,
    TapSighashType::All,
    TapSighashType::None,
    TapSighashType::Single,
    TapSighashType::AllPlusAnyoneCanPay,
    TapSighashType::NonePlusAnyoneCanPay,
    TapSighashType::SinglePlusAnyoneCanPay,
];
