//! Chains of unconfirmed transactions.

use synod_mempool::{ChainLimit, Mempool, Rejected};
use synod_primitives::Transaction;

use crate::kit::*;

/// Admits a chain of `count` payments.
fn chain_of(pool: &mut Mempool, chain: &mut Chain, count: usize) -> Vec<Transaction> {
    let mut payments = vec![pay(chain.fund(), COIN, 1_000)];
    admit(pool, chain, &payments[0]);
    for _ in 1..count {
        let next = next_of(&payments[payments.len() - 1]);
        admit(pool, chain, &next);
        payments.push(next);
    }
    payments
}

fn next_of(parent: &Transaction) -> Transaction {
    pay(parent.outpoint(0), parent.outputs()[0].value.sat(), 1_000)
}

#[test]
fn m06_the_25th_of_a_chain_is_admitted_and_the_26th_refused() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let payments = chain_of(&mut pool, &mut chain, 25);
    let last = pool.find(&payments[24].txid()).expect("it is here");
    assert_eq!(last.ancestors().count, 25);
    let first = pool.find(&payments[0].txid()).expect("it is here");
    assert_eq!(first.descendants().count, 25);
    let code = refuse(&mut pool, &chain, &next_of(&payments[24]));
    assert_eq!(code, "too-long-mempool-chain");
    assert_eq!(pool.ancestors_of(&payments[24].txid()).len(), 24);
    assert_eq!(pool.descendants_of(&payments[0].txid()).len(), 24);
}

#[test]
fn m06_a_parent_has_24_children_and_one_more_of_the_carve_out() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = fan(chain.fund(), COIN, 30, 10_000);
    admit(&mut pool, &chain, &parent);
    let child = |vout| pay(parent.outpoint(vout), 1_000, 200);
    for vout in 1..=24 {
        admit(&mut pool, &chain, &child(vout));
    }
    // The 26th entry of the family is small and has one ancestor.
    admit(&mut pool, &chain, &child(25));
    let rejected = accept(&mut pool, &chain, &child(26)).expect_err("the 27th");
    let limit = ChainLimit::DescendantCount {
        ancestor: parent.txid(),
        limit: 25,
    };
    assert_eq!(rejected, Rejected::TooLongChain(limit));
    check(&pool, &chain);
}

#[test]
fn m06_the_carve_out_is_not_for_grandchildren_nor_for_large_children() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = fan(chain.fund(), COIN, 30, 10_000);
    admit(&mut pool, &chain, &parent);
    let main = parent.outputs()[0].value.sat();
    for vout in 1..=24 {
        admit(&mut pool, &chain, &pay(parent.outpoint(vout), 1_000, 200));
    }
    let large = Draft::new(&[parent.outpoint(0)], &[1_000; 240]).build();
    assert!(large.weight().vsize() > 10_000);
    assert_eq!(refuse(&mut pool, &chain, &large), "too-long-mempool-chain");
    let small = pay(parent.outpoint(0), main, 1_000);
    admit(&mut pool, &chain, &small);
    let next = next_of(&small);
    assert_eq!(refuse(&mut pool, &chain, &next), "too-long-mempool-chain");
}

#[test]
fn m06_a_family_of_101_000_vbytes_is_admitted_and_no_more() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund_with(100 * COIN, anyone().as_bytes(), false, chain.height());
    let parent = bulky(coin, 100 * COIN, 50_000, 100_000);
    let parent_vsize = admit(&mut pool, &chain, &parent).vsize;
    let rest = 101_000 - parent_vsize;
    let (from, value) = (parent.outpoint(0), parent.outputs()[0].value.sat());
    let largest = (0..200).map(|more| bulky(from, value, rest - 100 + more, 110_000));
    let (fits, exceeds): (Vec<_>, Vec<_>) = largest.partition(|tx| tx.weight().vsize() <= rest);
    let too_large = exceeds
        .iter()
        .min_by_key(|tx| tx.weight().vsize())
        .expect("one exceeds");
    assert_eq!(
        refuse(&mut pool, &chain, too_large),
        "too-long-mempool-chain"
    );
    let just_fits = fits
        .iter()
        .max_by_key(|tx| tx.weight().vsize())
        .expect("one fits");
    assert!(too_large.weight().vsize() - just_fits.weight().vsize() <= 43);
    admit(&mut pool, &chain, just_fits);
    check(&pool, &chain);
}

#[test]
fn a_replacement_does_not_count_beside_what_it_replaces() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let payments = chain_of(&mut pool, &mut chain, 25);
    let parent = &payments[23];
    let value = parent.outputs()[0].value.sat();
    let new = pay(parent.outpoint(0), value, 5_000);
    assert_eq!(
        admit(&mut pool, &chain, &new).replaced,
        vec![payments[24].txid()]
    );
    check(&pool, &chain);
}

#[test]
fn ancestors_that_are_reached_twice_count_once() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let top = Draft::new(&[chain.fund()], &[4_000_000, 4_000_000]).build();
    let left = pay(top.outpoint(0), 4_000_000, 1_000);
    let right = pay(top.outpoint(1), 4_000_000, 1_000);
    let both = [left.outpoint(0), right.outpoint(0)];
    let bottom = Draft::new(&both, &[7_000_000]).build();
    for tx in [&top, &left, &right, &bottom] {
        admit(&mut pool, &chain, tx);
    }
    let entry = |tx: &Transaction| pool.find(&tx.txid()).expect("it is here");
    assert_eq!(entry(&bottom).ancestors().count, 4);
    assert_eq!(entry(&top).descendants().count, 4);
    check(&pool, &chain);
}
