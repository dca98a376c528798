//! Blocks by hash and height.

use reqwest::StatusCode;
use reqwest::header::{ETAG, IF_NONE_MATCH, VARY};
use serde_json::Value;
use synod_api::HashHex;
use synod_api::node::{BlockTransactions, OutputStatus};
use synod_chainspec::genesis_block;
use synod_primitives::Block;

use crate::harness::{IMMUTABLE, SUBSIDY, TestNode, genesis, payout, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_read_by_hash_and_height_as_json_and_raw() {
    let node = TestNode::start().await;
    let mined = node.mine(2, &payout(1)).await;
    let path = format!("/v1/blocks/{}", mined[0]);
    let by_hash = node.json(&path).await;
    assert_eq!(by_hash, node.json("/v1/blocks/at/1").await);
    assert_eq!(
        (&by_hash["height"], &by_hash["confirmations"]),
        (&1.into(), &2.into())
    );
    assert_eq!(
        (&by_hash["final"], &by_hash["status"]),
        (&false.into(), &"active".into())
    );
    assert_eq!(
        (&by_hash["fees_sat"], &by_hash["subsidy_sat"]),
        (&0.into(), &SUBSIDY.into())
    );

    let raw = node.raw(&path, IMMUTABLE).await;
    let block = Block::decode(&raw).expect("a block");
    assert_eq!(HashHex::from_internal(block.hash().to_bytes()), mined[0]);
    assert_eq!(node.raw(&format!("{path}/raw"), IMMUTABLE).await, raw);
    assert_eq!(node.raw("/v1/blocks/at/1", "no-cache").await, raw);
    let coinbase = &block.transactions()[0];
    assert_eq!(
        by_hash["transactions"],
        serde_json::json!([coinbase.txid().to_string()])
    );
    assert_eq!(by_hash["size"], block.size());
    assert_eq!(by_hash["stripped_size"], block.stripped_size());
    assert_eq!(by_hash["weight"], block.weight().0);

    let full = node.client.block_full(mined[0]).await.expect("the block");
    let BlockTransactions::Full(transactions) = full.transactions else {
        panic!("whole transactions were asked for");
    };
    let one = node
        .client
        .transaction(shown(coinbase.txid()))
        .await
        .expect("the coinbase");
    assert_eq!(transactions, [one]);

    let answer = node.get(&path).send().await.expect("an answer");
    let etag = answer.headers()[ETAG].clone();
    assert_eq!(answer.headers()[VARY], "accept");
    node.mine(1, &payout(1)).await;
    let answer = node
        .get(&path)
        .header(IF_NONE_MATCH, etag)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = answer.json().await.expect("json");
    assert_eq!(body["confirmations"], 3);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_genesis_block_and_its_transaction_are_served() {
    let node = TestNode::start().await;
    for blocks in [0, 1] {
        if blocks > 0 {
            node.mine(blocks, &payout(1)).await;
        }
        let block = node.client.block(genesis()).await.expect("the block");
        assert_eq!(
            (block.header.height, block.header.confirmations),
            (0, blocks + 1)
        );
        assert_eq!(block.fees_sat.map(synod_api::AmountSat::to_sat), Some(0));
        assert_eq!(
            node.client.block_raw_at(0).await.expect("raw"),
            genesis_block().raw()
        );
    }
    let txid = shown(genesis_block().transactions()[0].txid());
    let transaction = node
        .client
        .transaction(txid)
        .await
        .expect("the transaction");
    assert_eq!(
        transaction.block.map(|it| (it.height, it.position)),
        Some((0, 0))
    );
    let output = node.client.output(txid, 0).await.expect("the output");
    assert_eq!(
        (output.status, output.is_coinbase),
        (OutputStatus::Unspent, true)
    );
    node.stop().await;
}
