//! The chain as a whole, and its headers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::post;
use serde_json::Value;
use synod_api::node::TipStatus;
use synod_service::bind;
use tokio::sync::Notify;

use crate::harness::{SUBSIDY, TestNode, UNKNOWN, genesis, payout};

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_and_its_headers_are_read() {
    let node = TestNode::start().await;
    let before = node.json("/v1/chain").await;
    assert_eq!(
        (&before["height"], &before["finalized"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(before["best_block_hash"], genesis().to_string());
    let mined = node.mine(15, &payout(1)).await;

    let chain = node.client.chain().await.expect("the chain");
    assert_eq!(
        (chain.network.as_str(), chain.engine.as_str()),
        ("regtest", "pow")
    );
    assert_eq!((chain.height, chain.best_block_hash), (15, mined[14]));
    assert_eq!(
        (chain.initial_sync, chain.peer_count, chain.mempool_count),
        (false, 0, 0)
    );
    assert_eq!(chain.bits.to_string(), "207fffff");

    let page = node.client.headers(0, 2000).await.expect("headers");
    assert_eq!((page.items.len(), page.next_from), (16, None));
    let tip = &page.items[15];
    assert_eq!(
        (tip.hash, tip.confirmations, tip.next_block_hash),
        (mined[14], 1, None)
    );
    assert_eq!(
        (tip.median_time, tip.chainwork),
        (chain.median_time, chain.chainwork)
    );
    for (height, pair) in page.items.windows(2).enumerate() {
        assert_eq!(pair[0].height as usize, height);
        assert_eq!(pair[0].next_block_hash, Some(pair[1].hash));
        assert_eq!(pair[1].previous_block_hash, pair[0].hash);
        assert_eq!(pair[0].confirmations as usize, 16 - height);
        assert_eq!(
            (pair[0].status, pair[0].is_final),
            (TipStatus::Active, false)
        );
        let first = (height + 1).saturating_sub(11);
        let mut times: Vec<u32> = page.items[first..=height]
            .iter()
            .map(|it| it.time)
            .collect();
        times.sort_unstable();
        assert_eq!(pair[0].median_time, times[times.len() / 2]);
    }
    let part = node.json("/v1/chain/headers?from=12&limit=2").await;
    assert_eq!(part["next_from"], 14);
    assert_eq!(
        part["items"][1],
        serde_json::to_value(&page.items[13]).expect("json")
    );
    let above = node.json("/v1/chain/headers?from=16").await;
    assert_eq!(
        (&above["items"], &above["next_from"]),
        (&serde_json::json!([]), &Value::Null)
    );
    assert_eq!(
        node.json("/v1/chain/headers?from=4294967295").await["next_from"],
        Value::Null
    );

    let raw = node
        .raw("/v1/chain/headers?from=3&limit=4", "no-cache")
        .await;
    let expected: Vec<u8> = page.items[3..7]
        .iter()
        .flat_map(|it| it.header.as_bytes().to_vec())
        .collect();
    assert_eq!(raw, expected);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_one_chain_have_one_state() {
    let (node, other) = (TestNode::start().await, TestNode::start().await);
    let empty = node.json("/v1/state").await;
    assert_eq!(
        (&empty["coins"], &empty["total_sat"]),
        (&0.into(), &0.into())
    );
    // Bitcoin Core shows this for a set without coins.
    let digest = "dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8";
    assert_eq!(empty["muhash"], digest);
    node.mine(2, &payout(1)).await;
    node.client.state().await.expect("a digest");
    for hash in other.mine(4, &payout(2)).await {
        let raw = other.client.block_raw(hash).await.expect("the block");
        node.client.submit_block(raw).await.expect("taken in");
    }
    let (state, same) = (node.client.state().await, other.client.state().await);
    let state = state.expect("a digest");
    assert_eq!(state, same.expect("a digest"));
    assert_eq!(
        (state.height, state.coins, state.total_sat.to_sat()),
        (4, 4, 4 * SUBSIDY)
    );
    assert_ne!(
        state.muhash.to_string(),
        empty["muhash"].as_str().expect("text")
    );
    node.json("/v1/state").await;
    node.stop().await;
    other.stop().await;
}

/// A peer that claims a chain of some work and never hands it over; returns its URL, and a signal
/// that it was asked for headers.
async fn boastful_peer(chainwork: u8) -> (String, Arc<Notify>) {
    let asked = Arc::new(Notify::new());
    let handshake = move |axum::Json(mut greeting): axum::Json<Value>| async move {
        greeting["node_id"] = "ff".repeat(16).into();
        greeting["session"] = "ee".repeat(16).into();
        greeting["best_block_hash"] = UNKNOWN.into();
        greeting["chainwork"] = format!("{chainwork:064x}").into();
        axum::Json(greeting)
    };
    let signal = Arc::clone(&asked);
    let headers = move || async move {
        signal.notify_one();
        std::future::pending::<()>().await;
    };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(handshake))
        .route("/p2p/v1/headers", post(headers));
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_catches_up_while_a_peer_claims_more_work_than_it_has() {
    // Each block of regtest is worth two hashes.
    let (url, asked) = boastful_peer(8).await;
    let node = TestNode::start_with_peers(vec![url]).await;
    asked.notified().await;
    for (blocks, is_behind) in [(0, true), (2, true), (3, false)] {
        let missing = blocks - node.client.chain().await.expect("the chain").height;
        if missing > 0 {
            node.mine(missing, &payout(1)).await;
        }
        let chain = node.client.chain().await.expect("the chain");
        assert_eq!((chain.height, chain.peer_count), (blocks, 1));
        assert_eq!(chain.initial_sync, is_behind, "at height {blocks}");
    }
    node.stop().await;
}
