//! The cost of signature operations (C15).

use synod_primitives::{Block, Script, Transaction, TxOut, Witness, sha256};
use synod_script::{ScriptBuilder, hash160, template};

use crate::builders::{Payment, Spendable, TestChain, free, sat};

const TOO_MANY: Option<&str> = Some("bad-blk-sigops");
const CHECKSIG: u8 = 0xac;
const CHECKMULTISIG: u8 = 0xae;

/// An empty block whose coinbase has an output with this script.
fn block_with_output(chain: &TestChain, script: Vec<u8>) -> Block {
    let mut builder = chain.next();
    let script_pubkey = Script::new(script);
    builder.coinbase_outputs.push(TxOut {
        value: sat(0),
        script_pubkey,
    });
    builder.build()
}

fn code(script: Vec<u8>) -> Option<&'static str> {
    let chain = TestChain::new(synod_ledger::Rules::regtest());
    let block = block_with_output(&chain, script);
    chain.check(&block).err().map(|error| error.code())
}

#[test]
fn c15_20_000_operations_outside_witnesses_fit_a_block() {
    assert_eq!(code(vec![CHECKSIG; 20_000]), None);
    assert_eq!(code(vec![CHECKSIG; 20_001]), TOO_MANY);
}

#[test]
fn c15_checkmultisig_counts_20_whatever_stands_before_it() {
    assert_eq!(code([0x52, CHECKMULTISIG].repeat(1_000)), None);
    let mut one_more = [0x52, CHECKMULTISIG].repeat(1_000);
    one_more.push(CHECKSIG);
    assert_eq!(code(one_more), TOO_MANY);
}

#[test]
fn c15_operations_behind_a_truncated_push_do_not_count() {
    let mut script = vec![CHECKSIG; 20_000];
    script.push(0x4d);
    script.extend([0xff, 0xff, CHECKSIG, CHECKSIG]);
    assert_eq!(code(script), None);
}

#[test]
fn c15_the_coinbases_own_script_counts() {
    let chain = TestChain::new(synod_ledger::Rules::regtest());
    let mut builder = chain.next();
    let script_pubkey = Script::new(vec![CHECKSIG; 19_990]);
    builder.coinbase_outputs.push(TxOut {
        value: sat(0),
        script_pubkey,
    });
    builder.coinbase_script.extend([CHECKSIG; 10]);
    assert!(chain.check(&builder.build()).is_ok());
    builder.coinbase_script.push(CHECKSIG);
    let error = chain.check(&builder.build()).expect_err("one too many");
    assert_eq!(error.code(), "bad-blk-sigops");
}

/// A script that costs as much as so many CHECKMULTISIGs and CHECKSIGs and executes none.
fn costly(multisigs: usize, sigs: usize) -> Script {
    let mut script = vec![0x00, 0x63];
    script.extend(vec![CHECKMULTISIG; multisigs]);
    script.extend(vec![CHECKSIG; sigs]);
    script.extend([0x68, 0x51]);
    Script::new(script)
}

/// Pays every coin of a fan to one script, and connects that.
fn fan_out(chain: &mut TestChain, coin: &Spendable, scripts: &[Script]) -> Vec<Spendable> {
    let value = coin.value() / i64::try_from(scripts.len()).expect("a few");
    let fan = scripts
        .iter()
        .fold(Payment::new().spend(coin), |payment, script| {
            payment.pay(value, script.clone())
        });
    let fan = fan.build();
    let block = chain.next().with(fan.clone()).build();
    chain.connect(&block).expect("the fan is valid");
    let count = u32::try_from(scripts.len()).expect("a few");
    (0..count).map(|vout| Spendable::of(&fan, vout)).collect()
}

fn spend_witness(coin: &Spendable, script: &Script) -> Transaction {
    let witness = Witness::from_items(&[script.as_bytes()]);
    let payment = Payment::new().spend_with(coin, Script::default(), witness);
    payment.pay(coin.value(), free()).build()
}

#[test]
fn c15_witness_scripts_cost_80_000_together_at_most() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    // 20 inputs of 199 * 20 = 3,980 each; the last makes the 400 that are left, or one more.
    let script = costly(199, 0);
    let (exact, more) = (costly(20, 0), costly(20, 1));
    let scripts: Vec<Script> = (0..20)
        .map(|_| script.clone())
        .chain([exact, more])
        .collect();
    let programs: Vec<Script> = scripts
        .iter()
        .map(|script| template::p2wsh(&sha256(script.as_bytes())))
        .collect();
    let coins = fan_out(&mut chain, &coins[0], &programs);
    let payments: Vec<Transaction> = coins
        .iter()
        .zip(&scripts)
        .map(|(coin, script)| spend_witness(coin, script))
        .collect();
    let block_with = |last: usize| {
        let payments = payments[..20].iter().chain([&payments[last]]).cloned();
        chain.next().with_all(payments).build()
    };
    let (exact, more) = (block_with(20), block_with(21));
    let connected = chain.check_connects(&exact, &crate::builders::ONE_THREAD);
    assert_eq!(connected.expect("exactly at the limit").sigop_cost, 80_000);
    assert_eq!(chain.code(&more), TOO_MANY);
}

#[test]
fn c15_redeem_scripts_cost_four_times_as_much_and_are_counted_accurately() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let redeem = Script::new(vec![0x00, 0x63, 0x52, CHECKMULTISIG, CHECKSIG, 0x68, 0x51]);
    let program = template::p2sh(&hash160(redeem.as_bytes()));
    let coins = fan_out(&mut chain, &coins[0], &[program]);
    let script_sig = ScriptBuilder::new().push(redeem.as_bytes()).into_script();
    let payment = Payment::new()
        .spend_with(&coins[0], script_sig, Witness::EMPTY)
        .pay(1, free())
        .build();
    let block = chain.next().with(payment).build();
    let connected = chain.check_connects(&block, &crate::builders::ONE_THREAD);
    assert_eq!(connected.expect("valid").sigop_cost, 4 * 3);
}
