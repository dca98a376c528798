//! Transactions and their outputs.

use reqwest::header::ETAG;
use synod_api::node::{BlockTransactions, OutputStatus, TransactionBody};
use synod_primitives::Transaction;

use crate::harness::{SUBSIDY, TestNode, payout, shown, spend, with_mature_coin, witness_script};

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_followed_from_the_mempool_into_a_block() {
    let node = TestNode::start().await;
    let coin = with_mature_coin(&node).await;
    let parent = spend(&[coin], &[SUBSIDY / 2, SUBSIDY / 2 - 1000]);
    let child = spend(&[parent.outpoint(1)], &[SUBSIDY / 2 - 4000]);
    let (parent_id, child_id) = (node.submit(&parent).await, node.submit(&child).await);

    let waiting = node.client.transaction(child_id).await.expect("the child");
    check_child(&waiting, &parent);
    assert_eq!(
        (waiting.in_mempool, &waiting.block, waiting.confirmations),
        (true, &None, 0)
    );
    let waiting_parent = node
        .client
        .transaction(parent_id)
        .await
        .expect("the parent");
    let prevout = waiting_parent.inputs[0].prevout.as_ref().expect("a coin");
    assert_eq!(prevout.value_sat.to_sat(), SUBSIDY);

    let block = node.mine(1, &payout(1)).await[0];
    node.mine(1, &payout(1)).await;
    let mined = node.client.transaction(child_id).await.expect("the child");
    check_child(&mined, &parent);
    let place = mined
        .block
        .as_ref()
        .map(|it| (it.hash, it.height, it.position));
    assert_eq!(place, Some((block, 102, 2)));
    assert_eq!(
        (mined.in_mempool, mined.confirmations, mined.is_final),
        (false, 2, false)
    );

    let full = node.client.block_full(block).await.expect("the block");
    assert_eq!(full.fees_sat.map(synod_api::AmountSat::to_sat), Some(4000));
    let BlockTransactions::Full(transactions) = &full.transactions else {
        panic!("whole ones")
    };
    assert_eq!(transactions[2], mined);
    assert_eq!(
        transactions[0].outputs[0].value_sat.to_sat(),
        SUBSIDY + 4000
    );
    assert_eq!(transactions[0].fee_sat, None);

    let path = format!("/v1/transactions/{child_id}");
    let with_raw = node.json(&format!("{path}?raw=true")).await;
    assert_eq!(with_raw["raw"], synod_primitives::hex::encode(child.raw()));
    assert_eq!(node.json(&path).await.get("raw"), None);
    for raw in [&path, &format!("{path}/raw")] {
        assert_eq!(node.raw(raw, "no-cache").await, child.raw());
    }
    let answer = node
        .get(&format!("{path}/raw"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()[ETAG], format!("\"{}\"", child.wtxid()));
    node.stop().await;
}

/// What is the same of the child in the mempool and in a block.
fn check_child(body: &TransactionBody, parent: &Transaction) {
    assert_eq!(body.fee_sat.map(synod_api::AmountSat::to_sat), Some(3000));
    let input = &body.inputs[0];
    assert_eq!((input.txid, input.vout), (shown(parent.txid()), 1));
    assert_eq!(input.witness[0].as_bytes(), witness_script(1));
    let prevout = input.prevout.as_ref().expect("the parent's output");
    assert_eq!(prevout.value_sat.to_sat(), SUBSIDY / 2 - 1000);
    assert_eq!(prevout.script_type, "witness_v0_scripthash");
    assert_eq!(prevout.script_pubkey.as_bytes(), payout(1).as_bytes());
    assert_eq!(prevout.address, body.outputs[0].address);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_says_who_spends_it() {
    let node = TestNode::start().await;
    let coin = with_mature_coin(&node).await;
    let coin_id = shown(coin.txid);
    let before = node.client.output(coin_id, 0).await.expect("the output");
    assert_eq!(
        (before.status, before.height, before.confirmations),
        (OutputStatus::Unspent, Some(1), 101)
    );
    assert_eq!((before.is_coinbase, before.spender), (true, None));
    assert_eq!(
        before.value_sat.map(synod_api::AmountSat::to_sat),
        Some(SUBSIDY)
    );

    let parent = spend(&[coin], &[SUBSIDY / 2, SUBSIDY / 2 - 1000]);
    let child = spend(&[parent.outpoint(1)], &[SUBSIDY / 2 - 4000]);
    let (parent_id, child_id) = (node.submit(&parent).await, node.submit(&child).await);
    let spent = node.client.output(coin_id, 0).await.expect("the output");
    let spender = spent.spender.expect("the parent");
    assert_eq!(
        (spent.status, spender.txid, spender.vin),
        (OutputStatus::SpentInMempool, parent_id, 0)
    );
    let open = node.client.output(parent_id, 0).await.expect("the output");
    assert_eq!(
        (open.status, open.height, open.confirmations),
        (OutputStatus::Unspent, None, 0)
    );
    let taken = node.client.output(parent_id, 1).await.expect("the output");
    assert_eq!(
        taken.spender.map(|it| (it.txid, it.height)),
        Some((child_id, None))
    );
    node.problem(
        &format!("/v1/outputs/{parent_id}/2"),
        404,
        "output-not-found",
    )
    .await;

    node.mine(1, &payout(1)).await;
    for (txid, vout) in [(coin_id, 0), (parent_id, 1)] {
        let spent = node.client.output(txid, vout).await.expect("the output");
        assert_eq!((spent.status, &spent.spender), (OutputStatus::Spent, &None));
        assert!(spent.value_sat.is_some() && spent.script_pubkey.is_some());
    }
    let open = node.client.output(parent_id, 0).await.expect("the output");
    assert_eq!(
        (open.status, open.height, open.confirmations),
        (OutputStatus::Unspent, Some(102), 1)
    );
    assert!(!open.is_coinbase);
    node.problem(
        &format!("/v1/outputs/{parent_id}/2"),
        404,
        "output-not-found",
    )
    .await;
    node.json(&format!("/v1/outputs/{parent_id}/0")).await;
    node.stop().await;
}
