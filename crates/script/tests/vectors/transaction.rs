//! `tx_valid.json` and `tx_invalid.json`: transactions with flags, as Core's own tests read them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use synod_primitives::{Amount, OutPoint, Script, Transaction, TxOut, Weight};
use synod_script::{Deferred, Flags, Immediate, SpendContext, verify_input};

use crate::assembly::{fill_flags, parse_flags, parse_script, trim_flags};
use crate::files::{self, Sequence, text};

/// How many random sets of flags are tried for each flag.
const RANDOM_SETS: usize = 4;

struct Row {
    tx: Transaction,
    spent: Vec<TxOut>,
    flags: String,
}

impl Row {
    fn parse(row: &[Value]) -> Option<Self> {
        let [prevouts, tx, flags] = row else {
            assert!(row.len() == 1, "a comment");
            return None;
        };
        let tx = files::transaction(tx);
        let outputs: BTreeMap<OutPoint, TxOut> = prevouts
            .as_array()
            .expect("a list")
            .iter()
            .map(parse_prevout)
            .collect();
        let spent = tx.inputs().iter().map(|input| {
            // A transaction that is malformed may spend what the row does not give.
            outputs.get(&input.prevout).cloned().unwrap_or(TxOut {
                value: Amount::ZERO,
                script_pubkey: Script::default(),
            })
        });
        Some(Self {
            spent: spent.collect(),
            tx,
            flags: text(flags).to_owned(),
        })
    }

    /// Judges all inputs, at once and deferred.
    fn is_valid(&self, context: &SpendContext<'_>, flags: Flags) -> bool {
        let inputs = 0..self.tx.inputs().len();
        let verdict = inputs
            .clone()
            .all(|input| verify_input(context, input, flags, &mut Immediate).is_ok());
        let mut deferred = Deferred::default();
        let passed = inputs
            .into_iter()
            .all(|input| verify_input(context, input, flags, &mut deferred).is_ok());
        let later = passed && deferred.queue.iter().all(synod_sigcheck::verify);
        assert_eq!(later, verdict, "deferring changes nothing");
        verdict
    }
}

fn parse_prevout(value: &Value) -> (OutPoint, TxOut) {
    let fields = value.as_array().expect("a list");
    let vout = fields[1].as_i64().expect("an index");
    let vout = u32::try_from(vout & 0xffff_ffff).expect("32 bits");
    let outpoint = OutPoint::new(text(&fields[0]).parse().expect("a txid"), vout);
    let amount = fields
        .get(3)
        .map_or(0, |amount| amount.as_i64().expect("satoshis"));
    let output = TxOut {
        value: Amount::from_sat(amount),
        script_pubkey: parse_script(text(&fields[2])),
    };
    (outpoint, output)
}

/// The rules on a transaction's form, without its context (Core: `CheckTransaction`).
fn is_well_formed(tx: &Transaction) -> bool {
    let values = || tx.outputs().iter().map(|output| output.value);
    let sum: Option<Amount> = values().sum();
    let prevouts: BTreeSet<_> = tx.inputs().iter().map(|input| input.prevout).collect();
    let is_null = |prevout: &OutPoint| prevout.is_null();
    !tx.inputs().is_empty()
        && !tx.outputs().is_empty()
        && Weight::from_sizes(tx.stripped_size(), tx.stripped_size())
            <= Weight::from_sizes(1_000_000, 1_000_000)
        && values().all(Amount::is_in_range)
        && sum.is_some_and(Amount::is_in_range)
        && prevouts.len() == tx.inputs().len()
        && if tx.is_coinbase() {
            (2..=100).contains(&tx.inputs()[0].script_sig.len())
        } else {
            !prevouts.iter().any(is_null)
        }
}

/// All sets that lack one of the flags, and those that lean on it.
fn without_one(flags: Flags) -> Vec<Flags> {
    let less = Flags::NAMED
        .iter()
        .map(|(_, flag)| trim_flags(flags.difference(*flag)));
    less.filter(|less| *less != flags).collect()
}

#[test]
fn valid_transactions_are_valid_without_exactly_the_named_flags() {
    let Some(rows) = files::rows("tx_valid.json") else {
        return;
    };
    let mut sequence = Sequence(2);
    let (mut count, mut again) = (0, 0);
    for row in rows.iter().filter_map(|row| Row::parse(row)) {
        let context = SpendContext::new(&row.tx, row.spent.clone());
        let excluded = parse_flags(&row.flags);
        let flags = Flags::ALL.difference(excluded);
        let txid = row.tx.txid();
        assert!(is_well_formed(&row.tx), "{txid}");
        assert_eq!(fill_flags(flags), flags, "{txid}: a set that Core verifies");
        assert!(row.is_valid(&context, flags), "{txid}");
        for (name, flag) in Flags::NAMED {
            let fewer = trim_flags(flags.difference(*flag));
            assert!(row.is_valid(&context, fewer), "{txid} without {name}");
            for _ in 0..RANDOM_SETS {
                let fewer = trim_flags(flags.difference(Flags::from_bits(sequence.next())));
                assert!(row.is_valid(&context, fewer), "{txid} {fewer}");
            }
            again += 1 + RANDOM_SETS;
        }
        for less in without_one(excluded) {
            let more = Flags::ALL.difference(less);
            assert!(!row.is_valid(&context, more), "{txid}: {more} has to fail");
            again += 1;
        }
        count += 1;
    }
    println!("tx_valid.json: {count} transactions passed, {again} times again with other flags");
    assert!(count > 100);
}

#[test]
fn invalid_transactions_fail_by_exactly_the_named_flags() {
    let Some(rows) = files::rows("tx_invalid.json") else {
        return;
    };
    let mut sequence = Sequence(3);
    let (mut count, mut again) = (0, 0);
    for row in rows.iter().filter_map(|row| Row::parse(row)) {
        count += 1;
        let txid = row.tx.txid();
        if row.flags == "BADTX" {
            assert!(!is_well_formed(&row.tx), "{txid}");
            continue;
        }
        assert!(is_well_formed(&row.tx), "{txid}");
        let context = SpendContext::new(&row.tx, row.spent.clone());
        let flags = parse_flags(&row.flags);
        assert_eq!(fill_flags(flags), flags, "{txid}: a set that Core verifies");
        assert!(!row.is_valid(&context, flags), "{txid}");
        for (name, flag) in Flags::NAMED {
            let more = fill_flags(flags | *flag);
            assert!(!row.is_valid(&context, more), "{txid} with {name}");
            for _ in 0..RANDOM_SETS {
                let more = fill_flags(flags | Flags::from_bits(sequence.next()));
                assert!(!row.is_valid(&context, more), "{txid} {more}");
            }
            again += 1 + RANDOM_SETS;
        }
        for less in without_one(flags) {
            assert!(row.is_valid(&context, less), "{txid}: {less} has to pass");
            again += 1;
        }
    }
    println!("tx_invalid.json: {count} transactions passed, {again} times again with other flags");
    assert!(count > 80);
}
