//! Random histories: whatever happens to blocks, memory and the table, the coins are those of
//! the chain.

use std::collections::BTreeMap;

use proptest::prelude::*;
use synod_ledger::{Coin, MuHash, Rules, Scripts};
use synod_primitives::{Block, OutPoint, Transaction};
use synod_script::is_unspendable;

use crate::builders::{Payment, Spendable, TestChain, free};

#[derive(Clone, Debug)]
enum Step {
    /// A valid block that spends some coins, chosen by these numbers.
    Connect(Vec<u16>),
    /// A block with a fault at its end.
    Refused(Vec<u16>, u8),
    Disconnect(u8),
    Flush,
    Restart,
    Evict(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let picks = || prop::collection::vec(any::<u16>(), 0..6);
    prop_oneof![
        4 => picks().prop_map(Step::Connect),
        1 => (picks(), any::<u8>()).prop_map(|(picks, fault)| Step::Refused(picks, fault)),
        2 => (1u8..5).prop_map(Step::Disconnect),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => any::<u16>().prop_map(Step::Evict),
    ]
}

/// The coins of a chain, recomputed block by block from the genesis on.
fn replayed(chain: &TestChain) -> BTreeMap<OutPoint, Coin> {
    let mut coins = BTreeMap::new();
    for (height, (block, _)) in (0u32..).zip(&chain.blocks).skip(1) {
        for (position, transaction) in block.transactions().iter().enumerate() {
            for input in transaction.inputs() {
                assert_eq!(coins.remove(&input.prevout).is_none(), position == 0);
            }
            for (vout, output) in (0..).zip(transaction.outputs()) {
                if !is_unspendable(output.script_pubkey.as_bytes()) {
                    let coin = Coin::new(output, height.into(), position == 0);
                    coins.insert(transaction.outpoint(vout), coin);
                }
            }
        }
    }
    coins
}

/// Payments of mature coins, some of them of outputs of the same block.
fn payments(chain: &TestChain, picks: &[u16]) -> (Vec<Transaction>, i64) {
    let height = chain.next_height().0;
    let is_mature = |coin: &Coin| !coin.is_coinbase || height - coin.height.0 >= 5;
    let coins = replayed(chain);
    let mut available: Vec<Spendable> = coins
        .iter()
        .filter(|(_, coin)| is_mature(coin) && coin.value.sat() > 10)
        .map(|(outpoint, coin)| Spendable {
            outpoint: *outpoint,
            output: coin.to_tx_out(),
        })
        .collect();
    let mut payments = Vec::new();
    let mut fees = 0;
    for pick in picks {
        if available.is_empty() {
            break;
        }
        let coin = available.swap_remove(usize::from(*pick) % available.len());
        let fee = i64::from(pick % 3);
        let half = coin.value() / 2;
        let payment = Payment::new()
            .spend(&coin)
            .pay(half, free())
            .pay(coin.value() - half - fee, free())
            .build();
        fees += fee;
        if pick % 2 == 0 {
            available.push(Spendable::of(&payment, u32::from(pick / 2 % 2)));
        }
        payments.push(payment);
    }
    (payments, fees)
}

fn valid_block(chain: &TestChain, picks: &[u16]) -> Block {
    let (payments, fees) = payments(chain, picks);
    let mut builder = chain.next().with_all(payments).fees(fees);
    // Branches at the same height differ.
    builder.coinbase_script.extend(picks.len().to_le_bytes());
    builder.build()
}

fn refused_block(chain: &TestChain, picks: &[u16], fault: u8) -> Block {
    let (payments, fees) = payments(chain, picks);
    let spent = payments.last().map(|payment| payment.inputs()[0].prevout);
    let builder = chain.next().with_all(payments).fees(fees);
    let Some(outpoint) = spent.filter(|_| !fault.is_multiple_of(2)) else {
        return builder.fees(1).build();
    };
    let output = chain.reward_of(0).output;
    builder
        .with(Payment::through(&Spendable { outpoint, output }))
        .build()
}

fn take(chain: &mut TestChain, step: &Step) {
    match step {
        Step::Connect(picks) => {
            let block = valid_block(chain, picks);
            chain
                .connect_with(&block, &Scripts::Skip)
                .expect("the block is valid");
        }
        Step::Refused(picks, fault) => {
            let before = chain.coins();
            let block = refused_block(chain, picks, *fault);
            assert!(chain.connect_with(&block, &Scripts::Skip).is_err());
            assert_eq!(chain.coins(), before);
        }
        Step::Disconnect(count) => {
            for _ in 0..(*count).min((chain.blocks.len() - 1) as u8) {
                chain.disconnect();
            }
        }
        Step::Flush => chain.flush(),
        Step::Restart => chain.restart(),
        Step::Evict(limit) => chain.cache.evict_clean(usize::from(*limit)),
    }
}

fn started() -> TestChain {
    let mut chain = TestChain::new(Rules {
        coinbase_maturity: 5,
        ..Rules::regtest()
    });
    for _ in 0..12 {
        let block = chain.next().build();
        chain.connect(&block).expect("an empty block is valid");
    }
    chain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn c27_coins_are_those_of_the_chain_and_never_more_than_the_subsidies(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut chain = started();
        for step in &steps {
            take(&mut chain, step);
            let coins = chain.coins();
            prop_assert_eq!(&coins, &replayed(&chain), "{:?}", step);
            let total: i64 = coins.values().map(|coin| coin.value.sat()).sum();
            let heights = 1..chain.next_height().0;
            let subsidies: i64 =
                heights.map(|height| chain.rules.subsidy(height.into()).sat()).sum();
            prop_assert!(total <= subsidies);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn the_hash_follows_the_blocks_forwards_and_back(
        steps in prop::collection::vec(prop::collection::vec(any::<u16>(), 0..4), 1..4),
    ) {
        let mut chain = started();
        let mut hashes = vec![chain.muhash()];
        let mut running = MuHash::new();
        chain.coins().iter().for_each(|(outpoint, coin)| running.insert_coin(outpoint, coin));
        for picks in &steps {
            let before = chain.coins();
            let block = valid_block(&chain, picks);
            chain.connect_with(&block, &Scripts::Skip).expect("valid");
            let after = chain.coins();
            for (outpoint, coin) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
                running.remove_coin(outpoint, coin);
            }
            for (outpoint, coin) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                running.insert_coin(outpoint, coin);
            }
            hashes.push(chain.muhash());
            prop_assert_eq!(running.finalize(), chain.muhash());
        }
        while let Some(hash) = hashes.pop() {
            prop_assert_eq!(chain.muhash(), hash);
            if !hashes.is_empty() {
                chain.disconnect();
            }
        }
    }
}
