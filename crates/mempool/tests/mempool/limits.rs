//! The limit on memory, the minimum fee that rises with it, and expiry.

use bytes::Bytes;
use synod_mempool::{FeeRate, Policy, SaveError, SavedMempool};

use crate::kit::*;

/// A policy with room for about `entries` small entries.
fn small(entries: usize) -> Policy {
    let mut chain = Chain::new();
    let mut pool = pool();
    let payment = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &payment);
    Policy {
        max_bytes: pool.summary(NOW).bytes * entries,
        ..Policy::default()
    }
}

#[test]
fn m09_the_lowest_rate_is_evicted_when_the_mempool_is_full() {
    let mut chain = Chain::new();
    let mut pool = pool_with(small(10));
    let payments: Vec<_> = (1..=10)
        .map(|number| pay(chain.fund(), COIN, 1_000 * number))
        .collect();
    for payment in &payments {
        admit(&mut pool, &chain, payment);
    }
    assert_eq!(pool.len(), 10);
    assert_eq!(pool.mempool_min_fee(NOW), FeeRate::ZERO);
    let payment = pay(chain.fund(), COIN, 20_000);
    admit(&mut pool, &chain, &payment);
    assert_eq!(pool.len(), 10);
    assert_eq!(removals(&mut pool), vec![(payments[0].txid(), "evicted")]);
    let summary = pool.summary(NOW);
    assert!(summary.bytes <= summary.max_bytes);
    check(&pool, &chain);
}

#[test]
fn m09_the_minimum_rises_above_what_was_evicted_and_falls_to_zero() {
    let mut chain = Chain::new();
    let mut pool = pool_with(small(10));
    let payments: Vec<_> = (1..=11)
        .map(|number| pay(chain.fund(), COIN, 1_000 * number))
        .collect();
    for payment in &payments {
        admit(&mut pool, &chain, payment);
    }
    let vsize = pay(chain.fund(), COIN, 1).weight().vsize();
    let raised = FeeRate::of(1_000, vsize).sat_per_kvb() + 1_000;
    assert_eq!(pool.mempool_min_fee(NOW).sat_per_kvb(), raised);
    let coin = chain.fund();
    let least = FeeRate::from_sat_per_kvb(raised).fee_for(vsize);
    let code = refuse(&mut pool, &chain, &pay(coin, COIN, least - 1));
    assert_eq!(code, "mempool min fee not met");
    // It stays until a block comes, then falls by half in twelve hours.
    assert_eq!(pool.mempool_min_fee(NOW + 1_000_000).sat_per_kvb(), raised);
    let block = chain.block(&payments[1..6]);
    chain.connect(&block);
    pool.remove_for_block(&block, NOW);
    let half = pool.mempool_min_fee(NOW + 12 * 3_600).sat_per_kvb();
    assert!((half - raised / 2).abs() <= 1, "{half}");
    let (before, after) = (NOW + 54 * 3_600, NOW + 55 * 3_600);
    assert_eq!(
        pool.mempool_min_fee(before).sat_per_kvb(),
        1_000,
        "the increment"
    );
    assert_eq!(pool.mempool_min_fee(after), FeeRate::ZERO);
    assert_eq!(pool.min_fee_rate(after), pool.policy().min_relay_fee);
    chain.now = after;
    admit(&mut pool, &chain, &pay(coin, COIN, least - 1));
}

#[test]
fn m09_a_transaction_that_pays_least_is_evicted_at_once() {
    let mut chain = Chain::new();
    let mut pool = pool_with(small(5));
    for _ in 0..5 {
        let payment = pay(chain.fund(), COIN, 5_000);
        admit(&mut pool, &chain, &payment);
    }
    let poor = pay(chain.fund(), COIN, 1_000);
    let rejected = accept(&mut pool, &chain, &poor).expect_err("full");
    assert_eq!(rejected.code(), "mempool full");
    assert_eq!(pool.len(), 5);
    check(&pool, &chain);
}

#[test]
fn a_parent_stays_for_what_its_child_pays() {
    let mut chain = Chain::new();
    let mut pool = pool_with(small(6));
    let parent = pay(chain.fund(), COIN, 200);
    let child = pay(parent.outpoint(0), COIN - 200, 50_000);
    admit(&mut pool, &chain, &parent);
    admit(&mut pool, &chain, &child);
    for number in 0..10 {
        let payment = pay(chain.fund(), COIN, 5_000 + 1_000 * number);
        admit(&mut pool, &chain, &payment);
    }
    assert!(pool.find(&parent.txid()).is_some());
    assert!(pool.find(&child.txid()).is_some());
    check(&pool, &chain);
}

#[test]
fn an_evicted_parent_takes_its_children_along() {
    let mut chain = Chain::new();
    let mut pool = pool_with(small(6));
    let parent = pay(chain.fund(), COIN, 200);
    let child = pay(parent.outpoint(0), COIN - 200, 200);
    admit(&mut pool, &chain, &parent);
    admit(&mut pool, &chain, &child);
    for _ in 0..5 {
        let payment = pay(chain.fund(), COIN, 5_000);
        admit(&mut pool, &chain, &payment);
    }
    // The child is evicted first: with its parent it pays as little, and it is younger.
    let gone = removals(&mut pool);
    assert!(gone.iter().all(|(_, reason)| *reason == "evicted"));
    assert!(gone.iter().any(|(txid, _)| *txid == child.txid()));
    check(&pool, &chain);
}

#[test]
fn m12_entries_expire_after_336_hours_with_their_descendants() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let old = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &old);
    chain.now += 1;
    let child = pay(old.outpoint(0), COIN - 1_000, 1_000);
    let other = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &child);
    admit(&mut pool, &chain, &other);
    pool.enforce_limits(NOW + 336 * 3_600);
    assert_eq!(pool.len(), 3, "336 hours are not too long");
    pool.enforce_limits(NOW + 336 * 3_600 + 1);
    assert_eq!(txids(&pool), vec![other.txid()]);
    let gone = removals(&mut pool);
    assert_eq!(
        gone,
        vec![(child.txid(), "expired"), (old.txid(), "expired")]
    );
    check(&pool, &chain);
}

#[test]
fn m12_a_saved_mempool_is_restored() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 1_000);
    let child = pay(parent.outpoint(0), COIN - 1_000, 1_000);
    for tx in [&parent, &child] {
        admit(&mut pool, &chain, tx);
        chain.now += 50;
    }
    let conflicting = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &conflicting);
    pool.prioritise(child.txid(), 7).expect("room");
    pool.prioritise(synod_primitives::Txid::ZERO, -9)
        .expect("room");
    let bytes = Bytes::from(pool.save().encode());
    let saved = SavedMempool::decode(&bytes).expect("its own encoding");
    chain.coins.remove(&conflicting.inputs()[0].prevout);
    chain.now += 336 * 3_600 - 100;
    let mut restored = crate::kit::pool();
    let result = restored.restore(&saved, &chain.context());
    assert_eq!((result.admitted, result.expired, result.refused), (2, 0, 1));
    assert_eq!(txids(&restored), vec![parent.txid(), child.txid()]);
    assert_eq!(restored.fee_deltas(), pool.fee_deltas());
    let times: Vec<u64> = restored
        .entries(None)
        .map(|entry| entry.arrival().time)
        .collect();
    assert_eq!(times, vec![NOW, NOW + 50]);
    check(&restored, &chain);
    chain.now += 1;
    let mut later = crate::kit::pool();
    let result = later.restore(&saved, &chain.context());
    assert_eq!((result.admitted, result.expired, result.refused), (0, 1, 2));
}

#[test]
fn m12_a_damaged_file_is_refused_wherever_a_bit_is_flipped() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let payment = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &payment);
    let bytes = pool.save().encode();
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 1;
        assert!(
            SavedMempool::decode(&Bytes::from(damaged)).is_err(),
            "byte {position}"
        );
    }
    for length in 0..bytes.len() {
        let torn = Bytes::copy_from_slice(&bytes[..length]);
        assert!(SavedMempool::decode(&torn).is_err(), "{length} bytes");
    }
    let version = [&b"SYNDPOOL"[..], &[2], &[0; 40]].concat();
    let result = SavedMempool::decode(&Bytes::from(version));
    assert_eq!(result, Err(SaveError::Version(2)));
}
