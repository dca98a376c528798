//! Following a node: reorganisations, restarts, another network, a lost mempool.

mod support;

use serde_json::json;
use support::{Chain, FakeNode, p2wpkh, pay, start, start_with};
use synod_explorer::{ExplorerConfig, ExplorerError, IdentityError};
use synod_primitives::{hex, sha256};

fn scripthash(tag: u8) -> String {
    hex::encode(sha256(p2wpkh(tag).as_bytes()))
}

#[tokio::test]
async fn a_reorganisation_is_one_step_and_its_losers_are_kept() {
    let mut base = Chain::genesis();
    base.mine_many(10, &p2wpkh(1));
    let (kept, lost) = (
        pay(&[base.coin(1)], &[(p2wpkh(2), 1000)]),
        pay(&[base.coin(2)], &[(p2wpkh(3), 2000)]),
    );
    let mut old = base.clone();
    old.mine(p2wpkh(4), vec![kept.clone(), lost.clone()]);
    old.mine(p2wpkh(4), vec![]);
    let node = FakeNode::serve(old.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    assert_eq!(
        explorer
            .json(&format!("/api/scripthash/{}", scripthash(3)))
            .await["chain_stats"]["tx_count"],
        1
    );

    let mut new = base.clone();
    let double = pay(&[base.coin(2)], &[(p2wpkh(5), 2000)]);
    new.mine(p2wpkh(6), vec![double.clone()]);
    new.mine(p2wpkh(6), vec![]);
    new.mine(p2wpkh(6), vec![]);
    node.insert(&kept);
    node.set_chain(new.clone());
    explorer.wait_tip(&new.tip().hash().to_string()).await;

    // At once: the kept payment is unconfirmed again, the other one is gone.
    let status = explorer
        .json(&format!("/api/tx/{}/status", kept.txid()))
        .await;
    assert_eq!(status, json!({ "confirmed": false }));
    assert_eq!(
        explorer
            .refusal(&format!("/api/tx/{}", lost.txid()))
            .await
            .0,
        404
    );
    let stats = explorer
        .json(&format!("/api/scripthash/{}", scripthash(4)))
        .await;
    assert_eq!(stats["chain_stats"]["funded_txo_sum"], 0);
    let stats = explorer
        .json(&format!("/api/scripthash/{}", scripthash(2)))
        .await;
    assert_eq!(stats["mempool_stats"]["funded_txo_sum"], 1000);
    let coins = explorer
        .json(&format!("/api/scripthash/{}", scripthash(1)))
        .await;
    assert_eq!(coins["chain_stats"]["spent_txo_count"], 1);
    let spender = explorer
        .json(&format!("/api/tx/{}/outspend/0", base.coin(2).txid))
        .await;
    assert_eq!(spender["txid"], double.txid().to_string());

    // The stale blocks stay, whole.
    let stale = old.hash(11);
    let status = explorer.json(&format!("/api/block/{stale}/status")).await;
    assert_eq!(
        (
            &status["in_best_chain"],
            &status["height"],
            &status["stale"]
        ),
        (&json!(false), &json!(null), &json!(true))
    );
    assert_eq!(
        explorer.json(&format!("/api/block/{stale}")).await["height"],
        11
    );
    let txs = explorer.json(&format!("/api/block/{stale}/txs")).await;
    assert_eq!(txs[1]["status"], json!({ "confirmed": false }));
    assert_eq!(txs[1]["vin"][0]["prevout"]["value"], 5_000_000_000_u64);
    let raw = explorer
        .get(&format!("/api/block/{stale}/raw"))
        .await
        .bytes()
        .await
        .expect("bytes");
    assert_eq!(raw, old.blocks[11].raw());

    // And the log says what happened.
    let log = explorer.json("/v1/reorgs").await;
    let item = &log["items"][0];
    assert_eq!(
        (&item["fork_height"], &item["depth"], &item["dropped_count"]),
        (&json!(10), &json!(2), &json!(2))
    );
    assert_eq!(item["old_tip"]["hash"], old.tip().hash().to_string());
    assert_eq!(item["new_tip"]["hash"], new.tip().hash().to_string());
    let fate = |txid: String| {
        let dropped = item["dropped"].as_array().expect("a list").iter();
        dropped
            .clone()
            .find(|it| it["txid"] == txid)
            .expect("listed")
            .clone()
    };
    assert_eq!(fate(kept.txid().to_string())["fate"], "mempool");
    let replaced = fate(lost.txid().to_string());
    assert_eq!(
        (&replaced["fate"], &replaced["by"]),
        (&json!("replaced"), &json!(double.txid().to_string()))
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_block_that_wins_back_is_no_longer_stale() {
    let mut base = Chain::genesis();
    base.mine_many(5, &p2wpkh(1));
    let mut first = base.clone();
    first.mine(p2wpkh(2), vec![]);
    let mut second = base.clone();
    second.mine_many(2, &p2wpkh(3));
    let node = FakeNode::serve(first.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    node.set_chain(second.clone());
    explorer.wait_tip(&second.tip().hash().to_string()).await;
    let loser = first.hash(6);
    first.mine_many(2, &p2wpkh(2));
    node.set_chain(first.clone());
    explorer.wait_tip(&first.tip().hash().to_string()).await;
    let status = explorer.json(&format!("/api/block/{loser}/status")).await;
    assert_eq!(
        (&status["in_best_chain"], &status["stale"]),
        (&json!(true), &json!(false))
    );
    let status = explorer
        .json(&format!("/api/block/{}/status", second.hash(6)))
        .await;
    assert_eq!(
        (&status["in_best_chain"], &status["stale"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        explorer.json("/v1/reorgs").await["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn an_index_goes_on_where_it_stopped() {
    let mut chain = Chain::genesis();
    chain.mine_many(700, &p2wpkh(1));
    let node = FakeNode::serve(chain.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    assert_eq!(explorer.text("/api/blocks/tip/height").await, "700");
    explorer.stop().await.expect("a clean stop");
    // While it is away the chain grows, and loses its last block.
    let mut grown = chain.fork_at(699);
    grown.mine_many(5, &p2wpkh(2));
    node.set_chain(grown.clone());
    let explorer = start(&node, data.path()).await;
    assert_eq!(explorer.text("/api/blocks/tip/height").await, "704");
    let stats = explorer
        .json(&format!("/api/scripthash/{}", scripthash(1)))
        .await;
    assert_eq!(stats["chain_stats"]["tx_count"], 699);
    for height in [0, 1, 350, 699, 700, 704] {
        let hash = explorer.text(&format!("/api/block-height/{height}")).await;
        assert_eq!(hash, grown.hash(height).to_string());
    }
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_node_of_another_network_is_refused_in_one_sentence() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let node = FakeNode::serve(chain).await;
    let data = tempfile::tempdir().expect("a folder");
    start(&node, data.path())
        .await
        .stop()
        .await
        .expect("a clean stop");
    node.set_chain_id(&"cd".repeat(32));
    let explorer = start_with(ExplorerConfig::new(node.url(), data.path())).await;
    let error = explorer.ended().await.expect_err("refused");
    assert!(
        matches!(
            error,
            ExplorerError::Identity(IdentityError::OtherNetwork { .. })
        ),
        "{error}"
    );
    assert!(!error.to_string().contains('\n'));
    let config = ExplorerConfig {
        reindex: true,
        ..ExplorerConfig::new(node.url(), data.path())
    };
    let explorer = start_with(config).await;
    explorer.wait_ready().await;
    assert_eq!(explorer.text("/api/blocks/tip/height").await, "3");
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_node_that_was_reset_is_refused_at_the_start() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let node = FakeNode::serve(chain).await;
    let data = tempfile::tempdir().expect("a folder");
    start(&node, data.path())
        .await
        .stop()
        .await
        .expect("a clean stop");
    node.set_chain(Chain::genesis());
    let explorer = start_with(ExplorerConfig::new(node.url(), data.path())).await;
    let error = explorer.ended().await.expect_err("refused");
    let reset = matches!(
        error,
        ExplorerError::Identity(IdentityError::Reset {
            ours: 3,
            theirs: 0,
            ..
        })
    );
    assert!(reset, "{error}");
}

#[tokio::test]
async fn a_data_directory_in_use_is_refused() {
    let node = FakeNode::serve(Chain::genesis()).await;
    let data = tempfile::tempdir().expect("a folder");
    let first = start(&node, data.path()).await;
    let second = start_with(ExplorerConfig::new(node.url(), data.path())).await;
    let error = second.ended().await.expect_err("refused");
    assert!(error.to_string().contains("in use"), "{error}");
    first.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn the_mempool_follows_the_nodes_with_and_without_events() {
    let mut chain = Chain::genesis();
    chain.mine_many(5, &p2wpkh(1));
    let early = pay(&[chain.coin(1)], &[(p2wpkh(2), 4_999_999_000)]);
    let node = FakeNode::serve(chain.clone()).await;
    node.insert(&early);
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let holds = |count: usize| {
        let explorer = &explorer;
        explorer.wait_until("the mempool", move |it| async move {
            it.json("/api/mempool").await["count"] == count
        })
    };
    holds(1).await;
    let child = pay(&[early.outpoint(0)], &[(p2wpkh(3), 4_999_998_000)]);
    node.add_to_mempool(&child);
    holds(2).await;
    let hash = scripthash(2);
    let stats = explorer.json(&format!("/api/scripthash/{hash}")).await;
    assert_eq!(stats["mempool_stats"]["spent_txo_count"], 1);
    assert_eq!(
        explorer.json(&format!("/api/scripthash/{hash}/utxo")).await,
        json!([])
    );
    node.remove_from_mempool(child.txid());
    holds(1).await;
    assert_eq!(
        explorer
            .refusal(&format!("/api/tx/{}", child.txid()))
            .await
            .0,
        404
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn no_reader_sees_a_tip_that_is_not_in_the_best_chain() {
    let mut chain = Chain::genesis();
    chain.mine_many(20, &p2wpkh(1));
    let node = FakeNode::serve(chain.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let moving = tokio::spawn({
        let node = node.clone();
        async move {
            let mut chain = chain;
            for round in 0..60u8 {
                let back = if round % 3 == 0 { 2 } else { 0 };
                chain = chain.fork_at(chain.height() - back);
                chain.mine_many(back + 1, &p2wpkh(round + 2));
                node.set_chain(chain.clone());
                tokio::task::yield_now().await;
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
            chain.tip().hash().to_string()
        }
    });
    let mut checked = 0;
    while !moving.is_finished() {
        let blocks = explorer.json("/api/blocks").await;
        let list = blocks.as_array().expect("a list");
        for pair in list.windows(2) {
            assert_eq!(
                pair[0]["previousblockhash"], pair[1]["id"],
                "one branch in one answer"
            );
        }
        checked += 1;
    }
    assert!(checked > 3);
    let last = moving.await.expect("no panic");
    explorer.wait_tip(&last).await;
    let status = explorer.json(&format!("/api/block/{last}/status")).await;
    assert_eq!(status["in_best_chain"], true);
    explorer.stop().await.expect("a clean stop");
}
