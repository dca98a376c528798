//! Replacement by fee.

use synod_mempool::{Class, MAX_REPLACEMENT_CANDIDATES, Policy};
use synod_primitives::{OutPoint, Transaction};

use crate::kit::*;

fn vsize(tx: &Transaction) -> i64 {
    i64::try_from(tx.weight().vsize()).expect("small")
}

#[test]
fn a_higher_fee_replaces_the_entry_and_its_descendants() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let old = pay(coin, COIN, 1_000);
    let child = pay(old.outpoint(0), COIN - 1_000, 1_000);
    admit(&mut pool, &chain, &old);
    admit(&mut pool, &chain, &child);
    let new = pay(coin, COIN, 5_000);
    let accepted = admit(&mut pool, &chain, &new);
    assert_eq!(accepted.replaced, vec![child.txid(), old.txid()]);
    assert_eq!(txids(&pool), vec![new.txid()]);
    let gone = removals(&mut pool);
    assert_eq!(
        gone,
        vec![(child.txid(), "replaced"), (old.txid(), "replaced")]
    );
    check(&pool, &chain);
}

#[test]
fn without_full_replacement_only_those_that_signal_go() {
    let mut chain = Chain::new();
    let mut pool = pool_with(Policy {
        full_rbf: false,
        ..Policy::default()
    });
    let (first, second) = (chain.fund(), chain.fund());
    let silent = Draft::new(&[first], &[COIN - 1_000])
        .sequence(0xffff_fffe)
        .build();
    let signals = Draft::new(&[second], &[COIN - 1_000])
        .sequence(0xffff_fffd)
        .build();
    admit(&mut pool, &chain, &silent);
    admit(&mut pool, &chain, &signals);
    let code = refuse(&mut pool, &chain, &pay(first, COIN, 5_000));
    assert_eq!(code, "txn-mempool-conflict");
    admit(&mut pool, &chain, &pay(second, COIN, 5_000));
    assert_eq!(pool.len(), 2);
}

#[test]
fn m03_a_replacement_pays_more_by_its_own_relay() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let old = pay(coin, COIN, 1_000);
    admit(&mut pool, &chain, &old);
    let relay = vsize(&old);
    let mut code = |fee| refuse(&mut pool, &chain, &pay(coin, COIN, fee));
    assert_eq!(code(999), "insufficient fee");
    assert_eq!(code(1_001), "insufficient fee");
    assert_eq!(code(1_000 + relay - 1), "insufficient fee");
    let equal = Draft::new(&[coin], &[COIN - 1_000]).lock_time(1).build();
    assert_eq!(refuse(&mut pool, &chain, &equal), "insufficient fee");
    admit(&mut pool, &chain, &pay(coin, COIN, 1_000 + relay));
}

#[test]
fn m03_a_higher_rate_with_a_lower_fee_is_refused() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let large = fan(coin, COIN, 50, 10_000);
    admit(&mut pool, &chain, &large);
    let small = pay(coin, COIN, 9_999);
    assert!(9_999 / vsize(&small) > 10_000 / vsize(&large));
    assert_eq!(refuse(&mut pool, &chain, &small), "insufficient fee");
}

#[test]
fn m03_a_higher_fee_with_a_lower_rate_is_refused() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    admit(&mut pool, &chain, &pay(coin, COIN, 1_000));
    let rejected = accept(&mut pool, &chain, &fan(coin, COIN, 50, 9_000)).expect_err("a low rate");
    assert_eq!(rejected.code(), "insufficient fee");
    assert_eq!(rejected.class(), Class::Reconsiderable);
}

/// Makes `chains` entries, of which each has 24 children, and a coin for each.
fn fans(pool: &mut synod_mempool::Mempool, chain: &mut Chain, chains: usize) -> Vec<OutPoint> {
    let coins: Vec<OutPoint> = (0..chains).map(|_| chain.fund()).collect();
    for coin in &coins {
        let parent = fan(*coin, COIN, 24, 3_000);
        admit(pool, chain, &parent);
        for vout in 1..24 {
            admit(pool, chain, &pay(parent.outpoint(vout), 1_000, 200));
        }
    }
    coins
}

#[test]
fn m02_a_replacement_of_100_entries_is_admitted_and_one_of_101_refused() {
    let mut chain = Chain::new();
    let mut pool = pool();
    // 4 times 24 entries, and 4 or 5 alone.
    let mut coins = fans(&mut pool, &mut chain, 4);
    for _ in 0..5 {
        let coin = chain.fund();
        admit(&mut pool, &chain, &pay(coin, COIN, 1_000));
        coins.push(coin);
    }
    let replacing = |coins: &[OutPoint]| Draft::new(coins, &[COIN]).build();
    let code = refuse(&mut pool, &chain, &replacing(&coins));
    assert_eq!(code, "too many potential replacements");
    let accepted = admit(&mut pool, &chain, &replacing(&coins[..8]));
    assert_eq!(accepted.replaced.len() as u64, MAX_REPLACEMENT_CANDIDATES);
    check(&pool, &chain);
}

#[test]
fn m04_a_replacement_adds_no_unconfirmed_input() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (first, second) = (chain.fund(), chain.fund());
    let old = pay(first, COIN, 1_000);
    let other = pay(second, COIN, 1_000);
    admit(&mut pool, &chain, &old);
    admit(&mut pool, &chain, &other);
    let new = Draft::new(&[first, other.outpoint(0)], &[COIN]).build();
    assert_eq!(
        refuse(&mut pool, &chain, &new),
        "replacement-adds-unconfirmed"
    );
}

#[test]
fn m04_a_replacement_may_keep_an_unconfirmed_parent() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = Draft::new(&[chain.fund()], &[5_000_000, 4_000_000]).build();
    admit(&mut pool, &chain, &parent);
    let old = pay(parent.outpoint(0), 5_000_000, 1_000);
    admit(&mut pool, &chain, &old);
    let both = [parent.outpoint(0), parent.outpoint(1)];
    let new = Draft::new(&both, &[8_900_000]).build();
    let accepted = admit(&mut pool, &chain, &new);
    assert_eq!(accepted.replaced, vec![old.txid()]);
    check(&pool, &chain);
}

#[test]
fn m04_a_transaction_cannot_spend_what_it_replaces() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let parent = pay(coin, COIN, 1_000);
    admit(&mut pool, &chain, &parent);
    let new = Draft::new(&[coin, parent.outpoint(0)], &[COIN]).build();
    let rejected = accept(&mut pool, &chain, &new).expect_err("it spends its own conflict");
    assert_eq!(rejected.code(), "bad-txns-spends-conflicting-tx");
    assert_eq!(rejected.class(), Class::Consensus);
}

#[test]
fn m05_a_replaced_transaction_is_admitted_again_however_often() {
    // A, then B in its place, then C that spends only the other input of B, then A again.
    let mut chain = Chain::new();
    let mut pool = pool();
    let (shared, other) = (chain.fund(), chain.fund());
    let first = pay(shared, COIN, 1_000);
    let both = Draft::new(&[shared, other], &[2 * COIN - 4_000]).build();
    let last = pay(other, COIN, 5_000);
    let ends_cycle = conflicting_block(&mut chain, &[shared, other]);
    for _ in 0..10_000 {
        admit(&mut pool, &chain, &first);
        assert_eq!(admit(&mut pool, &chain, &both).replaced, vec![first.txid()]);
        assert_eq!(admit(&mut pool, &chain, &last).replaced, vec![both.txid()]);
        assert!(pool.find_spender(&shared).is_none());
        admit(&mut pool, &chain, &first);
        assert!(pool.summary(NOW).bytes < 10_000);
        pool.remove_for_block(&ends_cycle, NOW);
        assert!(pool.is_empty());
        let _events = pool.take_events();
    }
}

/// A block that spends these outputs otherwise; it is not connected.
fn conflicting_block(chain: &mut Chain, coins: &[OutPoint]) -> synod_primitives::Block {
    chain.block(&[Draft::new(coins, &[7]).build()])
}

#[test]
fn m01_a_version_3_child_replaces_its_sibling() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let parent = Draft::new(&[coin], &[5_000_000, 4_900_000])
        .version(3)
        .build();
    admit(&mut pool, &chain, &parent);
    let child = |vout: u32, value: i64, fee: i64| {
        Draft::new(&[parent.outpoint(vout)], &[value - fee])
            .version(3)
            .build()
    };
    let pinning = child(0, 5_000_000, 1_000);
    admit(&mut pool, &chain, &pinning);
    let code = refuse(&mut pool, &chain, &child(1, 4_900_000, 1_000));
    assert_eq!(code, "insufficient fee (including sibling eviction)");
    let accepted = admit(&mut pool, &chain, &child(1, 4_900_000, 2_000));
    assert_eq!(accepted.replaced, vec![pinning.txid()]);
    check(&pool, &chain);
}

#[test]
fn m01_version_3_is_restricted_in_size_and_kin() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (first, second, third) = (chain.fund(), chain.fund(), chain.fund());
    let parent = Draft::new(&[first], &[5_000_000]).version(3).build();
    let ordinary = Draft::new(&[second], &[5_000_000]).build();
    admit(&mut pool, &chain, &parent);
    admit(&mut pool, &chain, &ordinary);
    let spend = |from: &Transaction, version| {
        Draft::new(&[from.outpoint(0)], &[4_000_000])
            .version(version)
            .build()
    };
    assert_eq!(
        refuse(&mut pool, &chain, &spend(&parent, 2)),
        "TRUC-violation"
    );
    assert_eq!(
        refuse(&mut pool, &chain, &spend(&ordinary, 3)),
        "TRUC-violation"
    );
    let outputs = |count: usize| vec![1_000; count];
    // 10,000 vbytes are 231 outputs; 1,000 are 22.
    let sized = |from, count: usize| Draft::new(&[from], &outputs(count)).version(3).build();
    assert!(sized(third, 232).weight().vsize() > 10_000);
    assert_eq!(
        refuse(&mut pool, &chain, &sized(third, 232)),
        "TRUC-violation"
    );
    admit(&mut pool, &chain, &sized(third, 231));
    let large_child = sized(parent.outpoint(0), 23);
    assert!(large_child.weight().vsize() > 1_000);
    assert_eq!(refuse(&mut pool, &chain, &large_child), "TRUC-violation");
    let child = sized(parent.outpoint(0), 21);
    admit(&mut pool, &chain, &child);
    let grandchild = Draft::new(&[child.outpoint(0)], &[500]).version(3).build();
    assert_eq!(refuse(&mut pool, &chain, &grandchild), "TRUC-violation");
}
