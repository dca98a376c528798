//! Rules of one transaction.

use synod_ledger::{TransactionError, check_transaction};
use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness};

use crate::builders::{Payment, TestChain, free, sat};

fn input(seed: u8, vout: u32) -> TxIn {
    TxIn {
        prevout: OutPoint::new(Txid::from_bytes([seed; 32]), vout),
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    }
}

fn output(value: i64) -> TxOut {
    TxOut {
        value: sat(value),
        script_pubkey: free(),
    }
}

fn code(inputs: Vec<TxIn>, outputs: Vec<TxOut>) -> Option<&'static str> {
    let transaction = Transaction::new(2, inputs, outputs, 0);
    check_transaction(&transaction)
        .err()
        .map(|error| error.code())
}

const MAX: i64 = Amount::MAX_MONEY.sat();

#[test]
fn a_transaction_has_an_input_and_an_output() {
    assert_eq!(code(vec![], vec![output(1)]), Some("bad-txns-vin-empty"));
    assert_eq!(code(vec![input(1, 0)], vec![]), Some("bad-txns-vout-empty"));
    assert_eq!(code(vec![input(1, 0)], vec![output(1)]), None);
}

#[test]
fn c01_cve_2010_5139_outputs_that_overflow_are_refused() {
    let half = 9_223_372_036_854_277_039;
    let spend = || vec![input(1, 0)];
    let code_of = |values: &[i64]| code(spend(), values.iter().map(|v| output(*v)).collect());
    assert_eq!(code_of(&[half, half]), Some("bad-txns-vout-toolarge"));
    assert_eq!(code_of(&[MAX, 1]), Some("bad-txns-txouttotal-toolarge"));
    assert_eq!(code_of(&[MAX, MAX]), Some("bad-txns-txouttotal-toolarge"));
    assert_eq!(code_of(&[MAX - 1, 1]), None);
}

#[test]
fn c02_an_output_is_in_the_money_range() {
    let code_of = |value| code(vec![input(1, 0)], vec![output(value)]);
    assert_eq!(code_of(-1), Some("bad-txns-vout-negative"));
    assert_eq!(code_of(i64::MIN), Some("bad-txns-vout-negative"));
    assert_eq!(code_of(MAX + 1), Some("bad-txns-vout-toolarge"));
    assert_eq!(code_of(MAX), None);
    assert_eq!(code_of(0), None);
}

#[test]
fn cve_2018_17144_duplicate_inputs_are_refused() {
    let twice = Some("bad-txns-inputs-duplicate");
    assert_eq!(code(vec![input(1, 0), input(1, 0)], vec![output(1)]), twice);
    assert_eq!(code(vec![input(1, 0), input(1, 1)], vec![output(1)]), None);
    for count in [3, 8, 9, 10, 200] {
        let mut inputs: Vec<TxIn> = (0..count).rev().map(|vout| input(1, vout)).collect();
        assert_eq!(code(inputs.clone(), vec![output(1)]), None, "{count}");
        inputs[0] = inputs[count as usize - 1].clone();
        assert_eq!(code(inputs, vec![output(1)]), twice, "{count}");
    }
}

#[test]
fn cve_2018_17144_duplicate_inputs_are_refused_in_a_block() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let inflating = Payment::new()
        .spend(&coins[0])
        .spend(&coins[0])
        .pay(2 * coins[0].value(), free())
        .build();
    let block = chain.next().with(inflating).build();
    let before = chain.coins();
    assert_eq!(chain.code(&block), Some("bad-txns-inputs-duplicate"));
    assert_eq!(chain.coins(), before);
}

#[test]
fn a_transaction_without_its_witness_fits_a_block() {
    let padded = |padding: usize| {
        let script_pubkey = Script::new(vec![0x51; padding]);
        let outputs = vec![TxOut {
            value: sat(1),
            script_pubkey,
        }];
        Transaction::new(2, vec![input(1, 0)], outputs, 0)
    };
    let overhead = padded(100_000).size() - 100_000;
    let largest = padded(1_000_000 - overhead);
    assert_eq!(largest.stripped_size(), 1_000_000);
    assert_eq!(check_transaction(&largest), Ok(()));
    let larger = padded(1_000_000 - overhead + 1);
    let error = check_transaction(&larger).expect_err("one byte too large");
    assert_eq!(error, TransactionError::Oversize);
    assert_eq!(error.code(), "bad-txns-oversize");
}

#[test]
fn a_witness_does_not_count_towards_the_size() {
    let mut heavy = input(1, 0);
    heavy.witness = Witness::from_items(&[vec![0; 2_000_000]]);
    assert_eq!(code(vec![heavy], vec![output(1)]), None);
}

#[test]
fn a_coinbase_script_has_2_to_100_bytes() {
    let coinbase = |length| TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(vec![0; length]),
        ..input(0, 0)
    };
    let code_of = |length| code(vec![coinbase(length)], vec![output(1)]);
    assert_eq!(code_of(1), Some("bad-cb-length"));
    assert_eq!(code_of(2), None);
    assert_eq!(code_of(100), None);
    assert_eq!(code_of(101), Some("bad-cb-length"));
}

#[test]
fn only_a_coinbase_names_no_output() {
    let null = TxIn {
        prevout: OutPoint::NULL,
        ..input(0, 0)
    };
    let inputs = vec![input(1, 0), null.clone()];
    assert_eq!(code(inputs, vec![output(1)]), Some("bad-txns-prevout-null"));
    let nearly = TxIn {
        prevout: OutPoint::new(Txid::ZERO, u32::MAX - 1),
        ..null
    };
    assert_eq!(code(vec![input(1, 0), nearly], vec![output(1)]), None);
}
