use super::*;
use crate::builder::ScriptBuilder;
use crate::template;
use synod_primitives::{Amount, OutPoint, Script, TxIn, TxOut, Txid, sha256};

const CHECKS: [u8; 3] = [0xac, 0xad, 0xae];

fn spend(script_sig: Script, witness: Witness, outputs: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::new(Txid::from_bytes([1; 32]), 0),
        script_sig,
        sequence: 0,
        witness,
    };
    Transaction::new(2, vec![input], outputs, 0)
}

fn output(script_pubkey: Script) -> TxOut {
    TxOut {
        value: Amount::from_sat(1),
        script_pubkey,
    }
}

fn push(data: &[u8]) -> Script {
    ScriptBuilder::new().push(data).into_script()
}

#[test]
fn multisig_counts_its_keys_only_where_accurate() {
    assert_eq!(count_sigops(&[0x53, 0xae], true), 3);
    assert_eq!(count_sigops(&[0x53, 0xae], false), 20);
    assert_eq!(count_sigops(&[0x60, 0xaf], true), 16);
    assert_eq!(count_sigops(&[0x00, 0xae], true), 20);
    assert_eq!(count_sigops(&[1, 3, 0xae], true), 20);
    assert_eq!(count_sigops(&CHECKS, true), 22);
    assert_eq!(count_sigops(&[0xba], true), 0);
}

#[test]
fn counting_ends_at_a_truncated_push() {
    assert_eq!(count_sigops(&[0xac, 2, 0xac], true), 1);
    assert_eq!(
        count_sigops(&[2, 0xac, 0xac], true),
        0,
        "data are no opcodes"
    );
}

#[test]
fn redeem_scripts_count_when_the_input_only_pushes() {
    let script_pubkey = template::p2sh(&[1; 20]);
    let redeem = push(&CHECKS);
    let count = |script_sig: &[u8]| p2sh_sigops(script_sig, script_pubkey.as_bytes());
    assert_eq!(count(redeem.as_bytes()), 22);
    assert_eq!(count(&[0x61, 3, 0xac, 0xad, 0xae]), 0);
    assert_eq!(count(&[]), 0);
    assert_eq!(p2sh_sigops(redeem.as_bytes(), &[0x51]), 0);
}

#[test]
fn witness_programs_count_bare_and_under_p2sh() {
    let flags = Flags::P2SH | Flags::WITNESS;
    let witness = Witness::from_items(&[&CHECKS[..]]);
    let count = |script_sig: &[u8], script_pubkey: &Script, flags| {
        witness_sigops(script_sig, script_pubkey.as_bytes(), &witness, flags)
    };
    let p2wsh = template::p2wsh(&sha256(&CHECKS));
    let p2wpkh = template::p2wpkh(&[1; 20]);
    assert_eq!(count(&[], &p2wsh, flags), 22);
    assert_eq!(count(&[], &p2wsh, Flags::P2SH), 0);
    assert_eq!(count(&[], &p2wpkh, flags), 1);
    assert_eq!(count(&[], &template::p2tr(&[1; 32]), flags), 0);
    let nested = push(p2wsh.as_bytes());
    assert_eq!(
        count(nested.as_bytes(), &template::p2sh(&[1; 20]), flags),
        22
    );
}

#[test]
fn a_transaction_pays_four_for_each_operation_outside_witnesses() {
    let flags = Flags::P2SH | Flags::WITNESS;
    let nested = push(template::p2wpkh(&[1; 20]).as_bytes());
    let outputs = vec![output(Script::new(CHECKS.to_vec()))];
    let tx = spend(nested, Witness::EMPTY, outputs);
    let spent = vec![output(template::p2sh(&[1; 20]))];
    assert_eq!(transaction_sigop_cost(&tx, &spent, flags), 22 * 4 + 1);
    assert_eq!(transaction_sigop_cost(&tx, &spent, Flags::NONE), 22 * 4);
}

#[test]
fn a_coinbase_counts_its_scripts_alone() {
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(vec![0xac]),
        sequence: 0,
        witness: Witness::EMPTY,
    };
    let tx = Transaction::new(2, vec![input], vec![output(template::p2pkh(&[1; 20]))], 0);
    let none: Vec<TxOut> = Vec::new();
    assert_eq!(transaction_sigop_cost(&tx, &none, Flags::STANDARD), 8);
}
