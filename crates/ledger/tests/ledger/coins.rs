//! The cache: what it asks for, what it writes, what it forgets.

use synod_ledger::{Coin, CoinScript, CoinsCache, CoinsView, HashKey, Lookup, Rules};
use synod_primitives::{Height, OutPoint, Txid};

use crate::builders::{Payment, Spendable, TestChain, free, sat};

fn outpoint(number: u32) -> OutPoint {
    let mut txid = [0; 32];
    txid[..4].copy_from_slice(&number.to_le_bytes());
    OutPoint::new(Txid::from_bytes(txid), number % 3)
}

fn coin(height: u32, script_length: usize) -> Coin {
    Coin {
        value: sat(1),
        script_pubkey: CoinScript::new(&vec![0x51; script_length]),
        height: Height(height),
        is_coinbase: false,
    }
}

fn cache() -> CoinsCache {
    CoinsCache::new(HashKey::new(3, 4))
}

#[test]
fn a_coin_made_and_spent_between_two_flushes_is_never_written() {
    let (mut chain, coins) = TestChain::with_mature_coins(1);
    chain.flush();
    let first = Payment::through(&coins[0]);
    let block = chain.next().with(first.clone()).build();
    chain.connect(&block).expect("valid");
    let second = Payment::through(&Spendable::of(&first, 0));
    let third = Payment::through(&Spendable::of(&second, 0));
    let block = chain.next().with_all([second, third.clone()]).build();
    chain.connect(&block).expect("valid");
    let flush = chain.cache.take_flush();
    let mut expected = [
        third.outpoint(0),
        chain.reward_of(chain.blocks.len() - 2).outpoint,
        chain.reward_of(chain.blocks.len() - 1).outpoint,
    ];
    expected.sort_unstable();
    let inserted: Vec<OutPoint> = flush
        .inserts
        .iter()
        .map(|(outpoint, _)| *outpoint)
        .collect();
    assert_eq!(inserted, expected);
    assert_eq!(flush.deletes, [coins[0].outpoint]);
    assert!(chain.cache.take_flush().is_empty());
}

#[test]
fn connecting_and_disconnecting_between_two_flushes_leaves_nothing_to_write() {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    chain.flush();
    let block = chain
        .next()
        .with_all(coins.iter().map(Payment::through))
        .build();
    chain.connect(&block).expect("valid");
    chain.disconnect();
    let flush = chain.cache.take_flush();
    assert!(flush.deletes.is_empty());
    // Coins that came back may be written once more, as what they are.
    for (outpoint, coin) in &flush.inserts {
        assert_eq!(chain.table.get(outpoint), Some(coin));
    }
}

#[test]
fn what_is_asked_for_is_sorted_and_leaves_out_what_the_block_makes() {
    let (mut chain, coins) = TestChain::with_mature_coins(3);
    let first = Payment::through(&coins[0]);
    let second = Payment::new()
        .spend(&Spendable::of(&first, 0))
        .spend(&coins[2])
        .spend(&coins[1])
        .pay(1, free())
        .build();
    let block = chain
        .next()
        .with_all([first.clone(), second.clone()])
        .build();
    assert!(
        chain
            .cache
            .missing_outpoints(&block, &chain.rules)
            .is_empty()
    );
    chain.restart();
    let mut expected: Vec<OutPoint> = coins.iter().map(|coin| coin.outpoint).collect();
    expected.sort_unstable();
    assert_eq!(
        chain.cache.missing_outpoints(&block, &chain.rules),
        expected
    );
    // Made only behind its spender: the table has to be asked.
    let reversed = chain.next().with_all([second, first.clone()]).build();
    let missing = chain.cache.missing_outpoints(&reversed, &chain.rules);
    assert!(missing.contains(&first.outpoint(0)));
    assert_eq!(missing.len(), 4);
}

#[test]
fn what_a_block_makes_is_asked_for_where_ids_may_repeat() {
    let mut chain = TestChain::new(Rules::regtest());
    let block = chain.next().build();
    assert!(
        chain
            .cache
            .missing_outpoints(&block, &chain.rules)
            .is_empty()
    );
    chain.rules.activations.bip34 = Height(2);
    let missing = chain.cache.missing_outpoints(&block, &chain.rules);
    let coinbase = &block.transactions()[0];
    assert_eq!(missing, [coinbase.outpoint(0), coinbase.outpoint(1)]);
}

#[test]
fn what_is_known_is_not_overwritten_by_what_was_fetched() {
    let mut cache = cache();
    cache.insert_fetched(outpoint(1), Some(coin(1, 1)));
    cache.insert_fetched(outpoint(1), None);
    cache.insert_fetched(outpoint(1), Some(coin(2, 1)));
    assert_eq!(cache.lookup(&outpoint(1)), Lookup::Coin(&coin(1, 1)));
    assert_eq!(cache.coin(&outpoint(1)), Some(coin(1, 1)));
    cache.insert_fetched(outpoint(2), None);
    assert_eq!(cache.lookup(&outpoint(2)), Lookup::Absent);
    assert_eq!(cache.lookup(&outpoint(3)), Lookup::Unknown);
    assert_eq!(cache.coin(&outpoint(2)), None);
    let missing = cache.missing_of([3, 1, 2, 3, 0].map(outpoint));
    assert_eq!(missing, [outpoint(0), outpoint(3)]);
    assert!(cache.take_flush().is_empty());
}

#[test]
fn absent_outpoints_are_forgotten_with_the_next_block() {
    let mut chain = TestChain::new(Rules::regtest());
    for number in 0..1_000 {
        chain.cache.insert_fetched(outpoint(number), None);
    }
    assert_eq!(chain.cache.len(), 1_000);
    let block = chain.next().build();
    chain.connect(&block).expect("valid");
    assert_eq!(chain.cache.len(), 1);
    // Also when the block is refused.
    chain.cache.insert_fetched(outpoint(5), None);
    let greedy = chain.next().fees(1).build();
    assert!(chain.connect(&greedy).is_err());
    assert_eq!(chain.cache.lookup(&outpoint(5)), Lookup::Unknown);
}

#[test]
fn memory_counts_the_table_and_long_scripts() {
    let mut cache = cache();
    assert_eq!(cache.memory_bytes(), 0);
    for number in 0..1_000 {
        cache.insert_fetched(outpoint(number), Some(coin(1, 22)));
    }
    let short = cache.memory_bytes();
    assert!((100_000..300_000).contains(&short), "{short}");
    cache.insert_fetched(outpoint(1_001), Some(coin(1, 5_000)));
    assert_eq!(cache.memory_bytes(), short + 5_000);
    cache.evict_clean(0);
    assert!(cache.is_empty());
    assert!(cache.memory_bytes() < 1_000, "{}", cache.memory_bytes());
}

#[test]
fn eviction_drops_the_oldest_first_and_nothing_within_the_limit() {
    let mut cache = cache();
    for number in 0..10_000 {
        cache.insert_fetched(outpoint(number), Some(coin(number / 10, 22)));
    }
    let occupied = cache.memory_bytes();
    cache.evict_clean(4 * occupied);
    assert_eq!(cache.len(), 10_000);
    let limit = occupied / 2;
    assert!(cache.is_over(limit));
    cache.evict_clean(limit);
    assert!(!cache.is_over(limit));
    assert!(cache.memory_bytes() <= limit);
    assert!(cache.len() > 500, "{}", cache.len());
    let kept = |number| matches!(cache.lookup(&outpoint(number)), Lookup::Coin(_));
    let first = (0..10_000)
        .find(|number| kept(*number))
        .expect("some are kept");
    assert!((first..10_000).all(kept));
    assert!(first.is_multiple_of(10));
}

#[test]
fn eviction_does_not_depend_on_the_key() {
    let kept = |key| {
        let mut cache = CoinsCache::new(HashKey::new(key, key));
        for number in 0..5_000 {
            cache.insert_fetched(outpoint(number), Some(coin(number % 97, 22)));
        }
        cache.evict_clean(300_000);
        (0..5_000)
            .filter(|number| cache.lookup(&outpoint(*number)) != Lookup::Unknown)
            .collect::<Vec<u32>>()
    };
    assert_eq!(kept(1), kept(2));
    assert!(!kept(1).is_empty());
}

#[test]
fn changes_that_are_not_written_are_never_evicted() {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    chain.flush();
    let block = chain.next().with(Payment::through(&coins[0])).build();
    chain.connect(&block).expect("valid");
    let before = chain.coins();
    chain.cache.evict_clean(0);
    assert_eq!(chain.cache.len(), 3);
    assert_eq!(chain.coins(), before);
    assert!(!chain.has_coin(coins[0].outpoint));
    assert!(chain.has_coin(coins[1].outpoint));
}
