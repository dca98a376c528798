//! Peers that answer what no honest peer answers.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use synod_api::HashHex;
use synod_api::p2p::TransactionsRequest;
use synod_gossip::wire::News;
use synod_primitives::Wtxid;

use crate::kit::{OCTETS, boast, serve, start, start_with_peers, trap, until};

/// What a node says of a peer whose answer to a question for headers is this.
async fn verdict_on(answer: axum::routing::MethodRouter) -> (String, u64) {
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", answer);
    let url = serve(router).await;
    let node = start_with_peers(&[&url]).await;
    until(async || node.peers().await[0]["last_error"].is_string()).await;
    let peer = node.peers().await.remove(0);
    assert_eq!(node.mine(1).await.len(), 1, "the node lives");
    node.stop().await;
    let why = peer["last_error"].as_str().expect("a reason").to_owned();
    (why, peer["misbehavior"].as_u64().expect("points"))
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_a_redirect_is_not_followed() {
    let (target, visited) = trap().await;
    let redirect = move || async move { Redirect::temporary(&target) };
    let (why, points) = verdict_on(post(redirect)).await;
    assert!(why.starts_with("the peer answered 307"), "{why}");
    assert_eq!(points, 0, "it is of no use, but breaks no rule");
    assert!(!visited.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_an_answer_of_another_kind_is_not_read() {
    let (why, points) = verdict_on(post(|| async { "<html>" })).await;
    assert!(why.contains("application/octet-stream"), "{why}");
    assert!(points >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_an_answer_without_end_is_cut_off() {
    let endless = || async {
        let chunk = Bytes::from(vec![0; 1 << 16]);
        let chunks = stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone()));
        (
            [("content-type", "application/octet-stream")],
            Body::from_stream(chunks),
        )
    };
    let (why, points) = verdict_on(post(endless)).await;
    assert!(why.contains("past its limit"), "{why}");
    assert!(points >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_junk_for_headers_is_misbehaviour() {
    let junk = || async { ([("content-type", "application/octet-stream")], vec![7; 100]) };
    let (_, points) = verdict_on(post(junk)).await;
    assert!(points >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_an_error_of_a_megabyte_is_cut_short() {
    let error = || async { (StatusCode::INTERNAL_SERVER_ERROR, "e".repeat(1 << 20)) };
    let (why, points) = verdict_on(post(error)).await;
    assert!(why.len() < 300, "{why}");
    assert_eq!(points, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_a_node_that_is_told_of_itself_notices() {
    let node = start().await;
    let itself = json!({ "node_id": "00".repeat(16) });
    let (status, body) = node.greet_as(itself).await;
    assert_eq!(status, 200);
    let own = json!({ "node_id": body["node_id"] });
    let (status, body) = node.greet_as(own).await;
    assert_eq!((status, &body["code"]), (409, &json!("self-connection")));

    let answer = node
        .http
        .post(format!("{}/v1/peers", node.url))
        .bearer_auth(node.token())
        .json(&json!({ "url": node.url }))
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 201);
    let sees_itself = async || {
        let peers = node.peers().await;
        let peer = peers.iter().find(|it| it["is_configured"] == true);
        peer.is_some_and(|it| {
            it["last_error"]
                .as_str()
                .is_some_and(|it| it.contains("itself"))
        })
    };
    until(sees_itself).await;
    assert_eq!(
        node.client.chain().await.expect("the chain").peer_count,
        1,
        "the stranger"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_clocks_of_peers_are_not_followed() {
    let node = start().await;
    let before = node.client.chain().await.expect("the chain");
    for time in [0, 1, u64::MAX, i64::MAX.unsigned_abs()] {
        let (status, _) = node.greet_as(json!({ "time": time })).await;
        assert_eq!(status, 200, "{time}");
    }
    for time in [
        json!(-1),
        json!(i64::MIN),
        json!(1.5),
        json!("1"),
        json!(null),
    ] {
        let (status, _) = node.greet_as(json!({ "time": time })).await;
        assert_eq!(status, 422, "{time}");
    }
    let after = node.client.chain().await.expect("the chain");
    assert_eq!(
        (before.median_time, before.height),
        (after.median_time, after.height)
    );
    let block = node.mine(1).await[0];
    let block = node.client.block_raw(block).await.expect("the block");
    let block = synod_primitives::Block::decode(&block).expect("a block");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    assert!(now.as_secs().abs_diff(block.header().time.into()) < 7200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p24_another_chain_and_another_version_are_refused_at_the_greeting() {
    let node = start().await;
    let (status, body) = node.greet_as(json!({ "chain_id": "11".repeat(32) })).await;
    assert_eq!((status, &body["code"]), (409, &json!("other-chain")));
    for version in [0_u32, 1, 3, u32::MAX] {
        let (status, body) = node.greet_as(json!({ "protocol_version": version })).await;
        assert_eq!((status, &body["code"]), (409, &json!("other-version")));
    }
    let (status, _) = node.greet_as(json!({ "agent": "a".repeat(65) })).await;
    assert_eq!(status, 400);
    let (status, _) = node.greet_as(json!({ "height": -1 })).await;
    assert_eq!(status, 422);
    let (status, _) = node.greet_as(json!({ "height": 4_294_967_296_u64 })).await;
    assert_eq!(status, 422);
    assert_eq!(node.peers().await.len(), 0);

    let other = |axum::Json(mut greeting): axum::Json<serde_json::Value>| async move {
        greeting["chain_id"] = "11".repeat(32).into();
        axum::Json(greeting)
    };
    let url = serve(axum::Router::new().route("/p2p/v1/handshake", post(other))).await;
    let two = start_with_peers(&[&url]).await;
    until(async || {
        let why = two.peers().await[0]["last_error"].clone();
        why.as_str().is_some_and(|it| it.contains("another chain"))
    })
    .await;
    two.stop().await;
    node.stop().await;
}

/// A peer whose clock shows so many seconds more, and that has nothing else to say.
async fn peer_with_clock(number: u8, off_s: i64) -> String {
    let greet = move |axum::Json(mut greeting): axum::Json<serde_json::Value>| async move {
        let now = greeting["time"].as_u64().expect("a time");
        greeting["time"] = now.saturating_add_signed(off_s).into();
        greeting["node_id"] = format!("{number:032x}").into();
        greeting["session"] = "ef".repeat(16).into();
        axum::Json(greeting)
    };
    let stream = || async {
        let nothing = stream::pending::<Result<Bytes, Infallible>>();
        (
            [("content-type", "application/octet-stream")],
            Body::from_stream(nothing),
        )
    };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(greet))
        .route("/p2p/v1/stream", axum::routing::get(stream));
    serve(router).await
}

/// The warnings of a node whose peers' clocks show so many seconds more than its own.
async fn warnings_beside(offsets: &[i64]) -> (Vec<String>, String) {
    let mut urls = Vec::new();
    for (number, off_s) in (1..).zip(offsets) {
        urls.push(peer_with_clock(number, *off_s).await);
    }
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let node = start_with_peers(&urls).await;
    until(async || {
        let peers = node.peers().await;
        peers.iter().filter(|it| it["is_connected"] == true).count() == offsets.len()
    })
    .await;
    let warnings = node.client.chain().await.expect("the chain").warnings;
    let metrics = node.metrics().await;
    node.stop().await;
    let line = metrics
        .lines()
        .find(|it| it.starts_with("synod_peers_clock_offset_seconds "));
    (warnings, line.expect("the metric").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_clock_that_most_peers_disagree_with_is_a_warning() {
    let (warnings, metric) = warnings_beside(&[4200, 4200, 0]).await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("date and time"), "{warnings:?}");
    assert_eq!(metric, "synod_peers_clock_offset_seconds 4200");
    let (warnings, _) = warnings_beside(&[-4200, -660, -5]).await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    // Within ten minutes, one that is off among three, and two alone are none.
    for offsets in [&[590, 595, -4200][..], &[i64::MAX, 0, 0], &[4200, 4200]] {
        let (warnings, _) = warnings_beside(offsets).await;
        assert_eq!(warnings, Vec::<String>::new(), "{offsets:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_a_peer_that_claims_work_without_headers_is_doubted_and_does_not_hold_up_the_node() {
    let nothing = || async {
        (
            [("content-type", "application/octet-stream")],
            Vec::<u8>::new(),
        )
    };
    let stream = || async {
        let nothing = stream::pending::<Result<Bytes, Infallible>>();
        (
            [("content-type", "application/octet-stream")],
            Body::from_stream(nothing),
        )
    };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", post(nothing))
        .route("/p2p/v1/stream", axum::routing::get(stream));
    let url = serve(router).await;
    let node = start_with_peers(&[&url]).await;
    until(async || {
        let peer = node.peers().await.remove(0);
        let why = peer["last_error"].as_str().unwrap_or_default().to_owned();
        why.contains("claims more work") && peer["misbehavior"].as_u64() >= Some(10)
    })
    .await;
    let chain = node.client.chain().await.expect("the chain");
    assert!(!chain.initial_sync, "nobody has more to show");
    assert_eq!(node.mine(1).await.len(), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p05_a_stream_of_announcements_is_looked_at_no_faster_than_an_honest_peer_makes_them() {
    let news = |id: u8| News::Transactions(vec![Wtxid::from_bytes([id; 32])]).encode();
    // Looked at one by one, the last is a minute and a half away.
    let all: Bytes = [news(1).repeat(2_000), news(2)].concat().into();
    let announce = || async {
        let all = stream::once(async { Ok::<_, Infallible>(all) });
        let body = Body::from_stream(all.chain(stream::pending()));
        ([("content-type", OCTETS)], body)
    };
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let deliver_nothing = |axum::Json(request): axum::Json<TransactionsRequest>| async move {
        notes.lock().expect("a list").extend(request.wtxids);
        ([("content-type", OCTETS)], Vec::<u8>::new())
    };
    let nothing = || async { ([("content-type", OCTETS)], Vec::<u8>::new()) };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", post(nothing))
        .route("/p2p/v1/stream", axum::routing::get(announce))
        .route("/p2p/v1/transactions", post(deliver_nothing));
    let url = serve(router).await;
    let node = start_with_peers(&[&url]).await;
    until(async || !asked.lock().expect("a list").is_empty()).await;
    for _ in 0..500 {
        node.tip().await;
    }
    let last = HashHex::from_internal([2; 32]);
    assert!(!asked.lock().expect("a list").contains(&last));
    node.stop().await;
}
