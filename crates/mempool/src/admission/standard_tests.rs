//! Standardness of a transaction by itself, each rule at its limit and one past it.

use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, Txid, Witness};
use synod_script::ScriptBuilder;
use synod_script::template::{op_return, p2pkh, p2tr, p2wpkh, p2wsh, witness_script};

use super::*;

fn transaction(version: i32, script_sig: Vec<u8>, outputs: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::new(Txid::from_bytes([1; 32]), 0),
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    Transaction::new(version, vec![input], outputs, 0)
}

fn pays(script: Script, sat: i64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script,
    }
}

fn usual() -> TxOut {
    pays(p2pkh(&[7; 20]), 10_000)
}

fn code(transaction: &Transaction) -> &'static str {
    code_under(transaction, &Policy::default())
}

fn code_under(transaction: &Transaction, policy: &Policy) -> &'static str {
    check_standard(transaction, policy).map_or_else(|error| error.code(), |()| "")
}

#[test]
fn versions_1_to_3_are_standard() {
    for (version, expected) in [
        (0, "version"),
        (1, ""),
        (2, ""),
        (3, ""),
        (4, "version"),
        (-1, "version"),
    ] {
        assert_eq!(
            code(&transaction(version, Vec::new(), vec![usual()])),
            expected,
            "{version}"
        );
    }
}

#[test]
fn a_weight_of_400_000_is_standard_and_more_is_not() {
    let script_sig = |length: usize| transaction(2, vec![0; length], vec![usual()]);
    let limit = script_sig(100).weight().0;
    let policy = Policy {
        max_standard_weight: limit,
        ..Policy::default()
    };
    assert_eq!(code_under(&script_sig(100), &policy), "");
    assert_eq!(code_under(&script_sig(101), &policy), "tx-size");
    assert_eq!(Policy::default().max_standard_weight, 400_000);
}

#[test]
fn an_unlocking_script_of_1650_bytes_is_standard_and_of_1651_is_not() {
    let of = |length: usize| code(&transaction(2, vec![0; length], vec![usual()]));
    assert_eq!(of(1_650), "");
    assert_eq!(of(1_651), "scriptsig-size");
}

#[test]
fn an_unlocking_script_only_pushes() {
    let of = |script: &[u8]| code(&transaction(2, script.to_vec(), vec![usual()]));
    assert_eq!(of(&[0x51, 0x60, 0x50]), "");
    assert_eq!(of(&[0x61]), "scriptsig-not-pushonly");
    assert_eq!(of(&[5, 1]), "scriptsig-not-pushonly");
}

#[test]
fn only_known_templates_are_standard() {
    let of = |script: Script| code(&transaction(2, Vec::new(), vec![pays(script, 10_000)]));
    assert_eq!(of(p2wpkh(&[7; 20])), "");
    assert_eq!(of(p2wsh(&[7; 32])), "");
    assert_eq!(of(p2tr(&[7; 32])), "");
    // Programs of unknown versions may be paid, so that upgrades need no new senders.
    assert_eq!(of(witness_script(2, &[7; 40]).expect("a program")), "");
    assert_eq!(of(witness_script(1, &[0x4e, 0x73]).expect("an anchor")), "");
    assert_eq!(
        of(witness_script(0, &[7; 21]).expect("a program")),
        "scriptpubkey"
    );
    assert_eq!(of(Script::new(vec![0x51])), "scriptpubkey");
    assert_eq!(of(Script::default()), "scriptpubkey");
}

#[test]
fn bare_multisig_has_at_most_three_keys() {
    let multisig = |keys: usize| {
        let mut builder = ScriptBuilder::new().push_number(1);
        for _ in 0..keys {
            builder = builder.push(&[2; 33]);
        }
        let count = i64::try_from(keys).expect("few");
        let script = builder
            .push_number(count)
            .opcode(synod_script::Opcode::OP_CHECKMULTISIG);
        transaction(2, Vec::new(), vec![pays(script.into_script(), 10_000)])
    };
    assert_eq!(code(&multisig(3)), "");
    assert_eq!(code(&multisig(4)), "scriptpubkey");
    let policy = Policy {
        permit_bare_multisig: false,
        ..Policy::default()
    };
    assert_eq!(code_under(&multisig(3), &policy), "bare-multisig");
}

#[test]
fn one_output_of_83_bytes_carries_data() {
    let data = |length: usize| pays(op_return(&vec![7; length]), 0);
    let of = |outputs: Vec<TxOut>| code(&transaction(2, Vec::new(), outputs));
    assert_eq!(data(80).script_pubkey.len(), 83);
    assert_eq!(of(vec![data(80)]), "");
    assert_eq!(of(vec![data(81)]), "scriptpubkey");
    assert_eq!(of(vec![data(1), data(1)]), "multi-op-return");
    let policy = Policy {
        max_data_carrier_bytes: None,
        ..Policy::default()
    };
    let one = transaction(2, Vec::new(), vec![data(1)]);
    assert_eq!(code_under(&one, &policy), "scriptpubkey");
}

#[test]
fn dust_begins_below_the_known_amounts() {
    let of =
        |script: &Script, sat| code(&transaction(2, Vec::new(), vec![pays(script.clone(), sat)]));
    let anchor = witness_script(1, &[0x4e, 0x73]).expect("an anchor");
    for (script, least) in [
        (p2pkh(&[7; 20]), 546),
        (synod_script::template::p2sh(&[7; 20]), 540),
        (p2wpkh(&[7; 20]), 294),
        (p2wsh(&[7; 32]), 330),
        (p2tr(&[7; 32]), 330),
        (anchor, 240),
    ] {
        assert_eq!(of(&script, least), "", "{least}");
        assert_eq!(of(&script, least - 1), "dust", "{least}");
    }
}
