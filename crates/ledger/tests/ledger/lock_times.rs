//! Lock times, absolute and relative.

use synod_ledger::{
    Coin, CoinScript, MedianTimes, SequenceLocks, is_final_transaction, median_time_past,
    sequence_locks,
};
use synod_primitives::{Amount, Height, Transaction};

use crate::builders::{Payment, Spendable, TestChain, free};

const NON_FINAL: Option<&str> = Some("bad-txns-nonfinal");

fn coin_for_tests() -> Spendable {
    TestChain::new(synod_ledger::Rules::regtest()).reward_of(0)
}

fn locked(lock_time: u32, sequence: u32) -> Transaction {
    let payment = Payment::new().spend(&coin_for_tests()).sequence(sequence);
    payment.pay(1, free()).lock_time(lock_time).build()
}

#[test]
fn the_median_is_that_of_the_last_11() {
    assert_eq!(median_time_past(&[]), 0);
    assert_eq!(median_time_past(&[7]), 7);
    assert_eq!(median_time_past(&[1, 9]), 9);
    assert_eq!(median_time_past(&[9, 1, 5]), 5);
    let times: Vec<u32> = (0..12).collect();
    assert_eq!(median_time_past(&times[..11]), 5);
    assert_eq!(median_time_past(&times), 6);
    let mut reversed = times.clone();
    reversed.reverse();
    assert_eq!(median_time_past(&reversed), 5);
}

#[test]
fn c21_lock_times_below_500_million_are_heights() {
    let is_final =
        |lock_time, height, time| is_final_transaction(&locked(lock_time, 0), Height(height), time);
    assert!(is_final(0, 0, 0));
    assert!(!is_final(10, 10, u32::MAX) && is_final(10, 11, 0));
    assert!(!is_final(499_999_999, 499_999_999, u32::MAX));
    assert!(is_final(499_999_999, 500_000_000, 0));
    assert!(!is_final(500_000_000, u32::MAX, 500_000_000));
    assert!(is_final(500_000_000, 0, 500_000_001));
    assert!(!is_final(u32::MAX, u32::MAX, u32::MAX));
}

#[test]
fn c21_final_sequence_numbers_switch_the_lock_time_off() {
    assert!(is_final_transaction(
        &locked(u32::MAX, u32::MAX),
        Height(0),
        0
    ));
    assert!(!is_final_transaction(
        &locked(u32::MAX, u32::MAX - 1),
        Height(0),
        0
    ));
    let one_open = Payment::new()
        .spend(&coin_for_tests())
        .spend(&coin_for_tests())
        .sequence(0)
        .pay(1, free())
        .lock_time(5)
        .build();
    assert!(!is_final_transaction(&one_open, Height(5), 0));
}

#[test]
fn c21_lock_times_are_measured_by_the_median_time_past() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let parent = chain.next_height().previous().expect("a parent");
    let median = chain.times().median_time_past(parent);
    let block_time = chain.next().time;
    assert!(median + 1 < block_time);
    let block_with = |chain: &TestChain, lock_time| {
        let payment = Payment::new()
            .spend(&coins[0])
            .sequence(0)
            .lock_time(lock_time);
        chain.next().with(payment.pay(1, free()).build()).build()
    };
    let (reached, next) = (block_with(&chain, median - 1), block_with(&chain, median));
    assert_eq!(chain.code(&reached), None);
    assert_eq!(chain.code(&next), NON_FINAL);
    // Before BIP113 the block's own time counts.
    chain.rules.activations.csv = chain.next_height().next();
    let (reached, next) = (
        block_with(&chain, block_time - 1),
        block_with(&chain, block_time),
    );
    assert_eq!(chain.code(&reached), None);
    assert_eq!(chain.code(&next), NON_FINAL);
}

#[test]
fn c21_a_block_at_the_lock_height_is_too_early() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let height = chain.next_height().0;
    let block_with = |lock_time| {
        let payment = Payment::new()
            .spend(&coins[0])
            .sequence(0)
            .lock_time(lock_time);
        chain.next().with(payment.pay(1, free()).build()).build()
    };
    let (reached, early) = (block_with(height - 1), block_with(height));
    assert_eq!(chain.code(&reached), None);
    assert_eq!(chain.code(&early), NON_FINAL);
}

#[test]
fn c21_a_coinbase_can_be_locked_too() {
    let (mut chain, _) = TestChain::with_mature_coins(1);
    let mut builder = chain.next();
    builder.coinbase_lock_time = chain.next_height().0;
    assert_eq!(chain.code(&builder.build()), None);
    builder.coinbase_sequence = 0;
    assert_eq!(chain.code(&builder.build()), NON_FINAL);
    builder.coinbase_lock_time -= 1;
    assert_eq!(chain.code(&builder.build()), None);
}

/// Times of a chain whose median at each height is a thousand times the height.
struct Thousands;

impl MedianTimes for Thousands {
    fn median_time_past(&self, height: Height) -> u32 {
        height.0 * 1_000
    }
}

fn locks(version: i32, sequences: &[u32], heights: &[u32]) -> SequenceLocks {
    let payment = sequences.iter().fold(Payment::new(), |payment, sequence| {
        payment.spend(&coin_for_tests()).sequence(*sequence)
    });
    let coin = |height: &u32| Coin {
        value: Amount::COIN,
        script_pubkey: CoinScript::new(&[0x51]),
        height: Height(*height),
        is_coinbase: false,
    };
    let coins: Vec<Coin> = heights.iter().map(coin).collect();
    sequence_locks(
        &payment.version(version).pay(1, free()).build(),
        &coins,
        &Thousands,
    )
}

const TIME: u32 = 1 << 22;
const DISABLE: u32 = 1 << 31;

#[test]
fn c21_relative_locks_count_from_the_coin() {
    let open = SequenceLocks::default();
    assert_eq!(
        locks(2, &[5], &[10]),
        SequenceLocks {
            height: Some(14),
            time: None
        }
    );
    // Time counts from the block before the coin's, in units of 512 seconds.
    let by_time = SequenceLocks {
        height: None,
        time: Some(9_000 + 3 * 512 - 1),
    };
    assert_eq!(locks(2, &[TIME | 3], &[10]), by_time);
    assert_eq!(locks(2, &[DISABLE | 5], &[10]), open);
    assert_eq!(locks(1, &[5], &[10]), open);
    assert_eq!(locks(0, &[5], &[10]), open);
    // The version is read as an unsigned number.
    assert_eq!(locks(-1, &[5], &[10]).height, Some(14));
    // Only the low 16 bits count.
    assert_eq!(locks(2, &[0x003f_0005], &[10]).height, Some(14));
    // The strictest of each kind counts.
    let both = locks(2, &[5, TIME | 3, 1, TIME], &[10, 10, 30, 5]);
    assert_eq!(
        both,
        SequenceLocks {
            height: Some(30),
            time: Some(9_000 + 3 * 512 - 1)
        }
    );
    assert_eq!(locks(2, &[0, TIME], &[0, 0]), open);
}

#[test]
fn c21_relative_locks_open_one_block_after_the_last() {
    let locks = SequenceLocks {
        height: Some(14),
        time: Some(9_000),
    };
    assert!(locks.are_open(Height(15), 9_001));
    assert!(!locks.are_open(Height(14), 9_001));
    assert!(!locks.are_open(Height(15), 9_000));
    assert!(SequenceLocks::default().are_open(Height(0), 0));
}

/// A chain with a coin made by a payment in its last block.
fn chain_with_young_coin() -> (TestChain, Spendable) {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let payment = Payment::through(&coins[0]);
    let block = chain.next().with(payment.clone()).build();
    chain.connect(&block).expect("valid");
    (chain, Spendable::of(&payment, 0))
}

fn block_after(chain: &TestChain, coin: &Spendable, sequence: u32) -> synod_primitives::Block {
    let payment = Payment::new()
        .spend(coin)
        .sequence(sequence)
        .pay(1, free())
        .build();
    chain.next().with(payment).build()
}

#[test]
fn c21_blocks_are_held_to_relative_heights() {
    let (mut chain, coin) = chain_with_young_coin();
    let one = block_after(&chain, &coin, 1);
    let two = block_after(&chain, &coin, 2);
    assert_eq!(chain.code(&one), None);
    assert_eq!(chain.code(&two), NON_FINAL);
    chain.rules.activations.csv = chain.next_height().next();
    assert_eq!(chain.code(&two), None);
}

#[test]
fn c21_a_coin_of_the_same_block_has_no_age() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    let parent = Payment::through(&coins[0]);
    let made = Spendable::of(&parent, 0);
    let child = |sequence| {
        Payment::new()
            .spend(&made)
            .sequence(sequence)
            .pay(1, free())
            .build()
    };
    for (sequence, expected) in [
        (0, None),
        (1, NON_FINAL),
        (TIME, None),
        (TIME | 1, NON_FINAL),
    ] {
        let block = chain
            .next()
            .with_all([parent.clone(), child(sequence)])
            .build();
        assert_eq!(chain.code(&block), expected, "{sequence:x}");
    }
}

#[test]
fn c21_blocks_are_held_to_relative_times_by_the_median_time_past() {
    let (mut chain, coin) = chain_with_young_coin();
    // 60 seconds a block: 512 seconds have passed at the ninth block after the coin's.
    for age in 1..=9 {
        let block = block_after(&chain, &coin, TIME | 1);
        let expected = if age < 9 { NON_FINAL } else { None };
        assert_eq!(chain.code(&block), expected, "{age}");
        let empty = chain.next().build();
        chain.connect(&empty).expect("an empty block is valid");
    }
}
