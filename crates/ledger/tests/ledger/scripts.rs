//! Scripts of blocks: on one thread and many, known and unknown, valid and not.

use std::collections::BTreeSet;
use std::sync::Mutex;

use rayon::{ThreadPool, ThreadPoolBuilder};
use synod_ledger::{
    BlockError, NoSignatureCache, ScriptFailure, Scripts, SignatureCache, Workers,
    verify_transaction,
};
use synod_primitives::{Block, Script, Transaction, TxOut, Witness, Wtxid, sha256};
use synod_script::{Flags, ScriptBuilder, ScriptError, SpendContext, template};

use crate::builders::{Form, Key, ONE_THREAD, Payment, Spendable, TestChain, free};

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("threads")
}

fn on(pool: &ThreadPool) -> Scripts<'_> {
    Scripts::Verify {
        workers: Workers::Pool(pool),
        cache: &NoSignatureCache,
    }
}

/// Pays a coin out to these scripts in a block of its own.
fn fund(chain: &mut TestChain, coin: &Spendable, scripts: &[Script]) -> Vec<Spendable> {
    let value = coin.value() / i64::try_from(scripts.len()).expect("a few");
    let fan = scripts
        .iter()
        .fold(Payment::new().spend(coin), |payment, script| {
            payment.pay(value, script.clone())
        });
    let fan = fan.build();
    let block = chain.next().with(fan.clone()).build();
    chain.connect(&block).expect("the funding is valid");
    (0..fan.outputs().len())
        .map(|vout| Spendable::of(&fan, vout as u32))
        .collect()
}

/// A chain with coins of every form, each owned by a key of its own.
fn signed_coins(count: usize) -> (TestChain, Vec<(Spendable, Key, Form)>) {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let owners: Vec<(Key, Form)> = (0..count)
        .map(|index| {
            (
                Key::from_seed(index as u64),
                Form::ALL[index % Form::ALL.len()],
            )
        })
        .collect();
    let scripts: Vec<Script> = owners
        .iter()
        .map(|(key, form)| key.script_pubkey(*form))
        .collect();
    let coins = fund(&mut chain, &coins[0], &scripts);
    let owned = coins
        .into_iter()
        .zip(owners)
        .map(|(coin, (key, form))| (coin, key, form));
    (chain, owned.collect())
}

fn payment(coins: &[(Spendable, Key, Form)]) -> Transaction {
    let spends = coins
        .iter()
        .fold(Payment::new(), |payment, (coin, key, form)| {
            payment.spend_signed(coin, *key, *form)
        });
    spends.pay(1, free()).build()
}

/// Signs these inputs with a wrong key for the form that they have.
fn forged(coins: &[(Spendable, Key, Form)], wrong: &[usize]) -> Transaction {
    let coins = coins.iter().enumerate().map(|(index, (coin, key, form))| {
        let is_wrong = wrong.contains(&index);
        let key = if is_wrong {
            Key::from_seed(9_999)
        } else {
            *key
        };
        (coin.clone(), key, *form)
    });
    payment(&coins.collect::<Vec<_>>())
}

#[test]
fn every_form_of_signature_is_verified_on_any_number_of_threads() {
    let (mut chain, coins) = signed_coins(70);
    let (single, many) = coins.split_at(35);
    let payments = single
        .iter()
        .map(|coin| payment(std::slice::from_ref(coin)));
    let block = chain
        .next()
        .with_all(payments.chain([payment(many)]))
        .build();
    let pools = [pool(1), pool(2), pool(5)];
    for scripts in [ONE_THREAD, on(&pools[0]), on(&pools[1]), on(&pools[2])] {
        let connected = chain.check_connects(&block, &scripts).expect("valid");
        assert_eq!(connected.verified_inputs, 70);
    }
    let skipped = chain.check_connects(&block, &Scripts::Skip).expect("valid");
    assert_eq!(skipped.verified_inputs, 0);
}

fn failure(error: BlockError) -> (u32, u32, ScriptError) {
    assert_eq!(error.code(), "mandatory-script-verify-flag-failed");
    assert_eq!(error.script_error().is_some(), !error.is_mutation());
    let BlockError::Script {
        index,
        input,
        error,
        ..
    } = error
    else {
        panic!("a script fails");
    };
    (index, input, error)
}

#[test]
fn the_lowest_failure_is_reported_on_any_number_of_threads() {
    let (mut chain, coins) = signed_coins(120);
    let valid = payment(&coins[..10]);
    let bad = [
        forged(&coins[10..50], &[33, 39]),
        forged(&coins[50..90], &[0, 1]),
        forged(&coins[90..], &[5]),
    ];
    let block = chain.next().with(valid).with_all(bad).build();
    let pools = [pool(1), pool(2), pool(5)];
    let before = chain.coins();
    let mut failures = BTreeSet::new();
    for scripts in [ONE_THREAD, on(&pools[0]), on(&pools[1]), on(&pools[2])] {
        for _ in 0..5 {
            let error = chain
                .check_connects(&block, &scripts)
                .expect_err("wrong signatures");
            let (index, input, error) = failure(error);
            failures.insert((index, input, error.name()));
            assert_eq!(chain.coins(), before);
        }
    }
    // Coin 43 is of the fourth form, the key path.
    assert_eq!(
        failures.into_iter().collect::<Vec<_>>(),
        [(2, 33, "SCHNORR_SIG")]
    );
}

#[test]
fn a_wrong_signature_fails_in_every_form_with_its_name() {
    let (mut chain, coins) = signed_coins(4);
    let names = ["EQUALVERIFY", "EQUALVERIFY", "EQUALVERIFY", "SCHNORR_SIG"];
    for (index, (coin, key, form)) in coins.iter().enumerate() {
        // The right key and a signature over something else.
        let good = payment(std::slice::from_ref(&coins[index]));
        let mut inputs = good.inputs().to_vec();
        inputs[0].sequence = u32::MAX - 1;
        let stale = Transaction::new(2, inputs, good.outputs().to_vec(), 0);
        let block = chain.next().with(stale).build();
        let error = chain.connect(&block).expect_err("another digest");
        let expected = if *form == Form::P2tr {
            "SCHNORR_SIG"
        } else {
            "EVAL_FALSE"
        };
        assert_eq!(failure(error).2.name(), expected, "{form:?} {key:?}");
        // Another key.
        let stranger = Payment::new()
            .spend_signed(coin, Key::from_seed(77), *form)
            .pay(1, free())
            .build();
        let block = chain.next().with(stranger).build();
        let name = failure(chain.connect(&block).expect_err("another key"))
            .2
            .name();
        let mismatch = match form {
            Form::P2wpkh => "EQUALVERIFY",
            Form::P2shP2wpkh => "EVAL_FALSE",
            _ => names[index],
        };
        assert_eq!(name, mismatch, "{form:?}");
    }
}

#[test]
fn other_rules_come_before_scripts() {
    let (mut chain, coins) = signed_coins(2);
    let bad = forged(&coins[..1], &[0]);
    let greedy = Payment::new()
        .spend_signed(&coins[1].0, coins[1].1, coins[1].2)
        .pay(coins[1].0.value() + 1, free())
        .build();
    let block = chain.next().with_all([bad.clone(), greedy]).build();
    let paid_too_much = chain
        .next()
        .with(bad)
        .fees(i64::from(u32::MAX) * 100)
        .build();
    let pool = pool(2);
    for scripts in [ONE_THREAD, on(&pool)] {
        let error = chain.check_connects(&block, &scripts).expect_err("invalid");
        assert_eq!(error.code(), "bad-txns-in-belowout");
        let error = chain
            .check_connects(&paid_too_much, &scripts)
            .expect_err("invalid");
        assert_eq!(error.code(), "bad-cb-amount");
    }
}

#[test]
fn c28_cve_2024_52911_a_block_that_fails_while_scripts_run_leaves_nothing_behind() {
    let (mut chain, coins) = signed_coins(200);
    let payments: Vec<Transaction> = coins
        .iter()
        .map(|coin| payment(std::slice::from_ref(coin)))
        .collect();
    let greedy = Payment::through(&Spendable {
        output: TxOut {
            value: crate::builders::sat(i64::from(u32::MAX)),
            ..coins[0].0.output.clone()
        },
        outpoint: payments[0].outpoint(0),
    });
    let failing = chain.next().with_all(payments.clone()).with(greedy).build();
    let honest = chain.next().with_all(payments).build();
    let pool = pool(4);
    let before = chain.coins();
    for _ in 0..20 {
        let error = chain
            .check_connects(&failing, &on(&pool))
            .expect_err("invalid");
        assert_eq!(error.code(), "bad-txns-in-belowout");
        assert_eq!(chain.coins(), before);
    }
    let connected = chain.connect_with(&honest, &on(&pool)).expect("valid");
    assert_eq!(connected.verified_inputs, 200);
}

#[test]
fn scripts_that_run_ahead_are_judged_as_those_that_are_waited_for() {
    let (mut chain, coins) = signed_coins(150);
    let (single, many) = coins.split_at(30);
    let singles = single
        .iter()
        .map(|coin| payment(std::slice::from_ref(coin)));
    let valid = chain
        .next()
        .with_all(singles.chain([payment(many)]))
        .build();
    let bad = [
        forged(&coins[..30], &[]),
        forged(&coins[30..120], &[66, 71]),
        forged(&coins[120..], &[0]),
    ];
    let invalid = chain.next().with_all(bad).build();
    let before = chain.coins();
    for threads in [1, 2, 5] {
        let pool = pool(threads);
        let (connected, pending) = chain
            .connect_ahead(&valid, &pool, &NoSignatureCache)
            .expect("other rules hold");
        assert_eq!(pending.inputs(), 150);
        assert_eq!(pending.verdict(), Ok(()));
        assert!(pending.is_done());
        assert_eq!(connected.verified_inputs, 150);
        chain.take_back(&valid, &connected.undo);
        assert_eq!(chain.coins(), before);

        let waited_for = chain.check_connects(&invalid, &on(&pool));
        let (connected, pending) = chain
            .connect_ahead(&invalid, &pool, &NoSignatureCache)
            .expect("other rules hold");
        assert_eq!(pending.verdict(), waited_for.map(drop));
        chain.take_back(&invalid, &connected.undo);
        assert_eq!(chain.coins(), before);
    }
}

#[test]
fn other_rules_of_a_block_that_runs_ahead_are_judged_at_once() {
    let (mut chain, coins) = signed_coins(200);
    let payments = coins.iter().map(|coin| payment(std::slice::from_ref(coin)));
    let block = chain
        .next()
        .with_all(payments)
        .fees(i64::from(u32::MAX) * 100)
        .build();
    let pool = pool(2);
    let before = chain.coins();
    for _ in 0..20 {
        let error = chain
            .connect_ahead(&block, &pool, &NoSignatureCache)
            .expect_err("pays too much");
        assert_eq!(error.code(), "bad-cb-amount");
        assert_eq!(chain.coins(), before);
    }
}

/// A cache that knows some transactions under some flags.
#[derive(Default)]
struct Known {
    known: BTreeSet<Wtxid>,
    asked: Mutex<Vec<(Wtxid, Flags)>>,
}

impl SignatureCache for Known {
    fn is_verified(&self, wtxid: &Wtxid, flags: Flags) -> bool {
        self.asked.lock().expect("no panic").push((*wtxid, flags));
        self.known.contains(wtxid)
    }
}

#[test]
fn a_transaction_that_the_cache_knows_is_not_verified_again() {
    let (mut chain, coins) = signed_coins(8);
    let known_payment = payment(&coins[..3]);
    let other = payment(&coins[3..]);
    let block = chain
        .next()
        .with_all([known_payment.clone(), other.clone()])
        .build();
    let cache = Known {
        known: BTreeSet::from([known_payment.wtxid()]),
        ..Known::default()
    };
    let pool = pool(2);
    for workers in [Workers::CallingThread, Workers::Pool(&pool)] {
        let scripts = Scripts::Verify {
            workers,
            cache: &cache,
        };
        let connected = chain.check_connects(&block, &scripts).expect("valid");
        assert_eq!(connected.verified_inputs, 5);
    }
    let flags = Flags::MANDATORY;
    let asked = [(known_payment.wtxid(), flags), (other.wtxid(), flags)].repeat(2);
    assert_eq!(*cache.asked.lock().expect("no panic"), asked);
}

#[test]
fn c20_another_witness_of_a_known_transaction_is_verified() {
    let (mut chain, coins) = signed_coins(3);
    let good = payment(&coins[2..]);
    let mut inputs = good.inputs().to_vec();
    let key = inputs[0].witness.last().expect("a key").to_vec();
    inputs[0].witness = Witness::from_items(&[vec![0x30, 0], key]);
    let malleated = Transaction::new(2, inputs, good.outputs().to_vec(), 0);
    assert_eq!(malleated.txid(), good.txid());
    assert_ne!(malleated.wtxid(), good.wtxid());
    let cache = Known {
        known: BTreeSet::from([good.wtxid()]),
        ..Known::default()
    };
    let scripts = Scripts::Verify {
        workers: Workers::CallingThread,
        cache: &cache,
    };
    let block = chain.next().with(malleated).build();
    let error = chain
        .check_connects(&block, &scripts)
        .expect_err("another witness");
    assert_eq!(failure(error).2.name(), "SIG_DER");
    let block = chain.next().with(good).build();
    assert!(chain.check_connects(&block, &scripts).is_ok());
}

#[test]
fn a_transaction_by_itself_names_its_first_failing_input() {
    let (_, coins) = signed_coins(80);
    let spent = || -> Vec<TxOut> { coins.iter().map(|(coin, ..)| coin.output.clone()).collect() };
    let good = payment(&coins);
    assert_eq!(verify_transaction(&good, &spent(), Flags::STANDARD), Ok(()));
    let bad = forged(&coins, &[77, 71, 79]);
    let verdict = verify_transaction(&bad, &spent(), Flags::STANDARD);
    let error = ScriptError::SchnorrSig;
    assert_eq!(
        verdict,
        Err(ScriptFailure {
            transaction: 0,
            input: 71,
            error
        })
    );
}

/// The verdict on a coin with this locking script, spent by these pushes.
fn verdict(locking: &Script, script_sig: Script, witness: Witness) -> Result<(), &'static str> {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let coins = fund(&mut chain, &coins[0], std::slice::from_ref(locking));
    let payment = Payment::new()
        .spend_with(&coins[0], script_sig, witness)
        .pay(1, free())
        .build();
    let block = chain.next().with(payment).build();
    let connected = chain.connect(&block);
    connected
        .map(|_| ())
        .map_err(|error| failure(error).2.name())
}

fn bare(locking: Vec<u8>, script_sig: Vec<u8>) -> Result<(), &'static str> {
    verdict(
        &Script::new(locking),
        Script::new(script_sig),
        Witness::EMPTY,
    )
}

#[test]
fn c18_script_limits_hold_at_the_byte() {
    let push = |length: usize| ScriptBuilder::new().push(&vec![1; length]).into_bytes();
    assert_eq!(bare(vec![0x51], push(520)), Ok(()));
    assert_eq!(bare(vec![0x51], push(521)), Err("PUSH_SIZE"));
    let nops = |count: usize| [vec![0x61; count], vec![0x51]].concat();
    assert_eq!(bare(nops(201), vec![]), Ok(()));
    assert_eq!(bare(nops(202), vec![]), Err("OP_COUNT"));
    let pushes = |count: usize| vec![0x51; count];
    assert_eq!(bare(vec![0x51], pushes(999)), Ok(()));
    assert_eq!(bare(vec![0x51], pushes(1_000)), Err("STACK_SIZE"));
    // A locking script of 10,001 bytes is no coin, so the limit shows in the unlocking one.
    let long = |length: usize| {
        push(500)
            .repeat(19)
            .into_iter()
            .chain(vec![0x51; length - 19 * push(500).len()])
            .collect::<Vec<u8>>()
    };
    assert_eq!(long(10_000).len(), 10_000);
    assert_eq!(bare(vec![0x51], long(10_000)), Ok(()));
    assert_eq!(bare(vec![0x51], long(10_001)), Err("SCRIPT_SIZE"));
}

#[test]
fn c19_what_is_policy_only_is_valid_in_a_block() {
    // A number that is not minimal, a NOP for upgrades, a dirty stack, IF with an odd truth.
    assert_eq!(bare(vec![0x51], vec![1, 1]), Ok(()));
    assert_eq!(bare(vec![0x51, 0xb0], vec![]), Ok(()));
    assert_eq!(bare(vec![0x51], vec![0x51, 0x51]), Ok(()));
    assert_eq!(bare(vec![0x63, 0x51, 0x68], vec![1, 7]), Ok(()));
    // A witness program and a taproot leaf of unknown versions.
    let future = Script::new(vec![0x60, 2, 1, 2]);
    assert_eq!(verdict(&future, Script::default(), Witness::EMPTY), Ok(()));
}

#[test]
fn c19_what_is_consensus_is_refused_in_a_block() {
    // A signature that is no strict DER (BIP66), a dummy that is not empty (BIP147), an
    // unlocking script beside a witness program (BIP141).
    let key = Key::from_seed(5).public();
    let pay_to_key = ScriptBuilder::new().push(&key).raw(&[0xac]).into_bytes();
    assert_eq!(bare(pay_to_key, vec![2, 0x30, 0x00]), Err("SIG_DER"));
    let no_of_none = vec![0x00, 0x00, 0xae];
    assert_eq!(bare(no_of_none.clone(), vec![0x00]), Ok(()));
    assert_eq!(bare(no_of_none, vec![0x51]), Err("SIG_NULLDUMMY"));
    let script = [0x51];
    let program = template::p2wsh(&sha256(&script));
    let witness = || Witness::from_items(&[script]);
    assert_eq!(verdict(&program, Script::default(), witness()), Ok(()));
    let beside = verdict(&program, Script::new(vec![0x51]), witness());
    assert_eq!(beside, Err("WITNESS_MALLEATED"));
}

#[test]
fn c19_a_high_s_is_valid_in_a_block() {
    let key = Key::from_seed(5);
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let script = key.script_pubkey(Form::P2wpkh);
    let coin = &fund(&mut chain, &coins[0], &[script])[0];
    let unsigned = Payment::new().spend(coin).pay(1, free()).build();
    let context = SpendContext::new(&unsigned, vec![coin.output.clone()]);
    let code = key.script_code();
    let digest = synod_script::segwit_v0_sighash(&context, 0, code.as_bytes(), 1);
    let witness = Witness::from_items(&[key.sign_ecdsa_high_s(digest), key.public()]);
    let payment = Payment::new()
        .spend_with(coin, Script::default(), witness)
        .pay(1, free())
        .build();
    let standard = verify_transaction(
        &payment,
        std::slice::from_ref(&coin.output),
        Flags::STANDARD,
    );
    assert_eq!(
        standard.expect_err("not standard").error,
        ScriptError::SigHighS
    );
    let block: Block = chain.next().with(payment).build();
    assert!(chain.connect(&block).is_ok());
}

#[test]
fn deployments_that_are_not_active_leave_their_opcodes_alone() {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    // CHECKLOCKTIMEVERIFY and CHECKSEQUENCEVERIFY that a final transaction cannot pass.
    let scripts = [vec![0x51, 0xb1], vec![0x51, 0xb2]].map(Script::new);
    let coins = fund(&mut chain, &coins[0], &scripts);
    let blocks = [&coins[0], &coins[1]].map(|coin| {
        chain
            .next()
            .with(Payment::new().spend(coin).pay(1, free()).build())
            .build()
    });
    for block in &blocks {
        let error = chain
            .check_connects(block, &ONE_THREAD)
            .expect_err("locked");
        assert_eq!(failure(error).2.name(), "UNSATISFIED_LOCKTIME");
    }
    chain.rules.activations.cltv = chain.next_height().next();
    chain.rules.activations.csv = chain.next_height().next();
    for block in &blocks {
        assert!(chain.check_connects(block, &ONE_THREAD).is_ok());
    }
}
