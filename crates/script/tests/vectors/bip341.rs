//! `bip341_wallet_vectors.json`: trees, output keys, signature hashes and spends by key.

use serde_json::Value;
use synod_primitives::{Amount, Script, TxOut};
use synod_script::{
    Address, Flags, Immediate, Network, SpendContext, TaprootSpend, tap_branch_hash, tap_leaf_hash,
    tap_tweak_hash, taproot_sighash, template, verify_input,
};

use crate::files::{self, array, bytes, text};

/// Hashes a tree and collects its leaves' hashes in order.
fn hash_tree(tree: &Value, leaves: &mut Vec<[u8; 32]>) -> [u8; 32] {
    if let Value::Array(branches) = tree {
        let first = hash_tree(&branches[0], leaves);
        let second = hash_tree(&branches[1], leaves);
        return tap_branch_hash(&first, &second);
    }
    let version = tree["leafVersion"].as_u64().expect("a version");
    let version = u8::try_from(version).expect("a byte");
    let hash = tap_leaf_hash(version, &bytes(&tree["script"]));
    leaves.push(hash);
    hash
}

fn check_control_block(block: &[u8], leaf: [u8; 32], output_key: &[u8; 32]) {
    let (internal_key, path) = block[1..].split_first_chunk::<32>().expect("a key");
    let (path, torn) = path.as_chunks::<32>();
    assert!(torn.is_empty());
    let root = path
        .iter()
        .fold(leaf, |hash, node| tap_branch_hash(&hash, node));
    let tweak = tap_tweak_hash(internal_key, Some(&root));
    let is_odd = block[0] & 1 == 1;
    assert!(synod_sigcheck::is_tweaked_key(
        output_key,
        is_odd,
        internal_key,
        &tweak
    ));
}

fn check_script_pubkey(vector: &Value) -> usize {
    let internal_key: [u8; 32] = array(&vector["given"]["internalPubkey"]);
    let between = &vector["intermediary"];
    let tree = &vector["given"]["scriptTree"];
    let mut leaves = Vec::new();
    let root = (!tree.is_null()).then(|| hash_tree(tree, &mut leaves));
    assert_eq!(
        root,
        (!tree.is_null()).then(|| array(&between["merkleRoot"]))
    );
    let tweak = tap_tweak_hash(&internal_key, root.as_ref());
    assert_eq!(tweak, array::<32>(&between["tweak"]));
    let output_key: [u8; 32] = array(&between["tweakedPubkey"]);
    let is_tweaked =
        |is_odd| synod_sigcheck::is_tweaked_key(&output_key, is_odd, &internal_key, &tweak);
    assert!(is_tweaked(false) != is_tweaked(true));
    let script = template::p2tr(&output_key);
    assert_eq!(
        script.as_bytes(),
        bytes(&vector["expected"]["scriptPubKey"])
    );
    let address = Address::from_script(script.as_bytes()).expect("has an address");
    let address = address.format(Network::Main);
    assert_eq!(address, text(&vector["expected"]["bip350Address"]));
    for (index, leaf) in leaves.iter().enumerate() {
        assert_eq!(*leaf, array::<32>(&between["leafHashes"][index]));
        let block = bytes(&vector["expected"]["scriptPathControlBlocks"][index]);
        check_control_block(&block, *leaf, &output_key);
    }
    leaves.len()
}

#[test]
fn output_keys_and_control_blocks_are_those_of_bip341() {
    let Some(vectors) = files::read("bip341_wallet_vectors.json") else {
        return;
    };
    let vectors = vectors["scriptPubKey"].as_array().expect("a list");
    let leaves: usize = vectors.iter().map(check_script_pubkey).sum();
    println!("bip341: {} outputs, {leaves} leaves passed", vectors.len());
    assert!(vectors.len() == 7);
}

#[test]
fn spends_by_key_hash_and_verify_as_in_bip341() {
    let Some(vectors) = files::read("bip341_wallet_vectors.json") else {
        return;
    };
    let (mut hashes, mut spends) = (0, 0);
    for vector in vectors["keyPathSpending"].as_array().expect("a list") {
        let spent: Vec<TxOut> = vector["given"]["utxosSpent"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|output| TxOut {
                value: Amount::from_sat(output["amountSats"].as_i64().expect("satoshis")),
                script_pubkey: Script::new(bytes(&output["scriptPubKey"])),
            })
            .collect();
        let unsigned = files::transaction(&vector["given"]["rawUnsignedTx"]);
        let context = SpendContext::new(&unsigned, spent.clone());
        for input in vector["inputSpending"].as_array().expect("a list") {
            let index = input["given"]["txinIndex"].as_u64().expect("an index");
            let index = usize::try_from(index).expect("an index");
            let hash_type = input["given"]["hashType"].as_u64().expect("a byte");
            let hash_type = u8::try_from(hash_type).expect("a byte");
            let hash = taproot_sighash(&context, index, hash_type, &TaprootSpend::default());
            assert_eq!(hash, Some(array(&input["intermediary"]["sigHash"])));
            hashes += 1;
        }
        let signed = files::transaction(&vector["auxiliary"]["fullySignedTx"]);
        let context = SpendContext::new(&signed, spent);
        for index in 0..signed.inputs().len() {
            let verdict = verify_input(&context, index, Flags::STANDARD, &mut Immediate);
            assert_eq!(verdict, Ok(()), "input {index}");
            spends += 1;
        }
    }
    println!("bip341: {hashes} signature hashes, {spends} spends passed");
    assert!(hashes == 7 && spends == 9);
}
