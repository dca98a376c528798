//! A block that touches more coins than any limit of a database (as CVE-2013-3220).

use synod_api::HashHex;
use synod_primitives::{Block, OutPoint, Script, Transaction, TxIn, Witness};

use crate::blocks::{chain, free, next, output};
use crate::process::NodeProcess;

/// Transactions of the large block.
const PAYMENTS: u32 = 1_000;
/// Coins that each of them spends.
const INPUTS: u32 = 12;
/// Coins that each of them makes.
const OUTPUTS: u32 = 49;

fn spend_many(outpoints: impl Iterator<Item = OutPoint>, count: u32, sat: i64) -> Transaction {
    let input = |prevout| TxIn {
        prevout,
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let outputs = (0..count).map(|_| output(sat, free())).collect();
    Transaction::new(1, outpoints.map(input).collect(), outputs, 0)
}

/// A chain whose last block spends 12,000 coins and makes 49,001.
fn chain_with_a_large_block() -> Vec<Block> {
    let mut blocks = chain(101, 1);
    let coinbase = &blocks[1].transactions()[0];
    let value = coinbase.outputs()[0].value.sat() / i64::from(PAYMENTS * INPUTS);
    let fan = spend_many([coinbase.outpoint(0)].into_iter(), PAYMENTS * INPUTS, value);
    blocks.push(next(&blocks, 1).with(fan.clone()).build());
    let mut draft = next(&blocks, 1);
    let each = value * i64::from(INPUTS) / i64::from(OUTPUTS);
    for payment in 0..PAYMENTS {
        let coins = (payment * INPUTS..(payment + 1) * INPUTS).map(|vout| fan.outpoint(vout));
        draft = draft.with(spend_many(coins, OUTPUTS, each));
    }
    blocks.push(draft.build());
    blocks
}

#[tokio::test]
async fn c10_a_block_that_touches_61_000_coins_is_valid_with_any_cache_and_can_be_taken_back() {
    let blocks = chain_with_a_large_block();
    let large = blocks.last().expect("a block");
    let touched = large.transactions()[1..].iter();
    let touched: usize = touched
        .map(|it| it.inputs().len() + it.outputs().len())
        .sum();
    assert!(touched > 60_000);
    let hash = HashHex::from_internal(large.hash().to_bytes());
    let mut states = Vec::new();
    for cache in ["1", "134217728"] {
        let data = tempfile::tempdir().expect("a directory");
        let file = data.path().join("node.toml");
        std::fs::write(&file, format!("coins_cache_bytes = {cache}\n")).expect("written");
        let arguments = ["--config", file.to_str().expect("a path")];
        let folder = data.path().join("node");
        let mut node = NodeProcess::start(&folder, &arguments);
        node.post_all(&blocks[1..]).await;
        let with_it = node.client.state().await.expect("an answer");
        node.client
            .dev_invalidate(hash)
            .await
            .expect("a known block");
        let without_it = node.client.state().await.expect("an answer");
        assert_eq!(without_it.height, 102);
        assert_eq!(without_it.coins, 101 + u64::from(PAYMENTS * INPUTS));
        node.client
            .dev_reconsider(hash)
            .await
            .expect("a known block");
        assert_eq!(node.client.state().await.expect("an answer"), with_it);
        assert_eq!(with_it.coins, 102 + u64::from(PAYMENTS * OUTPUTS));
        node.kill();
        let node = NodeProcess::start(&folder, &arguments);
        let status = node.client.chain().await.expect("an answer");
        assert_eq!(status.best_block_hash, hash);
        states.push((with_it, without_it));
    }
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]));
}
