//! Disconnecting blocks, and reorganisations.

use synod_ledger::{BlockUndo, DisconnectError, Rules, disconnect_block};
use synod_primitives::Height;

use crate::builders::{Payment, Spendable, TestChain, free};

#[test]
fn disconnecting_brings_back_exactly_the_coins_from_before() {
    for is_flushed in [false, true] {
        let (mut chain, coins) = TestChain::with_mature_coins(3);
        let (before, hash) = (chain.coins(), chain.muhash());
        let first = Payment::through(&coins[0]);
        let second = Payment::through(&Spendable::of(&first, 0));
        let third = Payment::new()
            .spend(&coins[1])
            .spend(&coins[2])
            .pay(9, free())
            .build();
        let block = chain.next().with_all([first, second, third]).build();
        chain.connect(&block).expect("valid");
        assert_ne!(chain.muhash(), hash);
        if is_flushed {
            chain.restart();
        }
        chain.disconnect();
        assert_eq!(chain.coins(), before);
        assert_eq!(chain.muhash(), hash);
        chain.restart();
        assert_eq!(chain.coins(), before);
    }
}

#[test]
fn c14_a_branch_with_a_bad_block_at_its_end_rolls_back_to_the_same_coins() {
    let (mut chain, coins) = TestChain::with_mature_coins(4);
    let payments = coins.iter().map(Payment::through);
    let ours = chain.next().with_all(payments).build();
    let mut branch = chain.next();
    branch.time += 1;
    chain.connect(&ours).expect("valid");
    let (coins_before, hash) = (chain.coins(), chain.muhash());

    let stale = chain.disconnect();
    chain.connect(&branch.build()).expect("valid");
    let spend = chain.next().with(Payment::through(&coins[0])).build();
    chain.connect(&spend).expect("valid");
    let bad = chain.next().with(Payment::through(&coins[0])).build();
    assert_eq!(chain.code(&bad), Some("bad-txns-inputs-missingorspent"));
    chain.disconnect();
    chain.disconnect();
    chain.connect(&stale).expect("it was valid before");
    assert_eq!(chain.coins(), coins_before);
    assert_eq!(chain.muhash(), hash);
}

#[test]
fn a_reorganisation_of_300_blocks_leads_to_the_same_coins() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let (before, start) = (chain.coins(), chain.blocks.len());
    let mut coin = coins[0].clone();
    for round in 0..300 {
        let payment = Payment::through(&coin);
        coin = Spendable::of(&payment, 0);
        let block = chain.next().with(payment).build();
        chain.connect(&block).expect("valid");
        if round % 70 == 0 {
            chain.restart();
        }
    }
    let after = chain.coins();
    let mut blocks = Vec::new();
    while chain.blocks.len() > start {
        blocks.push(chain.disconnect());
    }
    assert_eq!(chain.coins(), before);
    chain.flush();
    for block in blocks.iter().rev() {
        chain.connect(block).expect("it was valid before");
    }
    assert_eq!(chain.coins(), after);
}

#[test]
fn the_genesis_block_stays() {
    let mut chain = TestChain::new(Rules::regtest());
    let (genesis, undo) = chain.blocks[0].clone();
    let verdict = disconnect_block(&genesis, Height(0), &undo, &mut chain.cache);
    assert_eq!(verdict, Err(DisconnectError::Genesis));
}

#[test]
fn what_does_not_belong_together_is_an_error_and_changes_nothing() {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    let payment = Payment::through(&coins[0]);
    let block = chain.next().with(payment.clone()).build();
    let height = chain.next_height();
    chain.connect(&block).expect("valid");
    let undo = chain.blocks.last().expect("a block").1.clone();
    let before = chain.coins();
    let disconnect = |chain: &mut TestChain, height, undo: &BlockUndo| {
        let verdict = disconnect_block(&block, height, undo, &mut chain.cache);
        assert_eq!(chain.coins(), before);
        verdict
    };
    let none = BlockUndo::default();
    let verdict = disconnect(&mut chain, height, &none);
    assert_eq!(verdict, Err(DisconnectError::UndoMismatch));
    let verdict = disconnect(&mut chain, height.next(), &undo);
    let outpoint = payment.outpoint(0);
    assert_eq!(verdict, Err(DisconnectError::OutputDiffers(outpoint)));
    chain.restart();
    let verdict = disconnect(&mut chain, height, &undo);
    assert_eq!(verdict, Err(DisconnectError::NotFetched(outpoint)));
    chain.table.remove(&outpoint);
    let missing = chain.cache.missing_outputs(&block, height);
    chain.fetch(&missing);
    let verdict = disconnect_block(&block, height, &undo, &mut chain.cache);
    assert_eq!(verdict, Err(DisconnectError::OutputMissing(outpoint)));
}

#[test]
fn a_coin_that_was_not_spent_is_not_restored() {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    let block = chain.next().with(Payment::through(&coins[0])).build();
    let height = chain.next_height();
    chain.connect(&block).expect("valid");
    chain.restart();
    // The table still has what the block spent.
    let undo = chain.blocks.last().expect("a block").1.clone();
    chain
        .table
        .insert(coins[0].outpoint, undo.coins()[0].clone());
    let mut missing = chain.cache.missing_outputs(&block, height);
    missing.push(coins[0].outpoint);
    chain.fetch(&missing);
    let verdict = disconnect_block(&block, height, &undo, &mut chain.cache);
    assert_eq!(verdict, Err(DisconnectError::CoinExists(coins[0].outpoint)));
}
