//! `script_tests.json`: scripts with flags and the exact error.

use serde_json::Value;
use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Witness};
use synod_script::{Deferred, Flags, Immediate, ScriptError, SpendContext, verify_input};

use crate::assembly::{fill_flags, is_complete, parse_flags, parse_script};
use crate::files::{self, Sequence, bytes, text};

/// How often each row is judged again with other flags that must not change the verdict.
const OTHER_FLAGS: usize = 16;

struct Row {
    witness: Witness,
    amount: Amount,
    script_sig: Script,
    script_pubkey: Script,
    flags: Flags,
    expected: String,
}

impl Row {
    fn parse(row: &[Value]) -> Option<Self> {
        let (witness, amount, rest) = match row {
            [Value::Array(witness), rest @ ..] => {
                let (amount, items) = witness.split_last().expect("an amount");
                let items: Vec<_> = items.iter().map(bytes).collect();
                let coins = amount.as_f64().expect("a number");
                let sat = (coins * 100_000_000.0).round() as i64;
                (Witness::from_items(&items), Amount::from_sat(sat), rest)
            }
            _ => (Witness::EMPTY, Amount::ZERO, row),
        };
        let [script_sig, script_pubkey, flags, expected, ..] = rest else {
            assert!(rest.len() == 1, "a comment");
            return None;
        };
        Some(Self {
            witness,
            amount,
            script_sig: parse_script(text(script_sig)),
            script_pubkey: parse_script(text(script_pubkey)),
            flags: fill_flags(parse_flags(text(flags))),
            expected: text(expected).to_owned(),
        })
    }

    /// Makes the transaction that spends the row's output, and the output.
    fn spend(self) -> (Transaction, TxOut) {
        let spent = TxOut {
            value: self.amount,
            script_pubkey: self.script_pubkey,
        };
        let first = TxIn {
            prevout: OutPoint::NULL,
            script_sig: Script::new(vec![0, 0]),
            sequence: u32::MAX,
            witness: Witness::EMPTY,
        };
        let credit = Transaction::new(1, vec![first], vec![spent.clone()], 0);
        let input = TxIn {
            prevout: credit.outpoint(0),
            script_sig: self.script_sig,
            sequence: u32::MAX,
            witness: self.witness,
        };
        let output = TxOut {
            value: self.amount,
            script_pubkey: Script::default(),
        };
        (Transaction::new(1, vec![input], vec![output], 0), spent)
    }
}

fn judge(context: &SpendContext<'_>, flags: Flags) -> Result<(), ScriptError> {
    verify_input(context, 0, flags, &mut Immediate)
}

fn is_valid_deferred(context: &SpendContext<'_>, flags: Flags) -> bool {
    let mut checks = Deferred::default();
    let verdict = verify_input(context, 0, flags, &mut checks);
    verdict.is_ok() && checks.queue.iter().all(synod_sigcheck::verify)
}

#[test]
fn scripts_end_with_the_error_that_core_names() {
    let Some(rows) = files::rows("script_tests.json") else {
        return;
    };
    let mut sequence = Sequence(1);
    let (mut count, mut again) = (0, 0);
    for row in &rows {
        let Some(parsed) = Row::parse(row) else {
            continue;
        };
        let (flags, expected) = (parsed.flags, parsed.expected.clone());
        let (tx, spent) = parsed.spend();
        let context = SpendContext::new(&tx, vec![spent]);
        let verdict = judge(&context, flags);
        let name = verdict.map_or_else(|error| error.name(), |()| "OK");
        assert_eq!(name, expected, "{row:?}");
        assert_eq!(
            is_valid_deferred(&context, flags),
            verdict.is_ok(),
            "{row:?}"
        );
        count += 1;
        for _ in 0..OTHER_FLAGS {
            let other = Flags::from_bits(sequence.next());
            let other = match verdict {
                Ok(()) => flags.difference(other),
                Err(_) => flags | other,
            };
            if is_complete(other) {
                assert_eq!(
                    judge(&context, other).is_ok(),
                    verdict.is_ok(),
                    "{row:?} {other}"
                );
                again += 1;
            }
        }
    }
    println!("script_tests.json: {count} scripts passed, {again} times again with other flags");
    assert!(count > 1000);
}
