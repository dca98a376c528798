//! Limits on what peers ask and tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::routing::post;
use serde_json::json;
use synod_api::p2p::{
    MAX_ANNOUNCED_TRANSACTIONS, MAX_HEADERS, MAX_LOCATOR, MAX_REQUESTED_BLOCKS,
    MAX_REQUESTED_TRANSACTIONS,
};
use synod_chainspec::genesis_block;
use synod_gossip::{MAX_INBOUND, wire};

use crate::kit::{
    OCTETS, Starter, boast, encode_headers, genesis, headers_on, serve, start, trap, until,
};

fn hashes(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:064x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn p06_an_announcement_names_5000_transactions_at_most() {
    let node = start().await;
    let session = node.session().await;
    let news = json!({ "transactions": hashes(MAX_ANNOUNCED_TRANSACTIONS) });
    let (status, wanted) = node.post_json(&session, "announce", &news).await;
    assert_eq!(status, 200);
    assert_eq!(
        wanted["send"].as_array().map(Vec::len),
        Some(1000),
        "a thousand at once"
    );
    let news = json!({ "transactions": hashes(MAX_ANNOUNCED_TRANSACTIONS + 1) });
    assert_eq!(node.post_json(&session, "announce", &news).await.0, 400);
    let news = json!({ "transactions": hashes(50_001) });
    assert_eq!(node.post_json(&session, "announce", &news).await.0, 413);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p07_locators_and_requests_have_limits_and_repeats_do_not_spin() {
    let node = start().await;
    node.mine(3).await;
    let ask = async |route: &str, body: serde_json::Value| {
        let answer = node
            .http
            .post(format!("{}/p2p/v1/{route}", node.url))
            .json(&body)
            .send()
            .await
            .expect("an answer");
        (
            answer.status().as_u16(),
            answer.bytes().await.expect("a body").len(),
        )
    };
    let locator = |count| json!({ "locator": hashes(count) });
    assert_eq!(ask("headers", locator(MAX_LOCATOR)).await, (200, 3 * 84));
    assert_eq!(ask("headers", locator(MAX_LOCATOR + 1)).await.0, 400);
    assert_eq!(ask("headers", locator(1_000_000)).await.0, 413);
    let same = |count| json!({ "hashes": vec![genesis(); count] });
    let (status, bytes) = ask("blocks", same(MAX_REQUESTED_BLOCKS)).await;
    assert_eq!((status, bytes), (200, MAX_REQUESTED_BLOCKS * (285 + 4)));
    assert_eq!(ask("blocks", same(MAX_REQUESTED_BLOCKS + 1)).await.0, 400);
    let ids = |count| json!({ "wtxids": hashes(count) });
    assert_eq!(
        ask("transactions", ids(MAX_REQUESTED_TRANSACTIONS)).await,
        (200, 0)
    );
    assert_eq!(
        ask("transactions", ids(MAX_REQUESTED_TRANSACTIONS + 1))
            .await
            .0,
        400
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_who_has_no_session_or_anothers_is_refused() {
    let node = start().await;
    let news = json!({ "transactions": [] });
    for forged in [
        "",
        "00",
        &"00".repeat(16),
        &"ab".repeat(16),
        &"AB".repeat(16),
    ] {
        let (status, body) = node.post_json(forged, "announce", &news).await;
        assert_eq!(
            (status, &body["code"]),
            (401, &json!("unknown-session")),
            "{forged}"
        );
    }
    let session = node.session().await;
    assert_eq!(node.post_json(&session, "announce", &news).await.0, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_posted_headers_that_break_a_rule_end_the_session() {
    let node = start().await;
    let good = headers_on(genesis_block().hash(), 10);
    let mut bad = good.clone();
    bad.remove(5);
    let session = node.session().await;
    let (status, _) = node
        .post_octets(&session, "push/headers", encode_headers(&bad))
        .await;
    assert_eq!(status, 200);
    let (status, _) = node
        .post_octets(&session, "push/headers", encode_headers(&good))
        .await;
    assert_eq!(status, 401, "the peer is gone");
    let tips = node.client.tips().await.expect("tips");
    assert_eq!(tips.len(), 1, "nothing of the page was kept");

    let session = node.session().await;
    let (status, posted) = node
        .post_octets(&session, "push/headers", encode_headers(&good))
        .await;
    assert_eq!(status, 200);
    assert_eq!(posted["send"].as_array().map(Vec::len), Some(10));
    let many = headers_on(genesis_block().hash(), MAX_HEADERS as u32 + 1);
    let (status, _) = node
        .post_octets(&session, "push/headers", encode_headers(&many))
        .await;
    assert_eq!(status, 400);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_a_thousand_peers_find_room_for_114() {
    let node = start().await;
    let mut refused = 0;
    for n in 0..300_u32 {
        let id = json!({ "node_id": format!("{n:032x}") });
        let (status, _) = node.greet_as(id).await;
        assert!(matches!(status, 200 | 503), "{status}");
        refused += u32::from(status == 503);
    }
    assert_eq!(refused, 0, "the youngest make room");
    assert_eq!(node.peers().await.len(), MAX_INBOUND);
    let (status, _) = node.greet_as(json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(node.mine(1).await.len(), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p25_junk_of_four_megabytes_is_refused_and_the_node_still_serves() {
    let node = start().await;
    let honest = node.session().await;
    let junk = vec![0xa5; 4_000_000];
    for _ in 0..20 {
        let session = node.session().await;
        for route in [
            "compact",
            "push/headers",
            "push/blocks",
            "push/transactions",
        ] {
            let (status, _) = node.post_octets(&session, route, junk.clone()).await;
            assert!((400..500).contains(&status), "{route}: {status}");
        }
    }
    let (status, _) = node
        .post(
            &honest,
            "announce",
            "application/json",
            "{\"transactions\":[]}",
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(node.mine(1).await.len(), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_body_past_the_limit_and_other_kinds_are_refused() {
    let node = start().await;
    let session = node.session().await;
    let huge = vec![0; (16 << 20) + 1];
    assert_eq!(node.post_octets(&session, "push/blocks", huge).await.0, 413);
    assert_eq!(
        node.post(&session, "push/blocks", "text/plain", "00")
            .await
            .0,
        415
    );
    let gzip = node
        .http
        .post(format!("{}/p2p/v1/push/blocks", node.url))
        .header("x-synod-session", &session)
        .header("content-type", OCTETS)
        .header("content-encoding", "gzip")
        .body(vec![0x1f, 0x8b])
        .send()
        .await;
    assert_eq!(gzip.expect("an answer").status().as_u16(), 415);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p26_an_address_is_sent_no_more_than_its_share() {
    let node = Starter {
        upload: Some(1),
        ..Starter::default()
    };
    let node = node.start().await;
    let ask = async || {
        let body = json!({ "hashes": [genesis()] });
        let url = format!("{}/p2p/v1/blocks", node.url);
        let answer = node
            .http
            .post(url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.bytes().await.expect("a body").len())
    };
    assert_eq!(ask().await, (200, 289));
    let (status, _) = ask().await;
    assert_eq!(status, 429);
    // What costs little is still answered.
    let session = node.session().await;
    let (status, _) = node
        .post_json(&session, "announce", &json!({ "transactions": [] }))
        .await;
    assert_eq!(status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_addresses_that_lead_inside_are_not_asked() {
    let (trap, visited) = trap().await;
    let port = trap.rsplit(':').next().expect("a port").to_owned();
    let node = start().await;
    let session = node.session().await;
    let urls = json!({ "urls": [
        format!("http://user:pass@127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{port}/v1/wallets"),
        format!("https://127.0.0.1:{port}"),
        "http://169.254.169.254:9330",
        "http://10.0.0.1:9330",
        "http://0.0.0.0:9330",
        "http://127.0.0.1:22",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70",
    ] });
    let (status, _) = node.post_json(&session, "addresses", &urls).await;
    assert_eq!(status, 200);
    let saved = node.stop().await;
    let book = std::fs::read_to_string(saved.path().join("peers.json")).expect("the book");
    let book: serde_json::Value = serde_json::from_str(&book).expect("json");
    assert_eq!(book["addresses"], json!([]));
    assert!(!visited.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn p10_where_a_peer_listens_that_misbehaved_is_forgotten_and_not_learnt_again() {
    let mut broken = headers_on(genesis_block().hash(), 10);
    broken.remove(5);
    let page = encode_headers(&broken);
    let asked = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&asked);
    let answer = move || async move {
        flag.store(true, Ordering::SeqCst);
        ([("content-type", OCTETS)], page)
    };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", post(answer));
    let url = serve(router).await;
    let node = start().await;
    let listener = json!({ "listen_url": url });
    assert_eq!(node.greet_as(listener.clone()).await.0, 200);
    let spoken_to = async || {
        let peers = node.peers().await;
        peers.iter().any(|it| it["direction"] == "outbound")
    };
    until(async || asked.load(Ordering::SeqCst) && !spoken_to().await).await;
    assert_eq!(node.greet_as(listener).await.0, 200);
    let saved = node.stop().await;
    let book = std::fs::read_to_string(saved.path().join("peers.json")).expect("the book");
    let book: serde_json::Value = serde_json::from_str(&book).expect("json");
    assert_eq!(book["addresses"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p03_the_same_bad_block_is_refused_a_thousand_times_and_checked_once() {
    let node = start().await;
    let hash = node.mine(1).await[0];
    let raw = node.client.block_raw(hash).await.expect("the block");
    let block = synod_primitives::Block::decode(&raw).expect("a block");
    // The coinbase of the block before: its height is not this block's.
    let transactions = vec![block.transactions()[0].clone()];
    let mut header = headers_on(block.hash(), 1)[0];
    let draft = synod_primitives::Block::new(header, transactions.clone());
    header.merkle_root = synod_primitives::MerkleRoot::from_bytes(draft.merkle_root().hash);
    let target = header.bits.to_target().expect("a target");
    while !target.is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    let bad = synod_primitives::Block::new(header, transactions);
    let submit = async || {
        let url = format!("{}/v1/blocks", node.url);
        let request = node.http.post(url).header("content-type", OCTETS);
        let answer = request
            .body(bad.raw().to_vec())
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (
            status,
            answer.json::<serde_json::Value>().await.expect("json"),
        )
    };
    let (status, first) = submit().await;
    assert_eq!((status, &first["known"]), (422, &json!(null)), "{first}");
    for _ in 0..1000 {
        let (status, again) = submit().await;
        assert_eq!(
            (status, &again["code"], &again["known"]),
            (422, &first["code"], &json!(true))
        );
    }
    // A peer whose header is that of the bad block is not asked for anything.
    let session = node.session().await;
    let (_, posted) = node
        .post_octets(&session, "push/headers", encode_headers(&[header]))
        .await;
    assert_eq!(posted["send"], json!([]));
    let mut frames = Vec::new();
    wire::write_frame(&mut frames, bad.raw());
    node.post_octets(&session, "push/blocks", frames).await;
    assert_eq!(node.tip().await.0, 1);
    node.stop().await;
}
