//! Catching up with chains.

use axum::routing::post;
use serde_json::json;
use synod_api::HashHex;

use crate::kit::{
    Starter, TestNode, UNREACHABLE, boast, encode_headers, headers_on, serve, start,
    start_with_peers, until, until_at,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_catches_up_with_a_chain_of_300_blocks_and_follows_it() {
    let one = start().await;
    one.mine(300).await;
    let two = start_with_peers(&[&one.url]).await;
    until_at(&two, one.tip().await).await;
    assert_eq!(
        one.client.state().await.expect("state"),
        two.client.state().await.expect("state")
    );
    one.mine(3).await;
    until_at(&two, one.tip().await).await;
    two.mine(3).await;
    until_at(&one, two.tip().await).await;
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_nobody_can_reach_shows_its_longer_chain() {
    let one = start().await;
    one.mine(20).await;
    let hidden = Starter {
        announce: Some(UNREACHABLE.to_owned()),
        ..Starter::default()
    };
    let hidden = hidden.start().await;
    // Another payout, so that both chains differ even when they are made in one second.
    let payout = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";
    let mined = hidden.client.dev_mine(150, payout).await;
    assert_eq!(mined.expect("mined").blocks.len(), 150);
    let added = add_peer(&hidden, &one.url).await;
    assert_eq!(added, 201);
    until_at(&one, hidden.tip().await).await;
    assert_eq!(one.tip().await.0, 150);
    let peers = one.peers().await;
    let seat = peers
        .iter()
        .find(|it| it["direction"] == "inbound")
        .expect("it came by itself");
    assert!(seat["bytes_received"].as_u64() > Some(150 * 200), "{seat}");
    hidden.stop().await;
    one.stop().await;
}

async fn add_peer(node: &TestNode, url: &str) -> u16 {
    let body = json!({ "url": url });
    let answer = node
        .http
        .post(format!("{}/v1/peers", node.url))
        .bearer_auth(node.token())
        .json(&body)
        .send()
        .await;
    answer.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_blocks_are_asked_of_peers_that_have_not_pruned_them() {
    let pruned = Starter {
        prune: Some(0),
        ..Starter::default()
    };
    let pruned = pruned.start().await;
    // Nobody is told where it listens, so only the operator leads to it.
    let archive = Starter {
        peer: vec![pruned.url.clone()],
        announce: Some(UNREACHABLE.to_owned()),
        ..Starter::default()
    };
    let archive = archive.start().await;
    // Mined bit by bit, so that the other one follows before anything is forgotten.
    for _ in 0..7 {
        pruned.mine(60).await;
        until_at(&archive, pruned.tip().await).await;
    }
    until(async || {
        let chain = pruned.client.chain().await.expect("the chain");
        chain.prune_height.is_some_and(|height| height > 1)
    })
    .await;
    let node = start_with_peers(&[&pruned.url]).await;
    until(async || {
        node.peers()
            .await
            .iter()
            .any(|it| it["is_connected"] == true)
    })
    .await;
    // It says what it lacks when it is greeted: nothing is asked of it and nobody is to blame.
    let peer = node.peers().await[0].clone();
    assert!(peer["prune_height"].as_u64() > Some(1), "{peer}");
    assert_eq!((&peer["misbehavior"], node.tip().await.0), (&json!(0), 0));
    assert_eq!(add_peer(&node, &archive.url).await, 201);
    until_at(&node, pruned.tip().await).await;
    // What is new comes from either.
    pruned.mine(1).await;
    until_at(&node, pruned.tip().await).await;
    node.stop().await;
    archive.stop().await;
    pruned.stop().await;
}

/// A peer that has the headers of an honest node, and never sends a block.
async fn silent_twin(honest: &TestNode) -> String {
    let http = honest.http.clone();
    let base = honest.url.clone();
    let forward = move |route: &'static str| {
        let (http, base) = (http.clone(), base.clone());
        move |headers: axum::http::HeaderMap, body: bytes::Bytes| async move {
            let kind = headers["content-type"].clone();
            let url = format!("{base}/p2p/v1/{route}");
            let answer = http
                .post(url)
                .header("content-type", kind)
                .body(body)
                .send()
                .await;
            let answer = answer.expect("an answer");
            let kind = answer.headers()["content-type"].clone();
            (
                [("content-type", kind)],
                answer.bytes().await.expect("a body"),
            )
        }
    };
    let stream = || async {
        let body = axum::body::Body::from_stream(futures_util::stream::pending::<
            Result<bytes::Bytes, std::convert::Infallible>,
        >());
        ([("content-type", "application/octet-stream")], body)
    };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(forward("handshake")))
        .route("/p2p/v1/headers", post(forward("headers")))
        .route("/p2p/v1/stream", axum::routing::get(stream))
        .route("/p2p/v1/blocks", post(std::future::pending::<()>));
    serve(router).await
}

#[tokio::test(flavor = "multi_thread")]
async fn p05_a_peer_that_never_sends_its_blocks_does_not_hold_up_another() {
    let honest = start().await;
    honest.mine(200).await;
    let silent = silent_twin(&honest).await;
    let node = start_with_peers(&[&silent]).await;
    until(async || {
        node.peers()
            .await
            .iter()
            .any(|it| it["is_connected"] == true)
    })
    .await;
    assert_eq!(add_peer(&node, &honest.url).await, 201);
    until_at(&node, honest.tip().await).await;
    node.stop().await;
    honest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_a_peer_whose_headers_do_not_follow_one_another_is_blamed() {
    let mut headers = headers_on(synod_chainspec::genesis_block().hash(), 10);
    headers.remove(4);
    let body = encode_headers(&headers);
    let answer = move || {
        let body = body.clone();
        async move { ([("content-type", "application/octet-stream")], body) }
    };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", post(answer));
    let url = serve(router).await;
    let node = start_with_peers(&[&url]).await;
    // The operator named it, so it is kept.
    until(async || node.peers().await[0]["misbehavior"].as_u64() >= Some(100)).await;
    assert_eq!(node.tip().await.0, 0);
    let tips = node.client.tips().await.expect("tips");
    assert_eq!(tips.len(), 1, "nothing of the page was kept");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p05_headers_whose_blocks_nobody_has_leave_the_chain_as_it_was() {
    let headers = headers_on(synod_chainspec::genesis_block().hash(), 50);
    let body = encode_headers(&headers);
    let answer = move || {
        let body = body.clone();
        async move { ([("content-type", "application/octet-stream")], body) }
    };
    let nothing = || async {
        (
            [("content-type", "application/octet-stream")],
            Vec::<u8>::new(),
        )
    };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", post(answer))
        .route("/p2p/v1/blocks", post(nothing));
    let liar = serve(router).await;
    let honest = start().await;
    honest.mine(5).await;
    let node = start_with_peers(&[&liar, &honest.url]).await;
    until_at(&node, honest.tip().await).await;
    assert_eq!(node.mine(1).await.len(), 1);
    let (height, tip): (u32, HashHex) = node.tip().await;
    assert_eq!(height, 6);
    until_at(&honest, (6, tip)).await;
    node.stop().await;
    honest.stop().await;
}
