//! Quadratic hashing (as CVE-2013-2292): a transaction of almost a million bytes, each of whose
//! signatures covers all of it.

use synod_ledger::{Scripts, Workers};
use synod_primitives::{Script, Transaction, TxIn, Witness};
use synod_script::{ScriptBuilder, SpendContext, legacy_sighash, template};

use crate::builders::{Key, ONE_THREAD, Payment, Spendable, TestChain, free};

/// Signatures, of 114 bytes each with their input.
const SIGNATURES: u32 = 8_500;

/// A key's coins, in one transaction on the chain.
fn coins_of(chain: &mut TestChain, coin: &Spendable, key: &Key) -> Vec<Spendable> {
    let script = template::p2pk(&key.public());
    let value = coin.value() / i64::from(SIGNATURES);
    let fan = (0..SIGNATURES).fold(Payment::new().spend(coin), |payment, _| {
        payment.pay(value, script.clone())
    });
    let fan = fan.build();
    let block = chain.next().with(fan.clone()).build();
    chain.connect(&block).expect("valid");
    (0..SIGNATURES)
        .map(|vout| Spendable::of(&fan, vout))
        .collect()
}

fn signed(coins: &[Spendable], key: &Key) -> Transaction {
    let unsigned = |coin: &Spendable| TxIn {
        prevout: coin.outpoint,
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let outputs = vec![coins[0].output.clone()];
    let draft = Transaction::new(1, coins.iter().map(unsigned).collect(), outputs.clone(), 0);
    let spent = coins.iter().map(|coin| coin.output.clone()).collect();
    let context = SpendContext::new(&draft, spent);
    let code = coins[0].output.script_pubkey.as_bytes();
    let sign = |(index, input): (usize, &TxIn)| {
        let signature = key.sign_ecdsa(legacy_sighash(&context, index, code, 1));
        let script_sig = ScriptBuilder::new().push(&signature).into_script();
        TxIn {
            script_sig,
            ..input.clone()
        }
    };
    let inputs = draft.inputs().iter().enumerate().map(sign).collect();
    Transaction::new(1, inputs, outputs, 0)
}

#[test]
fn c16_a_transaction_that_8500_signatures_cover_is_judged_in_full() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let key = Key::from_seed(16);
    let coins = coins_of(&mut chain, &coins[0], &key);
    let good = signed(&coins, &key);
    assert!(
        (900_000..1_000_000).contains(&good.size()),
        "{}",
        good.size()
    );
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("threads");
    let scripts = Scripts::Verify {
        workers: Workers::Pool(&pool),
        cache: &synod_ledger::NoSignatureCache,
    };
    let block = chain.next().with(good.clone()).build();
    let connected = chain.check_connects(&block, &scripts).expect("valid");
    assert_eq!(connected.verified_inputs, SIGNATURES as usize);
    // Another output, and no signature fits: the first is named, and nothing after it is hashed.
    let mut outputs = good.outputs().to_vec();
    outputs[0].script_pubkey = free();
    let forged = Transaction::new(1, good.inputs().to_vec(), outputs, 0);
    let block = chain.next().with(forged).build();
    let error = chain
        .check_connects(&block, &ONE_THREAD)
        .expect_err("invalid");
    assert_eq!(error.code(), "mandatory-script-verify-flag-failed");
}
