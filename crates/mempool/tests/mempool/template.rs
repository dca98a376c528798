//! Templates and what is projected from them.

use synod_mempool::{FeeRate, Mempool, Template};
use synod_primitives::{Transaction, Txid};

use crate::kit::*;

fn order(template: &Template) -> Vec<Txid> {
    template
        .transactions
        .iter()
        .map(|member| member.transaction.txid())
        .collect()
}

#[test]
fn the_highest_rate_comes_first() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let fees = [3_000, 9_000, 1_000, 6_000];
    let payments = fees.map(|fee| pay(chain.fund(), COIN, fee));
    for payment in &payments {
        admit(&mut pool, &chain, payment);
    }
    let template = pool.build_template(&chain.limits());
    check_template(&template, &chain, &chain.limits());
    assert_eq!(
        order(&template),
        [1, 3, 0, 2].map(|index: usize| payments[index].txid())
    );
    assert_eq!(template.fees.sat(), 19_000);
}

#[test]
fn a_child_brings_its_parent_in() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 200);
    let child = pay(parent.outpoint(0), COIN - 200, 20_000);
    let other = pay(chain.fund(), COIN, 5_000);
    for tx in [&parent, &child, &other] {
        admit(&mut pool, &chain, tx);
    }
    let template = pool.build_template(&chain.limits());
    assert_eq!(
        order(&template),
        vec![parent.txid(), child.txid(), other.txid()]
    );
}

#[test]
fn a_parent_that_is_chosen_no_longer_counts_for_its_other_child() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = Draft::new(&[chain.fund()], &[5_000_000, 4_999_800]).build();
    let rich = pay(parent.outpoint(0), 5_000_000, 30_000);
    let modest = pay(parent.outpoint(1), 4_999_800, 6_000);
    let other = pay(chain.fund(), COIN, 5_000);
    for tx in [&parent, &modest, &other, &rich] {
        admit(&mut pool, &chain, tx);
    }
    // With its parent the modest child pays less than the other, alone it pays more.
    let template = pool.build_template(&chain.limits());
    let expected = [&parent, &rich, &modest, &other].map(Transaction::txid);
    assert_eq!(order(&template), expected);
}

#[test]
fn weight_is_filled_to_the_limit_and_not_past_it() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let payments: Vec<_> = (0..10).map(|_| pay(chain.fund(), COIN, 1_000)).collect();
    for payment in &payments {
        admit(&mut pool, &chain, payment);
    }
    let weight = payments[0].weight().0;
    let mut limits = chain.limits();
    limits.max_weight = limits.reserved_weight + 4 * weight;
    let template = pool.build_template(&limits);
    check_template(&template, &chain, &limits);
    assert_eq!(template.transactions.len(), 4);
    limits.max_weight -= 1;
    assert_eq!(pool.build_template(&limits).transactions.len(), 3);
}

#[test]
fn what_does_not_fit_leaves_room_for_what_does() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let large = fan(chain.fund(), COIN, 100, 100_000);
    let small = pay(chain.fund(), COIN, 1_000);
    admit(&mut pool, &chain, &large);
    admit(&mut pool, &chain, &small);
    let mut limits = chain.limits();
    limits.max_weight = limits.reserved_weight + small.weight().0;
    assert_eq!(order(&pool.build_template(&limits)), vec![small.txid()]);
}

#[test]
fn signature_operations_are_filled_to_the_limit() {
    let mut chain = Chain::new();
    let mut pool = pool();
    // A bare multisig output counts twenty operations, four units each.
    let multisig = [&[0x51, 33][..], &[2; 33], &[0x51, 0xae]].concat();
    for _ in 0..5 {
        let coin = chain.fund();
        let draft = Draft::new(&[coin], &[COIN - 10_000]).output(1_000, multisig.clone());
        admit(&mut pool, &chain, &draft.build());
    }
    let mut limits = chain.limits();
    limits.max_sigop_cost = limits.reserved_sigop_cost + 3 * 80;
    let template = pool.build_template(&limits);
    check_template(&template, &chain, &limits);
    assert_eq!((template.transactions.len(), template.sigop_cost), (3, 240));
    limits.max_sigop_cost -= 1;
    assert_eq!(pool.build_template(&limits).transactions.len(), 2);
}

#[test]
fn nothing_below_the_least_rate_is_taken() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let payment = pay(chain.fund(), COIN, 1_000);
    let vsize = payment.weight().vsize();
    admit(&mut pool, &chain, &payment);
    let mut limits = chain.limits();
    limits.min_fee_rate = FeeRate::of(1_000, vsize);
    assert_eq!(pool.build_template(&limits).transactions.len(), 1);
    limits.min_fee_rate = FeeRate::from_sat_per_kvb(limits.min_fee_rate.sat_per_kvb() + 11);
    assert_eq!(pool.build_template(&limits).transactions.len(), 0);
}

#[test]
fn nothing_that_is_locked_is_taken() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let locked = Draft::new(&[chain.fund()], &[COIN - 9_000])
        .lock_time(START)
        .build();
    let child = pay(locked.outpoint(0), COIN - 9_000, 1_000);
    let free = pay(chain.fund(), COIN, 1_000);
    for tx in [&locked, &child, &free] {
        admit(&mut pool, &chain, tx);
    }
    let mut limits = chain.limits();
    assert_eq!(pool.build_template(&limits).transactions.len(), 3);
    limits.height = synod_primitives::Height(START);
    assert_eq!(order(&pool.build_template(&limits)), vec![free.txid()]);
}

#[test]
fn an_operators_delta_changes_the_order_and_not_the_fees() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (first, second) = (
        pay(chain.fund(), COIN, 5_000),
        pay(chain.fund(), COIN, 1_000),
    );
    admit(&mut pool, &chain, &first);
    admit(&mut pool, &chain, &second);
    pool.prioritise(second.txid(), 10_000).expect("room");
    let template = pool.build_template(&chain.limits());
    assert_eq!(order(&template), vec![second.txid(), first.txid()]);
    assert_eq!(template.fees.sat(), 6_000);
}

#[test]
fn a_poor_parent_with_a_rich_and_a_modest_child_is_kept_in_the_right_order() {
    let mut chain = Chain::new();
    let mut pool = pool();
    // The modest child pays more than its parent with the rich one do together, but comes after
    // them: once they are in it is the best of all.
    let parent = Draft::new(&[chain.fund()], &[5_000_000, 4_999_800]).build();
    let rich = pay(parent.outpoint(0), 5_000_000, 20_000);
    let modest = pay(parent.outpoint(1), 4_999_800, 15_000);
    let other = pay(chain.fund(), COIN, 8_000);
    for tx in [&other, &parent, &modest, &rich] {
        admit(&mut pool, &chain, tx);
        let limits = chain.limits();
        assert_eq!(pool.next_block(&limits), pool.build_template(&limits));
    }
    let expected = [&parent, &rich, &modest, &other].map(Transaction::txid);
    assert_eq!(order(&pool.next_block(&chain.limits())), expected);
    pool.prioritise(modest.txid(), i64::MAX).expect("room");
    let limits = chain.limits();
    check_template(&pool.next_block(&limits), &chain, &limits);
    pool.prioritise(modest.txid(), i64::MIN).expect("room");
    check_template(&pool.next_block(&limits), &chain, &limits);
}

#[test]
fn a_kept_block_under_other_limits_is_chosen_under_those() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let locked = Draft::new(&[chain.fund()], &[COIN - 9_000])
        .lock_time(START)
        .build();
    let free = pay(chain.fund(), COIN, 1_000);
    for tx in [&locked, &free] {
        admit(&mut pool, &chain, tx);
    }
    let mut limits = chain.limits();
    assert_eq!(order(&pool.next_block(&limits)).len(), 2);
    limits.height = synod_primitives::Height(START);
    assert_eq!(order(&pool.next_block(&limits)), vec![free.txid()]);
    limits.height = chain.limits().height;
    assert_eq!(order(&pool.next_block(&limits)).len(), 2);
    limits.min_fee_rate = FeeRate::of(9_000, locked.weight().vsize());
    assert_eq!(order(&pool.next_block(&limits)), vec![locked.txid()]);
    limits.max_weight = limits.reserved_weight;
    assert!(pool.next_block(&limits).transactions.is_empty());
}

/// A mempool of 40 payments with rising fees.
fn forty(chain: &mut Chain) -> (Mempool, u64) {
    let mut pool = pool();
    let mut weight = 0;
    for number in 1..=40 {
        let payment = pay(chain.fund(), COIN, 1_000 * number);
        weight = payment.weight().0;
        admit(&mut pool, chain, &payment);
    }
    (pool, weight)
}

#[test]
fn blocks_are_projected_until_the_entries_end() {
    let mut chain = Chain::new();
    let (pool, weight) = forty(&mut chain);
    let mut limits = chain.limits();
    limits.max_weight = limits.reserved_weight + 15 * weight;
    let blocks = pool.projected_blocks(&limits, 8);
    assert_eq!(
        blocks.iter().map(|block| block.count).collect::<Vec<_>>(),
        vec![15, 15, 10]
    );
    assert_eq!(
        blocks.iter().map(|b| b.is_full).collect::<Vec<_>>(),
        vec![true, true, false]
    );
    let total: i64 = blocks.iter().map(|block| block.total_fees.sat()).sum();
    assert_eq!(total, 820_000);
    let vsize = weight.div_ceil(4);
    let rate = |fee: i128| FeeRate::of(fee, vsize);
    assert_eq!(blocks[0].fee_range[0], rate(26_000));
    assert_eq!(blocks[0].fee_range[6], rate(40_000));
    assert_eq!(blocks[0].median_fee_rate, rate(33_000));
    assert_eq!(pool.projected_blocks(&limits, 2).len(), 2);
    let estimates = pool.fee_estimates(&blocks, NOW);
    let step = FeeRate::from_sat_per_kvb(1_000);
    assert_eq!(estimates.within(1), rate(26_000).saturating_add(step));
    assert_eq!(estimates.within(2), rate(11_000).saturating_add(step));
    assert_eq!(estimates.within(3), step);
    assert_eq!(
        (estimates.within(100), estimates.within(0)),
        (step, estimates.within(1))
    );
}

#[test]
fn what_did_not_fit_one_block_is_projected_for_the_next() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let small = pay(chain.fund(), COIN, 90_000);
    let large = fan(chain.fund(), COIN, 100, 500_000);
    let child = pay(large.outpoint(0), large.outputs()[0].value.sat(), 1_000);
    for tx in [&small, &large, &child] {
        admit(&mut pool, &chain, tx);
    }
    let mut limits = chain.limits();
    limits.max_weight = limits.reserved_weight + large.weight().0;
    let blocks = pool.projected_blocks(&limits, 8);
    assert_eq!(
        blocks.iter().map(|block| block.count).collect::<Vec<_>>(),
        vec![1, 1, 1]
    );
}

#[test]
fn an_empty_mempool_projects_nothing_and_asks_the_minimum() {
    let chain = Chain::new();
    let pool = pool();
    let blocks = pool.projected_blocks(&chain.limits(), 8);
    assert!(blocks.is_empty());
    let estimates = pool.fee_estimates(&blocks, NOW);
    assert_eq!(estimates.within(1), pool.policy().min_relay_fee);
    assert!(pool.fee_histogram(50_000).is_empty());
    assert_eq!(pool.build_template(&chain.limits()), Template::default());
}

#[test]
fn the_histogram_falls_and_holds_everything() {
    let mut chain = Chain::new();
    let (pool, _) = forty(&mut chain);
    let bins = pool.fee_histogram(500);
    let vsize: u64 = bins.iter().map(|bin| bin.vsize).sum();
    assert_eq!(vsize, pool.summary(NOW).vsize);
    assert!(
        bins.windows(2)
            .all(|pair| pair[0].fee_rate > pair[1].fee_rate)
    );
    let (last, others) = bins.split_last().expect("there are bins");
    assert!(others.iter().all(|bin| bin.vsize > 500));
    assert!(last.vsize > 0);
}
