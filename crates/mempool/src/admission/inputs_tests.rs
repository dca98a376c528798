//! Standardness of what inputs bring, each rule at its limit and one past it.

use synod_primitives::{Amount, OutPoint, Script, Txid};
use synod_script::ScriptBuilder;
use synod_script::template::{p2sh, p2tr, p2wpkh, p2wsh, witness_script};

use super::*;

fn spends(script_pubkey: &Script, script_sig: Vec<u8>, items: &[Vec<u8>]) -> (Transaction, TxOut) {
    let input = TxIn {
        prevout: OutPoint::new(Txid::from_bytes([1; 32]), 0),
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::from_items(items),
    };
    let spent = TxOut {
        value: Amount::COIN,
        script_pubkey: script_pubkey.clone(),
    };
    (
        Transaction::new(2, vec![input], vec![spent.clone()], 0),
        spent,
    )
}

fn is_input_standard(script_pubkey: &Script, script_sig: Vec<u8>) -> bool {
    let (transaction, spent) = spends(script_pubkey, script_sig, &[]);
    check_inputs_standard(&transaction, &[spent], false).is_ok()
}

fn is_witness_standard(script_pubkey: &Script, items: &[Vec<u8>]) -> bool {
    let (transaction, spent) = spends(script_pubkey, Vec::new(), items);
    check_witnesses_standard(&transaction, &[spent]).is_ok()
}

fn push(script: &[u8]) -> Vec<u8> {
    ScriptBuilder::new().push(script).into_bytes()
}

#[test]
fn unknown_locking_scripts_are_not_spent() {
    assert!(is_input_standard(&p2wpkh(&[7; 20]), Vec::new()));
    assert!(is_input_standard(
        &witness_script(1, &[0x4e, 0x73]).expect("anchor"),
        Vec::new()
    ));
    assert!(!is_input_standard(
        &witness_script(2, &[7; 32]).expect("a program"),
        Vec::new()
    ));
    assert!(!is_input_standard(&Script::new(vec![0x51]), Vec::new()));
}

#[test]
fn a_redeem_script_has_at_most_15_signature_operations() {
    let p2sh = p2sh(&[7; 20]);
    assert!(is_input_standard(&p2sh, push(&[0xac; 15])));
    assert!(!is_input_standard(&p2sh, push(&[0xac; 16])));
    // Fifteen keys count as fifteen, an unknown number as twenty.
    assert!(is_input_standard(&p2sh, push(&[0x5f, 0xae])));
    assert!(!is_input_standard(&p2sh, push(&[0x60, 0xae])));
    assert!(!is_input_standard(&p2sh, push(&[0xae])));
}

#[test]
fn an_unlocking_script_that_cannot_be_executed_is_refused() {
    let p2sh = p2sh(&[7; 20]);
    assert!(!is_input_standard(&p2sh, Vec::new()), "nothing is pushed");
    assert!(
        !is_input_standard(&p2sh, vec![0x50]),
        "reserved, though it counts as a push"
    );
    assert!(!is_input_standard(&p2sh, vec![5, 1]), "truncated");
    assert!(is_input_standard(&p2sh, push(&[0x51; 520])));
    assert!(!is_input_standard(&p2sh, push(&[0x51; 521])));
    assert!(is_input_standard(&p2sh, vec![0; 1_000]));
    assert!(
        !is_input_standard(&p2sh, vec![0; 1_001]),
        "more items than the stack holds"
    );
}

#[test]
fn a_pushed_number_is_a_redeem_script_too() {
    let (transaction, _) = spends(&p2sh(&[7; 20]), vec![0x4f], &[]);
    let script = pushed_redeem_script(&transaction.inputs()[0]);
    assert_eq!(script.as_deref(), Some(&[0x81][..]));
    let (transaction, _) = spends(&p2sh(&[7; 20]), vec![0x60], &[]);
    let script = pushed_redeem_script(&transaction.inputs()[0]);
    assert_eq!(script.as_deref(), Some(&[16][..]));
}

#[test]
fn a_witness_where_none_belongs_is_refused() {
    let items = [vec![1]];
    assert!(!is_witness_standard(
        &synod_script::template::p2pkh(&[7; 20]),
        &items
    ));
    assert!(!is_witness_standard(&p2sh(&[7; 20]), &items));
    let anchor = witness_script(1, &[0x4e, 0x73]).expect("an anchor");
    assert!(!is_witness_standard(&anchor, &items));
    assert!(is_witness_standard(&p2wpkh(&[7; 20]), &items));
    let (transaction, spent) = spends(&p2sh(&[7; 20]), push(&[0x51]), &items);
    assert!(check_witnesses_standard(&transaction, &[spent]).is_err());
}

#[test]
fn a_witness_script_is_limited_bare_and_wrapped() {
    let bare = p2wsh(&[7; 32]);
    let wrapped = |items: &[Vec<u8>]| {
        let (transaction, spent) = spends(&p2sh(&[7; 20]), push(bare.as_bytes()), items);
        check_witnesses_standard(&transaction, &[spent]).is_ok()
    };
    let cases = [
        (vec![vec![0x51; 3_600]], true),
        (vec![vec![0x51; 3_601]], false),
        ([vec![vec![1]; 100], vec![vec![0x51]]].concat(), true),
        ([vec![vec![1]; 101], vec![vec![0x51]]].concat(), false),
        (vec![vec![1; 80], vec![0x51]], true),
        (vec![vec![1; 81], vec![0x51]], false),
    ];
    for (items, expected) in cases {
        assert_eq!(is_witness_standard(&bare, &items), expected);
        assert_eq!(wrapped(&items), expected);
    }
}

#[test]
fn a_tapscript_spend_has_items_of_80_bytes_and_no_annex() {
    let output = p2tr(&[7; 32]);
    let control = |version: u8| [vec![version], vec![7; 32]].concat();
    let script = vec![0x51];
    let of = |items: &[Vec<u8>]| is_witness_standard(&output, items);
    assert!(of(&[vec![1; 64]]), "the key path");
    assert!(of(&[vec![1; 80], script.clone(), control(0xc1)]));
    assert!(!of(&[vec![1; 81], script.clone(), control(0xc1)]));
    assert!(
        of(&[vec![1; 81], script.clone(), control(0xc2)]),
        "another leaf version"
    );
    assert!(!of(&[vec![1; 64], vec![0x50, 1]]), "an annex");
    assert!(!of(&[script, Vec::new()]), "an empty control block");
}
