//! Blocks, and reorganisations.

use synod_ledger::SignatureCache;
use synod_mempool::{Mempool, Policy};
use synod_primitives::{Block, Height, Transaction};

use crate::kit::*;

/// Connects a block to chain and mempool.
fn connect(pool: &mut Mempool, chain: &mut Chain, transactions: &[Transaction]) -> Block {
    let block = chain.block(transactions);
    chain.connect(&block);
    pool.remove_for_block(&block, chain.now);
    block
}

/// Disconnects `count` blocks from chain and mempool.
fn disconnect(pool: &mut Mempool, chain: &mut Chain, count: usize) -> Height {
    for _ in 0..count {
        let block = chain.disconnect();
        pool.add_disconnected(&block);
    }
    chain.height()
}

#[test]
fn a_block_confirms_entries_and_leaves_their_children() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 1_000);
    let child = pay(parent.outpoint(0), COIN - 1_000, 1_000);
    admit(&mut pool, &chain, &parent);
    admit(&mut pool, &chain, &child);
    let _added = pool.take_events();
    connect(&mut pool, &mut chain, std::slice::from_ref(&parent));
    assert_eq!(txids(&pool), vec![child.txid()]);
    assert_eq!(
        pool.find(&child.txid())
            .map(|entry| entry.ancestors().count),
        Some(1)
    );
    assert_eq!(removals(&mut pool), vec![(parent.txid(), "block")]);
    check(&pool, &chain);
}

#[test]
fn a_block_drops_what_conflicts_with_it_and_all_that_depends_on_that() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let parent = pay(coin, COIN, 1_000);
    let child = pay(parent.outpoint(0), COIN - 1_000, 1_000);
    let other = pay(chain.fund(), COIN, 1_000);
    for tx in [&parent, &child, &other] {
        admit(&mut pool, &chain, tx);
    }
    let _added = pool.take_events();
    connect(&mut pool, &mut chain, &[pay(coin, COIN, 500)]);
    assert_eq!(txids(&pool), vec![other.txid()]);
    let gone = removals(&mut pool);
    assert_eq!(
        gone,
        vec![(child.txid(), "conflict"), (parent.txid(), "conflict")]
    );
    check(&pool, &chain);
}

#[test]
fn m13_disconnected_transactions_come_back_below_what_spends_them() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let grandparent = pay(chain.fund(), COIN, 1_000);
    let parent = pay(grandparent.outpoint(0), COIN - 1_000, 1_000);
    let child = pay(parent.outpoint(0), COIN - 2_000, 1_000);
    connect(&mut pool, &mut chain, std::slice::from_ref(&grandparent));
    connect(&mut pool, &mut chain, std::slice::from_ref(&parent));
    admit(&mut pool, &chain, &child);
    let arrival = pool.find(&child.txid()).expect("it is here").arrival();
    let fork = disconnect(&mut pool, &mut chain, 2);
    connect(&mut pool, &mut chain, &[]);
    pool.finish_reorg(&chain.context(), fork);
    check(&pool, &chain);
    assert_eq!(pool.len(), 3);
    let entry = pool.find(&child.txid()).expect("it stayed");
    assert_eq!((entry.ancestors().count, entry.arrival()), (3, arrival));
    let template = pool.build_template(&chain.limits());
    let order: Vec<_> = template
        .transactions
        .iter()
        .map(|tx| tx.transaction.txid())
        .collect();
    assert_eq!(order, vec![grandparent.txid(), parent.txid(), child.txid()]);
}

#[test]
fn what_the_new_branch_holds_does_not_come_back() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let kept = pay(chain.fund(), COIN, 1_000);
    let returned = pay(chain.fund(), COIN, 1_000);
    connect(&mut pool, &mut chain, &[kept.clone(), returned.clone()]);
    let child = pay(kept.outpoint(0), COIN - 1_000, 1_000);
    admit(&mut pool, &chain, &child);
    let fork = disconnect(&mut pool, &mut chain, 1);
    connect(&mut pool, &mut chain, std::slice::from_ref(&kept));
    pool.finish_reorg(&chain.context(), fork);
    check(&pool, &chain);
    assert_eq!(pool.len(), 2);
    assert!(pool.find(&returned.txid()).is_some());
    assert!(
        pool.find(&child.txid()).is_some(),
        "its parent is confirmed again"
    );
}

#[test]
fn what_conflicts_with_the_new_branch_is_lost_with_its_children() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let lost = pay(coin, COIN, 1_000);
    connect(&mut pool, &mut chain, std::slice::from_ref(&lost));
    let child = pay(lost.outpoint(0), COIN - 1_000, 1_000);
    let grandchild = pay(child.outpoint(0), COIN - 2_000, 1_000);
    admit(&mut pool, &chain, &child);
    admit(&mut pool, &chain, &grandchild);
    let _added = pool.take_events();
    let fork = disconnect(&mut pool, &mut chain, 1);
    connect(&mut pool, &mut chain, &[pay(coin, COIN, 2_000)]);
    pool.finish_reorg(&chain.context(), fork);
    check(&pool, &chain);
    assert!(pool.is_empty());
    let gone = removals(&mut pool);
    assert_eq!(
        gone,
        vec![(grandchild.txid(), "reorg"), (child.txid(), "reorg")]
    );
}

#[test]
fn spends_of_coinbases_that_are_immature_again_go() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let script = anyone();
    let young = chain.fund_with(COIN, script.as_bytes(), true, Height(START - 97));
    connect(&mut pool, &mut chain, &[]);
    let tip = connect(&mut pool, &mut chain, &[]);
    // Next is START + 3: the coinbase has exactly 100 confirmations in it.
    let from_young = pay(young, COIN, 1_000);
    admit(&mut pool, &chain, &from_young);
    assert!(chain.coins.contains_key(&tip.transactions()[0].outpoint(0)));
    let fork = disconnect(&mut pool, &mut chain, 1);
    pool.finish_reorg(&chain.context(), fork);
    assert!(pool.is_empty(), "99 confirmations");
    let code = refuse(&mut pool, &chain, &from_young);
    assert_eq!(code, "bad-txns-premature-spend-of-coinbase");
    check(&pool, &chain);
}

#[test]
fn spends_of_coinbases_that_are_gone_go() {
    let mut chain = Chain::new();
    chain.rules.coinbase_maturity = 1;
    let mut pool = pool();
    let tip = connect(&mut pool, &mut chain, &[]);
    let spend = pay(tip.transactions()[0].outpoint(0), 5_000_000_000, 1_000);
    admit(&mut pool, &chain, &spend);
    let fork = disconnect(&mut pool, &mut chain, 1);
    connect(&mut pool, &mut chain, &[]);
    pool.finish_reorg(&chain.context(), fork);
    assert!(pool.is_empty());
    check(&pool, &chain);
}

#[test]
fn what_is_no_longer_final_goes() {
    let mut chain = Chain::new();
    let mut pool = pool();
    connect(&mut pool, &mut chain, &[]);
    let coins = [chain.fund(), chain.fund()];
    let locked = Draft::new(&coins[..1], &[COIN - 1_000])
        .lock_time(START + 1)
        .build();
    let open = Draft::new(&coins[1..], &[COIN - 1_000])
        .lock_time(START)
        .build();
    admit(&mut pool, &chain, &locked);
    admit(&mut pool, &chain, &open);
    let fork = disconnect(&mut pool, &mut chain, 1);
    pool.finish_reorg(&chain.context(), fork);
    assert_eq!(txids(&pool), vec![open.txid()]);
    check(&pool, &chain);
}

#[test]
fn relative_lock_times_are_counted_from_the_new_height() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let parent = pay(chain.fund(), COIN, 1_000);
    connect(&mut pool, &mut chain, std::slice::from_ref(&parent));
    connect(&mut pool, &mut chain, &[]);
    // Two blocks after its parent.
    let waiting = Draft::new(&[parent.outpoint(0)], &[COIN - 2_000])
        .sequence(2)
        .build();
    admit(&mut pool, &chain, &waiting);
    let fork = disconnect(&mut pool, &mut chain, 2);
    connect(&mut pool, &mut chain, std::slice::from_ref(&parent));
    connect(&mut pool, &mut chain, &[]);
    pool.finish_reorg(&chain.context(), fork);
    assert_eq!(txids(&pool), vec![waiting.txid()], "as deep as before");
    let fork = disconnect(&mut pool, &mut chain, 2);
    connect(&mut pool, &mut chain, &[]);
    connect(&mut pool, &mut chain, std::slice::from_ref(&parent));
    pool.finish_reorg(&chain.context(), fork);
    assert!(pool.is_empty(), "its parent is one block younger");
    check(&pool, &chain);
}

#[test]
fn transactions_of_blocks_come_back_whatever_their_fee() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let free = pay(chain.fund(), COIN, 0);
    connect(&mut pool, &mut chain, std::slice::from_ref(&free));
    let fork = disconnect(&mut pool, &mut chain, 1);
    pool.finish_reorg(&chain.context(), fork);
    assert_eq!(txids(&pool), vec![free.txid()]);
    check(&pool, &chain);
}

#[test]
fn limits_hold_after_a_reorganisation() {
    let mut chain = Chain::new();
    let payments: Vec<_> = (0..50).map(|_| pay(chain.fund(), COIN, 1_000)).collect();
    let mut probe = pool();
    admit(&mut probe, &chain, &payments[0]);
    let max_bytes = probe.summary(NOW).bytes * 20;
    let mut pool = pool_with(Policy {
        max_bytes,
        ..Policy::default()
    });
    connect(&mut pool, &mut chain, &payments);
    let fork = disconnect(&mut pool, &mut chain, 1);
    pool.finish_reorg(&chain.context(), fork);
    assert_eq!(pool.len(), 20);
    check(&pool, &chain);
}

#[test]
fn m13_chains_that_are_too_long_lose_their_end() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let mut confirmed = vec![pay(chain.fund(), COIN, 1_000)];
    for _ in 1..20 {
        let last = &confirmed[confirmed.len() - 1];
        confirmed.push(pay(last.outpoint(0), last.outputs()[0].value.sat(), 1_000));
    }
    connect(&mut pool, &mut chain, &confirmed);
    let mut waiting = Vec::new();
    let mut last = confirmed[19].clone();
    for _ in 0..10 {
        last = pay(last.outpoint(0), last.outputs()[0].value.sat(), 1_000);
        admit(&mut pool, &chain, &last);
        waiting.push(last.clone());
    }
    let fork = disconnect(&mut pool, &mut chain, 1);
    pool.finish_reorg(&chain.context(), fork);
    assert_eq!(pool.len(), 25);
    assert!(pool.find(&waiting[4].txid()).is_some());
    assert!(pool.find(&waiting[5].txid()).is_none());
    check(&pool, &chain);
}

#[test]
fn m13_a_reorganisation_of_100_blocks_brings_their_transactions_back() {
    let mut chain = Chain::new();
    let mut pool = pool();
    for _ in 0..100 {
        let payments: Vec<_> = (0..5)
            .flat_map(|_| {
                let parent = pay(chain.fund(), COIN, 1_000);
                let child = pay(parent.outpoint(0), COIN - 1_000, 1_000);
                [parent, child]
            })
            .collect();
        connect(&mut pool, &mut chain, &payments);
    }
    let fork = disconnect(&mut pool, &mut chain, 100);
    assert_eq!(fork, Height(START));
    connect(&mut pool, &mut chain, &[]);
    pool.finish_reorg(&chain.context(), fork);
    assert_eq!(pool.len(), 1_000);
    check(&pool, &chain);
    let limits = chain.limits();
    check_template(&pool.build_template(&limits), &chain, &limits);
}

#[test]
fn the_coins_that_a_reorganisation_needs_are_named() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (confirmed_coin, late_coin) = (chain.fund(), chain.fund());
    let parent = pay(confirmed_coin, COIN, 1_000);
    connect(&mut pool, &mut chain, std::slice::from_ref(&parent));
    let child = Draft::new(&[parent.outpoint(0), late_coin], &[COIN]).build();
    admit(&mut pool, &chain, &child);
    let fork = disconnect(&mut pool, &mut chain, 1);
    let mut expected = vec![confirmed_coin, late_coin];
    expected.sort_unstable();
    assert_eq!(pool.reorg_coins(fork), expected);
}

#[test]
fn a_returning_transaction_whose_script_is_not_standard_goes_with_its_children() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let script: &[u8] = &[0xb9, 0x51];
    let output = synod_script::template::p2wsh(&synod_primitives::sha256(script));
    let coin = chain.fund_with(COIN, output.as_bytes(), false, Height(START - 5));
    let mut odd = Draft::new(&[coin], &[COIN - 1_000]);
    odd.inputs[0].witness = synod_primitives::Witness::from_items(&[script]);
    let odd = odd.build();
    let child = pay(odd.outpoint(0), COIN - 1_000, 1_000);
    let grandchild = pay(child.outpoint(0), COIN - 2_000, 1_000);
    connect(&mut pool, &mut chain, &[odd.clone(), child.clone()]);
    admit(&mut pool, &chain, &grandchild);
    let fork = disconnect(&mut pool, &mut chain, 1);
    pool.finish_reorg(&chain.context(), fork);
    assert!(pool.is_empty());
    check(&pool, &chain);
    let flags = chain.rules.script_flags(chain.height().next());
    assert!(
        !pool.is_verified(&odd.wtxid(), flags),
        "what fails is not remembered as valid"
    );
}

#[test]
fn scripts_of_returning_transactions_may_be_verified_elsewhere() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let kept = pay(chain.fund(), COIN, 1_000);
    let unverified = pay(chain.fund(), COIN, 1_000);
    let child = pay(unverified.outpoint(0), COIN - 1_000, 1_000);
    connect(
        &mut pool,
        &mut chain,
        &[kept.clone(), unverified.clone(), child.clone()],
    );
    let fork = disconnect(&mut pool, &mut chain, 1);
    let context = chain.context();
    pool.finish_reorg_with(&context, fork, |prepared| {
        assert_eq!(prepared.len(), 3);
        // In another order, and one without an answer.
        let wanted = prepared.into_iter().rev();
        let wanted = wanted.filter(|it| it.transaction().txid() != unverified.txid());
        wanted.map(synod_mempool::Prepared::verify).collect()
    });
    assert_eq!(
        txids(&pool),
        vec![kept.txid()],
        "what has no answer is not admitted"
    );
    check(&pool, &chain);
    let flags = chain.rules.script_flags(chain.height().next());
    assert!(pool.is_verified(&kept.wtxid(), flags));
    assert!(!pool.is_verified(&unverified.wtxid(), flags));
}

#[test]
fn an_entry_that_lost_another_parent_meanwhile_does_not_come_back() {
    let mut chain = Chain::new();
    let (coin, shared) = (chain.fund(), chain.fund());
    let confirmed = pay(coin, COIN, 1_000);
    let strong = pay(shared, COIN, 50_000);
    let mut pool = pool();
    let weak = pay(shared, COIN, 1_000);
    admit(&mut pool, &chain, &weak);
    let block = chain.block(std::slice::from_ref(&confirmed));
    chain.connect(&block);
    pool.remove_for_block(&block, chain.now);
    let inputs = [confirmed.outpoint(0), weak.outpoint(0)];
    let both = Draft::new(&inputs, &[COIN]).build();
    admit(&mut pool, &chain, &both);
    // The block that goes holds the strong spend as well, which replaces the weak one.
    let block = chain.disconnect();
    let mut transactions = block.transactions()[1..].to_vec();
    transactions.push(strong.clone());
    let wider = chain.block(&transactions);
    pool.add_disconnected(&wider);
    let fork = chain.height();
    pool.finish_reorg(&chain.context(), fork);
    check(&pool, &chain);
    assert!(pool.find(&strong.txid()).is_some());
    assert!(pool.find(&both.txid()).is_none());
}

#[test]
fn an_entry_in_whose_place_another_spend_returned_does_not_come_back() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let (coin, shared) = (chain.fund(), chain.fund());
    let confirmed = pay(coin, COIN, 1_000);
    connect(&mut pool, &mut chain, std::slice::from_ref(&confirmed));
    let inputs = [confirmed.outpoint(0), shared];
    let both = Draft::new(&inputs, &[COIN]).build();
    admit(&mut pool, &chain, &both);
    let block = chain.disconnect();
    let mut transactions = block.transactions()[1..].to_vec();
    let other = pay(shared, COIN, 1_000);
    transactions.push(other.clone());
    let wider = chain.block(&transactions);
    pool.add_disconnected(&wider);
    let fork = chain.height();
    pool.finish_reorg(&chain.context(), fork);
    check(&pool, &chain);
    assert_eq!(txids(&pool), vec![confirmed.txid(), other.txid()]);
}

#[test]
fn m13_what_exceeds_20_megabytes_is_lost_from_the_end_with_its_children() {
    let mut chain = Chain::new();
    let policy = Policy {
        require_standard: false,
        ..Policy::default()
    };
    let mut pool = pool_with(policy);
    // Each carries 99,000 bytes of data.
    let data = [vec![0x6a], vec![0; 99_000]].concat();
    let large = |coin| {
        let draft = Draft::new(&[coin], &[COIN - 200_000]);
        draft.output(0, data.clone()).build()
    };
    let last = pay(chain.fund(), COIN, 1_000);
    let child = pay(last.outpoint(0), COIN - 1_000, 1_000);
    admit(&mut pool, &chain, &last);
    admit(&mut pool, &chain, &child);
    let transactions: Vec<_> = (0..205).map(|_| large(chain.fund())).collect();
    connect(&mut pool, &mut chain, &transactions);
    connect(&mut pool, &mut chain, std::slice::from_ref(&last));
    let fork = disconnect(&mut pool, &mut chain, 2);
    pool.finish_reorg(&chain.context(), fork);
    check(&pool, &chain);
    let kept = synod_mempool::MAX_DISCONNECTED_BYTES / transactions[0].stripped_size();
    assert_eq!(pool.len(), kept);
    assert!(pool.find(&transactions[kept - 1].txid()).is_some());
    assert!(pool.find(&transactions[kept].txid()).is_none());
    assert!(pool.find(&last.txid()).is_none());
    assert!(pool.find(&child.txid()).is_none());
}
