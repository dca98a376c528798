//! Every rule of admission, with its code.

use synod_mempool::{Class, FeeRate, Options, Policy};
use synod_primitives::{Amount, Height, OutPoint, Script, Transaction, Txid, Witness};

use crate::kit::*;

#[test]
fn a_payment_is_admitted_and_found_by_every_key() {
    let mut chain = Chain::new();
    let coin = chain.fund();
    let mut pool = pool();
    let tx = pay(coin, COIN, 1_000);
    let accepted = admit(&mut pool, &chain, &tx);
    assert_eq!((accepted.txid, accepted.wtxid), (tx.txid(), tx.wtxid()));
    assert_eq!(
        (accepted.fee.sat(), accepted.vsize),
        (1_000, tx.weight().vsize())
    );
    let entry = pool.find(&tx.txid()).expect("it is here");
    assert_eq!(entry.wtxid(), tx.wtxid());
    assert!(pool.find_by_wtxid(&tx.wtxid()).is_some());
    assert_eq!(
        pool.find_spender(&coin).map(synod_mempool::Entry::txid),
        Some(tx.txid())
    );
    check(&pool, &chain);
}

#[test]
fn a_test_changes_nothing() {
    let mut chain = Chain::new();
    let coin = chain.fund();
    let pool = pool();
    let tx = pay(coin, COIN, 1_000);
    let accepted = pool.test_accept(&tx, &chain.context(), Options::default());
    assert_eq!(accepted.map(|accepted| accepted.txid), Ok(tx.txid()));
    assert!(pool.is_empty());
    assert_eq!(pool.generation(), 0);
}

#[test]
fn the_same_transaction_again_is_known() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let tx = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &tx);
    let again = accept(&mut pool, &chain, &tx).expect_err("it is here");
    assert!(again.is_known());
    assert_eq!(again.code(), "txn-already-in-mempool");
}

#[test]
fn another_witness_for_the_same_transaction_is_refused() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let draft = Draft::new(&[chain.fund()], &[COIN - 1_000]);
    admit(&mut pool, &chain, &draft.clone().build());
    let mut other = draft;
    other.inputs[0].witness = Witness::from_items(&[&[1][..], ANYONE]);
    let code = refuse(&mut pool, &chain, &other.build());
    assert_eq!(code, "txn-same-nonwitness-data-in-mempool");
}

#[test]
fn rules_of_the_ledger_come_first() {
    let mut chain = Chain::new();
    let coin = chain.fund();
    let mut pool = pool();
    let mut code = |draft: Draft| refuse(&mut pool, &chain, &draft.build());
    assert_eq!(code(Draft::new(&[coin], &[])), "bad-txns-vout-empty");
    assert_eq!(
        code(Draft::new(&[coin, coin], &[1])),
        "bad-txns-inputs-duplicate"
    );
    assert_eq!(code(Draft::new(&[coin], &[-1])), "bad-txns-vout-negative");
    assert_eq!(
        code(Draft::new(&[coin], &[i64::MAX])),
        "bad-txns-vout-toolarge"
    );
    assert_eq!(
        code(Draft::new(&[coin], &[COIN + 1])),
        "bad-txns-in-belowout"
    );
    let (first, null) = (coin, OutPoint::NULL);
    assert_eq!(
        code(Draft::new(&[first, null], &[1])),
        "bad-txns-prevout-null"
    );
}

#[test]
fn a_coinbase_is_refused() {
    let mut chain = Chain::new();
    let block = chain.block(&[]);
    let code = refuse(&mut pool(), &chain, &block.transactions()[0]);
    assert_eq!(code, "coinbase");
}

#[test]
fn lock_times_must_be_reached_in_the_next_block() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coins = [chain.fund(), chain.fund(), chain.fund()];
    let locked = |coin, lock_time| {
        Draft::new(&[coin], &[COIN - 1_000])
            .sequence(0xffff_fffe)
            .lock_time(lock_time)
            .build()
    };
    // The next height is START + 1: a lock at START is over, one at START + 1 is not.
    admit(&mut pool, &chain, &locked(coins[0], START));
    assert_eq!(
        refuse(&mut pool, &chain, &locked(coins[1], START + 1)),
        "non-final"
    );
    let time = chain.context().tip_median_time;
    admit(&mut pool, &chain, &locked(coins[1], time - 1));
    assert_eq!(
        refuse(&mut pool, &chain, &locked(coins[2], time)),
        "non-final"
    );
}

#[test]
fn relative_lock_times_must_be_reached_in_the_next_block() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let fund =
        |chain: &mut Chain| chain.fund_with(COIN, anyone().as_bytes(), false, Height(START - 9));
    let (first, second) = (fund(&mut chain), fund(&mut chain));
    let waiting = |coin, blocks| {
        Draft::new(&[coin], &[COIN - 1_000])
            .sequence(blocks)
            .build()
    };
    // Made at START - 9, so the block START + 1 lies 10 above it.
    let code = refuse(&mut pool, &chain, &waiting(first, 11));
    assert_eq!(code, "non-BIP68-final");
    let parent = waiting(first, 10);
    admit(&mut pool, &chain, &parent);
    // An unconfirmed parent counts as confirmed in the next block.
    let child = |blocks| {
        Draft::new(&[parent.outpoint(0)], &[COIN - 2_000])
            .sequence(blocks)
            .build()
    };
    assert_eq!(refuse(&mut pool, &chain, &child(1)), "non-BIP68-final");
    admit(&mut pool, &chain, &child(0));
    let in_time = Draft::new(&[second], &[COIN - 1_000]).sequence(1 << 22 | 11);
    admit(&mut pool, &chain, &in_time.build());
}

#[test]
fn a_coinbase_is_spent_from_its_hundredth_confirmation_on() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let script = anyone();
    let mature = chain.fund_with(COIN, script.as_bytes(), true, Height(START - 99));
    let young = chain.fund_with(COIN, script.as_bytes(), true, Height(START - 98));
    admit(&mut pool, &chain, &pay(mature, COIN, 1_000));
    let rejected = accept(&mut pool, &chain, &pay(young, COIN, 1_000)).expect_err("immature");
    assert_eq!(rejected.code(), "bad-txns-premature-spend-of-coinbase");
    assert_eq!(rejected.class(), Class::Premature);
}

#[test]
fn missing_inputs_name_the_parents() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let known = chain.fund();
    let parents = [2, 1].map(|byte| Txid::from_bytes([byte; 32]));
    let inputs = [
        known,
        OutPoint::new(parents[0], 0),
        OutPoint::new(parents[1], 7),
    ];
    let orphan = Draft::new(&inputs, &[1_000]).build();
    let rejected = accept(&mut pool, &chain, &orphan).expect_err("an orphan");
    assert_eq!(rejected.code(), "bad-txns-inputs-missingorspent");
    assert_eq!(
        rejected.missing_parents(),
        Some(&[parents[1], parents[0]][..])
    );
    assert_eq!(rejected.class(), Class::MissingInputs);
}

#[test]
fn an_output_that_the_parent_has_not_is_missing() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &parent);
    let child = pay(parent.outpoint(1), COIN, 1_000);
    let rejected = accept(&mut pool, &chain, &child).expect_err("no such output");
    assert_eq!(rejected.missing_parents(), Some(&[parent.txid()][..]));
}

#[test]
fn a_confirmed_transaction_is_known() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let tx = pay(chain.fund(), COIN, 1_000);
    let block = chain.block(std::slice::from_ref(&tx));
    chain.connect(&block);
    assert_eq!(refuse(&mut pool, &chain, &tx), "txn-already-known");
}

#[test]
fn the_fee_for_relay_is_met_exactly() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let vsize = pay(coin, COIN, 0).weight().vsize();
    let least = i64::try_from(vsize).expect("small");
    let code = refuse(&mut pool, &chain, &pay(coin, COIN, least - 1));
    assert_eq!(code, "min relay fee not met");
    assert_eq!(
        refuse(&mut pool, &chain, &pay(coin, COIN, 0)),
        "min relay fee not met"
    );
    admit(&mut pool, &chain, &pay(coin, COIN, least));
}

#[test]
fn m10_a_fee_above_what_the_sender_allows_is_refused() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let vsize = i64::try_from(pay(coin, COIN, 0).weight().vsize()).expect("small");
    let options = Options {
        max_fee_rate: Some(FeeRate::from_sat_per_kvb(10_000)),
        ..Options::default()
    };
    let mut try_fee = |fee| {
        let result = pool.accept(&pay(coin, COIN, fee), &chain.context(), options);
        result
            .map_err(|rejected| rejected.code())
            .map(|accepted| accepted.fee.sat())
    };
    assert_eq!(try_fee(vsize * 10 + 1), Err("max-fee-exceeded"));
    assert_eq!(try_fee(vsize * 10), Ok(vsize * 10));
}

#[test]
fn m10_dust_is_refused_below_330_satoshis() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let with = |value| Draft::new(&[coin], &[COIN - 10_000, value]).build();
    assert_eq!(refuse(&mut pool, &chain, &with(329)), "dust");
    assert_eq!(refuse(&mut pool, &chain, &with(1)), "dust");
    admit(&mut pool, &chain, &with(330));
}

#[test]
fn operators_take_what_is_not_standard_if_they_say_so() {
    let mut chain = Chain::new();
    let coin = chain.fund();
    let tx = Draft::new(&[coin], &[COIN - 10_000, 1]).build();
    let mut pool = pool_with(Policy {
        require_standard: false,
        ..Policy::default()
    });
    admit(&mut pool, &chain, &tx);
}

#[test]
fn sixty_four_bytes_without_witness_are_too_few() {
    let mut chain = Chain::new();
    let policy = Policy {
        require_standard: false,
        ..Policy::default()
    };
    let mut pool = pool_with(policy);
    let coin = chain.fund();
    let with_script = |length: usize| {
        let draft = Draft::new(&[coin], &[]).output(COIN - 1_000, vec![0x51; length]);
        draft.build()
    };
    assert_eq!(with_script(4).stripped_size(), 64);
    assert_eq!(refuse(&mut pool, &chain, &with_script(4)), "tx-size-small");
    admit(&mut pool, &chain, &with_script(5));
}

#[test]
fn m14_fee_deltas_saturate() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 1_000);
    let child = pay(parent.outpoint(0), COIN - 1_000, 1_000);
    admit(&mut pool, &chain, &parent);
    admit(&mut pool, &chain, &child);
    for _ in 0..2 {
        for tx in [&parent, &child] {
            assert_eq!(pool.prioritise(tx.txid(), i64::MAX), Ok(i64::MAX));
            check(&pool, &chain);
        }
    }
    let entry = pool.find(&child.txid()).expect("it is here");
    assert_eq!(entry.cost().modified_fee_sat(), i64::MAX);
    assert_eq!(entry.ancestors().fees_sat, 2 * i128::from(i64::MAX));
    check_template(
        &pool.build_template(&chain.limits()),
        &chain,
        &chain.limits(),
    );
    for tx in [&parent, &child] {
        assert_eq!(pool.prioritise(tx.txid(), i64::MIN), Ok(-1));
        assert_eq!(pool.prioritise(tx.txid(), i64::MIN), Ok(i64::MIN));
    }
    check(&pool, &chain);
}

#[test]
fn a_fee_delta_counts_before_the_transaction_comes() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let tx = pay(chain.fund(), COIN, 0);
    assert_eq!(refuse(&mut pool, &chain, &tx), "min relay fee not met");
    pool.prioritise(tx.txid(), 1_000).expect("room for one");
    let accepted = admit(&mut pool, &chain, &tx);
    assert_eq!(accepted.fee, Amount::ZERO, "the delta is no fee");
    check(&pool, &chain);
}

#[test]
fn m15_nothing_is_verified_of_what_is_not_standard() {
    // An unlocking script that executes nothing is refused before any coin is looked up.
    let mut chain = Chain::new();
    let coin = chain.fund();
    let mut draft = Draft::new(&[coin], &[COIN - 1_000]);
    draft.inputs[0].script_sig = Script::new(vec![0x61]);
    let pool = pool();
    let prepared = pool.prepare(&draft.build(), &chain.context(), Options::default());
    assert_eq!(
        prepared.expect_err("refused").code(),
        "scriptsig-not-pushonly"
    );
}

#[test]
fn coins_of_entries_need_not_be_fetched() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (first, second) = (chain.fund(), chain.fund());
    let parent = pay(first, COIN, 1_000);
    admit(&mut pool, &chain, &parent);
    let child = Draft::new(&[second, parent.outpoint(0)], &[1_000]).build();
    assert_eq!(pool.wanted_coins(&child), vec![second]);
}

#[test]
fn a_small_transaction_keeps_no_large_buffer() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let tx = pay(chain.fund(), COIN, 1_000);
    let mut body = tx.raw().to_vec();
    body.resize(4_000_000, 0);
    let body = bytes::Bytes::from(body);
    let shared = Transaction::read(&mut synod_primitives::Reader::new(&body)).expect("one");
    admit(&mut pool, &chain, &shared);
    drop(shared);
    assert!(body.try_into_mut().is_ok(), "nobody shares the body");
}
