//! Rules that need coins: existence, age, amounts.

use std::collections::BTreeMap;

use synod_ledger::{
    BlockContext, BlockError, CheckedBlock, Coin, CoinScript, ConnectError, MedianTimes, Rules,
    Scripts, TransactionError, check_inputs, connect_block,
};
use synod_primitives::{Amount, Height, OutPoint, Script, Transaction, TxOut, Txid};

use crate::builders::{BlockBuilder, Payment, Spendable, TestChain, free, sat};

const MISSING: Option<&str> = Some("bad-txns-inputs-missingorspent");

#[test]
fn the_genesis_output_is_no_coin() {
    let mut chain = TestChain::new(Rules::regtest());
    let genesis = chain.reward_of(0);
    for _ in 0..100 {
        let block = chain.next().build();
        chain.connect(&block).expect("an empty block is valid");
    }
    assert!(!chain.has_coin(genesis.outpoint));
    let spend = chain.next().with(Payment::through(&genesis)).build();
    assert_eq!(chain.code(&spend), MISSING);
}

#[test]
fn connecting_the_genesis_block_changes_nothing() {
    struct NoTimes;
    impl MedianTimes for NoTimes {
        fn median_time_past(&self, _: Height) -> u32 {
            0
        }
    }
    let rules = Rules::regtest();
    let genesis = synod_chainspec::genesis_block();
    let context = BlockContext {
        height: Height(0),
        parent_median_time: 0,
    };
    let block = CheckedBlock::validate(&genesis).expect("valid");
    let block = block.in_context(context, &rules).expect("valid");
    let mut chain = TestChain::new(rules.clone());
    let connected = connect_block(&block, &NoTimes, &mut chain.cache, &rules, &Scripts::Skip);
    assert!(connected.expect("valid").undo.coins().is_empty());
    assert!(chain.cache.is_empty());
}

#[test]
fn outputs_that_can_never_be_spent_are_no_coins() {
    let mut chain = TestChain::new(Rules::regtest());
    let output = |script: Vec<u8>| TxOut {
        value: sat(0),
        script_pubkey: Script::new(script),
    };
    let mut builder = chain.next();
    builder.coinbase_outputs = vec![
        output(vec![0x6a]),
        output(vec![0x51; 10_000]),
        output(vec![0x51; 10_001]),
    ];
    let block = builder.build();
    chain.connect(&block).expect("valid");
    let coinbase = &block.transactions()[0];
    let kept: Vec<u32> = chain
        .coins()
        .into_keys()
        .map(|outpoint| outpoint.vout)
        .collect();
    assert_eq!(kept, [0, 2]);
    assert_eq!(coinbase.outputs().len(), 5);
}

#[test]
fn c22_a_coinbase_is_spent_100_blocks_later_and_not_99() {
    let mut chain = TestChain::new(Rules::regtest());
    for _ in 0..99 {
        let block = chain.next().build();
        chain.connect(&block).expect("an empty block is valid");
    }
    let coin = chain.reward_of(1);
    let early = chain.next().with(Payment::through(&coin)).build();
    let error = chain
        .check_connects(&early, &Scripts::Skip)
        .expect_err("99 blocks later");
    assert_eq!(error.code(), "bad-txns-premature-spend-of-coinbase");
    let BlockError::Transaction { index, error, .. } = error else {
        panic!("a rule of a transaction");
    };
    assert_eq!(index, 1);
    assert_eq!(
        error,
        TransactionError::PrematureSpendOfCoinbase { depth: 99 }
    );
    let block = chain.next().build();
    chain.connect(&block).expect("an empty block is valid");
    let mature = chain.next().with(Payment::through(&coin)).build();
    assert_eq!(chain.code(&mature), None);
}

#[test]
fn outputs_of_payments_need_no_age() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let first = Payment::through(&coins[0]);
    let second = Payment::through(&Spendable::of(&first, 0));
    let third = Payment::through(&Spendable::of(&second, 0));
    let block = chain.next().with_all([first, second, third]).build();
    assert_eq!(chain.code(&block), None);
}

#[test]
fn c07_an_output_is_spent_once_in_a_block() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let first = Payment::through(&coins[0]);
    let other = Payment::new().spend(&coins[0]).pay(1, free()).build();
    let twice = chain.next().with_all([first.clone(), other]).build();
    assert_eq!(chain.code(&twice), MISSING);
    let again = Payment::new()
        .spend(&coins[0])
        .spend(&Spendable::of(&first, 0))
        .pay(1, free())
        .build();
    let by_descendant = chain.next().with_all([first, again]).build();
    assert_eq!(chain.code(&by_descendant), MISSING);
}

#[test]
fn c07_an_output_is_spent_once_whether_it_was_written_or_not() {
    for is_flushed in [false, true] {
        let (mut chain, coins) = TestChain::with_mature_coins(1);
        if is_flushed {
            chain.restart();
        }
        let first = chain.next().with(Payment::through(&coins[0])).build();
        chain.connect(&first).expect("valid");
        let second = chain.next().with(Payment::through(&coins[0])).build();
        assert_eq!(chain.code(&second), MISSING, "before a flush");
        chain.flush();
        assert_eq!(chain.code(&second), MISSING, "after a flush");
    }
}

#[test]
fn c26_a_child_before_its_parent_is_refused() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let parent = Payment::through(&coins[0]);
    let child = Payment::through(&Spendable::of(&parent, 0));
    let wrong = chain
        .next()
        .with_all([child.clone(), parent.clone()])
        .build();
    assert_eq!(chain.code(&wrong), MISSING);
    let right = chain.next().with_all([parent, child]).build();
    assert_eq!(chain.code(&right), None);
}

#[test]
fn c26_an_output_of_a_refused_block_cannot_be_spent() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let payment = Payment::through(&coins[0]);
    let refused = chain.next().with(payment.clone()).fees(1).build();
    assert_eq!(
        chain.connect(&refused).expect_err("one too many").code(),
        "bad-cb-amount"
    );
    let child = Payment::through(&Spendable::of(&payment, 0));
    let orphan = chain.next().with(child).build();
    assert_eq!(chain.code(&orphan), MISSING);
}

#[test]
fn an_output_that_its_transaction_lacks_is_missing() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let payment = Payment::through(&coins[0]);
    let mut absent = Spendable::of(&payment, 0);
    absent.outpoint.vout = 1;
    let block = chain
        .next()
        .with_all([payment, Payment::through(&absent)])
        .build();
    assert_eq!(chain.code(&block), MISSING);
}

#[test]
fn missing_comes_before_immature() {
    let (mut chain, _) = TestChain::with_mature_coins(1);
    let young = chain.reward_of(100);
    let mut absent = young.clone();
    absent.outpoint.vout = 9;
    let payment = Payment::new()
        .spend(&young)
        .spend(&absent)
        .pay(1, free())
        .build();
    let block = chain.next().with(payment).build();
    assert_eq!(chain.code(&block), MISSING);
}

#[test]
fn a_payment_pays_no_more_than_it_spends() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let paying = |value| {
        let payment = Payment::new().spend(&coins[0]).pay(value, free()).build();
        chain.next().with(payment).build()
    };
    let (all, more) = (paying(coins[0].value()), paying(coins[0].value() + 1));
    assert_eq!(chain.code(&all), None);
    assert_eq!(chain.code(&more), Some("bad-txns-in-belowout"));
}

#[test]
fn c22_the_coinbase_pays_out_subsidy_and_fees_and_not_one_more() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let payment = Payment::new()
        .spend(&coins[0])
        .pay(coins[0].value() - 7, free())
        .build();
    let paying = |extra| chain.next().with(payment.clone()).fees(extra).build();
    let (exact, more, less) = (paying(7), paying(8), paying(-1));
    assert_eq!(chain.code(&more), Some("bad-cb-amount"));
    assert_eq!(chain.code(&less), None);
    let connected = chain.connect(&exact).expect("valid");
    assert_eq!(connected.fees, sat(7));
}

#[test]
fn c23_the_coinbase_follows_the_halvings() {
    let mut chain = TestChain::new(Rules {
        halving_interval: 2,
        ..Rules::regtest()
    });
    for height in 1..140u32 {
        let allowed = chain.next().reward;
        let halvings = height / 2;
        assert_eq!(allowed, 5_000_000_000i64.checked_shr(halvings).unwrap_or(0));
        let greedy = chain.next().fees(1).build();
        assert_eq!(chain.code(&greedy), Some("bad-cb-amount"));
        let block = chain.next().build();
        chain.connect(&block).expect("valid");
    }
}

fn coin(value: i64) -> Coin {
    Coin {
        value: sat(value),
        script_pubkey: CoinScript::new(&[0x51]),
        height: Height(1),
        is_coinbase: false,
    }
}

fn spending(count: u32, value: i64) -> Transaction {
    let coins = (0..count).map(|vout| Spendable {
        outpoint: OutPoint::new(Txid::from_bytes([3; 32]), vout),
        output: TxOut {
            value: sat(0),
            script_pubkey: free(),
        },
    });
    let payment = coins.fold(Payment::new(), |payment, coin| payment.spend(&coin));
    payment.pay(value, free()).build()
}

#[test]
fn c03_inputs_together_are_in_the_money_range() {
    let max = Amount::MAX_MONEY.sat();
    let verdict = |values: &[i64], paid| {
        let count = u32::try_from(values.len()).expect("a few");
        let coins: Vec<Coin> = values.iter().map(|value| coin(*value)).collect();
        check_inputs(&spending(count, paid), &coins, Height(200), 100)
    };
    let out_of_range = TransactionError::InputValuesOutOfRange;
    assert_eq!(out_of_range.code(), "bad-txns-inputvalues-outofrange");
    assert_eq!(verdict(&[max, 1], 1), Err(out_of_range));
    assert_eq!(verdict(&[max / 2, max / 2, max / 2], 1), Err(out_of_range));
    assert_eq!(verdict(&[max + 1], 1), Err(out_of_range));
    assert_eq!(verdict(&[i64::MAX, i64::MAX], 1), Err(out_of_range));
    assert_eq!(verdict(&[-1], 0), Err(out_of_range));
    assert_eq!(verdict(&[max - 1, 1], max), Ok(Amount::ZERO));
    assert_eq!(verdict(&[max], 0), Ok(Amount::MAX_MONEY));
}

#[test]
fn coins_that_are_missing_are_no_payment() {
    let verdict = check_inputs(&spending(2, 1), &[coin(5)], Height(200), 100);
    assert_eq!(verdict, Err(TransactionError::InputsMissingOrSpent));
}

#[test]
fn fees_together_are_in_the_money_range() {
    // No chain has so many coins; two of them are laid into the table by hand.
    let mut chain = TestChain::new(Rules::regtest());
    let max = Amount::MAX_MONEY.sat();
    let payments: Vec<Transaction> = [4, 5]
        .map(|seed| {
            let outpoint = OutPoint::new(Txid::from_bytes([seed; 32]), 0);
            chain.table.insert(outpoint, coin(max));
            let output = TxOut {
                value: sat(max),
                script_pubkey: free(),
            };
            Payment::new()
                .spend(&Spendable { outpoint, output })
                .pay(0, free())
                .build()
        })
        .to_vec();
    let one = chain.next().with(payments[0].clone()).build();
    assert_eq!(chain.code(&one), None);
    let both = chain.next().with_all(payments).build();
    assert_eq!(
        chain.code(&both),
        Some("bad-txns-accumulated-fee-outofrange")
    );
}

/// Two blocks with the same coinbase, where BIP34 is not in force yet.
fn repeated_coinbase() -> (TestChain, BlockBuilder) {
    let mut rules = Rules::regtest();
    rules.activations.bip34 = Height(1_000);
    let mut chain = TestChain::new(rules);
    let mut builder = chain.next();
    builder.coinbase_script = vec![1, 2, 3];
    builder.coinbase_witness = Vec::new();
    chain.connect(&builder.build()).expect("valid");
    let next = chain.next();
    let repeated = BlockBuilder {
        parent: next.parent,
        time: next.time,
        ..builder
    };
    (
        chain,
        BlockBuilder {
            height: next.height,
            ..repeated
        },
    )
}

#[test]
fn c08_cve_2012_1909_a_coinbase_does_not_overwrite_an_unspent_one() {
    for is_flushed in [false, true] {
        let (mut chain, repeated) = repeated_coinbase();
        if is_flushed {
            chain.restart();
        }
        let before = chain.coins();
        assert_eq!(chain.code(&repeated.build()), Some("bad-txns-BIP30"));
        assert_eq!(chain.coins(), before);
        chain.disconnect();
        assert!(chain.coins().is_empty());
    }
}

#[test]
fn c08_a_coinbase_may_come_twice_when_the_first_is_spent() {
    let (mut chain, mut repeated) = repeated_coinbase();
    for _ in 0..99 {
        let block = chain.next().build();
        chain.connect(&block).expect("an empty block is valid");
    }
    let spend = chain
        .next()
        .with(Payment::through(&chain.reward_of(1)))
        .build();
    let coin = chain.reward_of(1).outpoint;
    chain.connect(&spend).expect("valid");
    assert!(!chain.has_coin(coin));
    for is_flushed in [false, true] {
        if is_flushed {
            chain.restart();
        }
        let next = chain.next();
        repeated = BlockBuilder {
            parent: next.parent,
            time: next.time,
            ..repeated
        };
        let block = repeated.build();
        assert_eq!(block.transactions()[0].outpoint(0), coin);
        let before = chain.coins();
        chain.connect(&block).expect("the first is spent");
        assert!(chain.has_coin(coin));
        chain.disconnect();
        assert_eq!(chain.coins(), before);
    }
}

#[test]
fn c08_a_payment_may_not_overwrite_either() {
    let (mut chain, mut repeated) = repeated_coinbase();
    for _ in 0..99 {
        let block = chain.next().build();
        chain.connect(&block).expect("an empty block is valid");
    }
    let payment = Payment::through(&chain.reward_of(1));
    let block = chain.next().with(payment.clone()).build();
    chain.connect(&block).expect("valid");
    let next = chain.next();
    repeated = BlockBuilder {
        parent: next.parent,
        time: next.time,
        ..repeated
    };
    chain
        .connect(&repeated.build())
        .expect("the first is spent");
    chain.restart();
    for _ in 0..99 {
        let block = chain.next().build();
        chain.connect(&block).expect("an empty block is valid");
    }
    let again = chain.next().with(payment).build();
    assert_eq!(chain.code(&again), Some("bad-txns-BIP30"));
}

#[test]
fn a_block_that_was_not_fetched_for_is_not_judged() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    chain.restart();
    let block = chain.next().with(Payment::through(&coins[0])).build();
    let context = BlockContext {
        height: chain.next_height(),
        parent_median_time: 0,
    };
    let rules = Rules::regtest();
    let contextual = CheckedBlock::validate(&block)
        .and_then(|block| block.in_context(context, &rules))
        .expect("valid");
    let missing = chain.cache.missing_outpoints(&block, &rules);
    assert_eq!(missing, [coins[0].outpoint]);
    let times = chain.times();
    let connect = |chain: &mut TestChain| {
        connect_block(
            &contextual,
            &times,
            &mut chain.cache,
            &rules,
            &Scripts::Skip,
        )
    };
    assert_eq!(
        connect(&mut chain),
        Err(ConnectError::NotFetched(coins[0].outpoint))
    );
    assert!(chain.cache.is_empty());
    chain.fetch(&missing);
    assert!(connect(&mut chain).is_ok());
}

#[test]
fn checking_a_block_leaves_the_coins_as_they_are() {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    let before = chain.coins();
    let block = chain
        .next()
        .with_all(coins.iter().map(Payment::through))
        .build();
    let checked = chain.check_connects(&block, &Scripts::Skip).expect("valid");
    assert_eq!(chain.coins(), before);
    let connected = chain.connect_with(&block, &Scripts::Skip).expect("valid");
    assert_eq!(checked, connected);
    assert_ne!(chain.coins(), before);
}

#[test]
fn c10_a_block_that_touches_12_000_coins_is_valid_with_any_cache() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let count = 12_000;
    let value = coins[0].value() / count;
    let fan = (0..count).fold(Payment::new().spend(&coins[0]), |payment, _| {
        payment.pay(value, free())
    });
    let fan = fan.build();
    let block = chain.next().with(fan.clone()).build();
    chain.connect(&block).expect("valid");
    let outputs = u32::try_from(count).expect("a few thousand");
    let spends = (0..outputs).map(|vout| Payment::through(&Spendable::of(&fan, vout)));
    let block = chain.next().with_all(spends).build();
    let mut verdicts = Vec::new();
    let mut results = BTreeMap::new();
    for is_cold in [false, true] {
        if is_cold {
            chain.restart();
        }
        verdicts.push(chain.connect_with(&block, &Scripts::Skip));
        results.insert(is_cold, chain.coins());
        chain.disconnect();
    }
    assert!(verdicts[0].is_ok());
    assert_eq!(verdicts[0], verdicts[1]);
    assert_eq!(results[&false], results[&true]);
}
