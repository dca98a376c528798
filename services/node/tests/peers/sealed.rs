//! A sealed chain between nodes: headers travel with their proofs, final blocks stay, and who was
//! away for too long says so.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::routing::post;
use bytes::Bytes;
use serde_json::{Value, json};
use synod_chainspec::genesis_block;
use synod_gossip::wire;
use synod_node_core::Node;
use synod_primitives::{Block, Header};
use synod_seal::SealedHeader;
use synod_testkit::{Author, Bond, SealedSpec, open_in_memory};

use crate::kit::{OCTETS, Starter, TestNode, boast, serve, start_with_peers, until, until_at};

/// Blocks of the bootstrap.
const BOOTSTRAP: u32 = 3;

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

/// A chain of one validator whose slots began some seconds ago, played in memory.
struct Played {
    author: Author,
    spec: SealedSpec,
    node: Node,
    blocks: Vec<Block>,
}

impl Played {
    fn new(engine: &'static str, settings: &str, seconds_ago: u64) -> Self {
        let time = u32::try_from(now() - seconds_ago).expect("before 2106");
        let spec = SealedSpec {
            engine,
            rules: String::new(),
            settings: settings.to_owned(),
            time,
            blocks: BOOTSTRAP,
            bonds: vec![Bond {
                seed: 1,
                amount_sat: 5_000_000_000,
            }],
        };
        let author = Author::new(spec.spec(), &[1]);
        let mut node = open_in_memory(&author.spec, time.into());
        let blocks = author.bootstrap(&mut node);
        Self {
            author,
            spec,
            node,
            blocks,
        }
    }

    fn pos(seconds_ago: u64) -> Self {
        Self::new("pos", "epoch_slots = 4", seconds_ago)
    }

    fn run(&mut self, slots: std::ops::RangeInclusive<u64>) {
        for slot in slots {
            self.blocks
                .extend(self.author.run_slot(&mut self.node, slot));
        }
    }

    fn network(&self, directory: &Path) -> String {
        let path = directory.join("spec.toml");
        std::fs::write(&path, self.spec.text()).expect("the spec is written");
        path.to_str().expect("text").to_owned()
    }

    fn page(&self, blocks: &[Block]) -> Vec<(Header, Bytes)> {
        let engine = self.node.chain().engine();
        let pair = |block: &Block| (*block.header(), engine.proof_of(block));
        blocks.iter().map(pair).collect()
    }
}

async fn start(network: &str, peer: &[&str]) -> TestNode {
    Starter {
        network: Some(network.to_owned()),
        peer: peer.iter().map(|it| (*it).to_owned()).collect(),
        ..Starter::default()
    }
    .start()
    .await
}

/// Posts a block as anybody may; returns status and body.
async fn submit(node: &TestNode, block: &Block) -> (u16, Value) {
    let request = node.http.post(format!("{}/v1/blocks", node.url));
    let request = request
        .bearer_auth(node.token())
        .header("content-type", OCTETS);
    let answer = request.body(block.raw().clone()).send().await;
    let answer = answer.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("json"))
}

async fn feed(node: &TestNode, blocks: &[Block]) {
    for block in blocks {
        let (status, body) = submit(node, block).await;
        assert_eq!(status, 200, "{body}");
    }
}

fn encode(page: &[(Header, Bytes)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (header, proof) in page {
        wire::write_header(&mut body, header, proof);
    }
    body
}

/// A peer that answers a question for headers like this, and has no block.
async fn liar(page: &[(Header, Bytes)]) -> String {
    let body = encode(page);
    let headers = move || {
        let body = body.clone();
        async move { ([("content-type", OCTETS)], body) }
    };
    let nothing = || async { ([("content-type", OCTETS)], Vec::<u8>::new()) };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", post(headers))
        .route("/p2p/v1/blocks", post(nothing));
    serve(router).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_node_that_was_away_catches_up_by_headers_with_their_proofs() {
    for engine in [("pos", "epoch_slots = 4"), ("dpos", "seats = 4")] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut played = Played::new(engine.0, engine.1, 200);
        let network = played.network(directory.path());
        played.run(1..=20);
        let one = start(&network, &[]).await;
        feed(&one, &played.blocks).await;

        // What the wire has: each header with a proof that holds by itself.
        let request = json!({ "locator": [crate::kit::genesis()] });
        let answer = one.http.post(format!("{}/p2p/v1/headers", one.url));
        let answer = answer.json(&request).send().await.expect("an answer");
        let body = answer.bytes().await.expect("a body");
        let page = wire::read_headers(body).expect("headers");
        assert!(!page.has_more);
        assert_eq!(page.headers, played.page(&played.blocks));
        let chain_id = played.author.spec.chain_id().0;
        for (header, proof) in &page.headers {
            let sealed = SealedHeader::decode_proof(*header, proof).expect("a proof");
            sealed.check(&chain_id).expect("sealed");
        }

        let two = start(&network, &[&one.url]).await;
        until_at(&two, one.tip().await).await;
        let finalized = two.client.chain().await.expect("the chain").finalized;
        assert_eq!(
            finalized,
            one.client.chain().await.expect("the chain").finalized
        );
        // New blocks are announced with their proofs, and a node that starts again after it
        // was away hears of those in between.
        let before = played.blocks.len();
        played.run(21..=22);
        feed(&one, &played.blocks[before..]).await;
        until_at(&two, one.tip().await).await;
        let data = two.stop().await;
        let before = played.blocks.len();
        played.run(23..=40);
        feed(&one, &played.blocks[before..]).await;
        let two = Starter {
            network: Some(network),
            peer: vec![one.url.clone()],
            data: Some(data),
            ..Starter::default()
        };
        let two = two.start().await;
        until_at(&two, one.tip().await).await;
        two.stop().await;
        one.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_missing_and_foreign_proofs_cost_the_peer_and_store_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut played = Played::pos(200);
    let network = played.network(directory.path());
    played.run(1..=12);
    let honest = played.page(&played.blocks);
    let mut unsigned = honest.clone();
    // The last byte of the seal's signature lies somewhere before the branch's length; the
    // coinbase's last output carries it.
    let sealed = SealedHeader::decode_proof(unsigned[8].0, &unsigned[8].1).expect("a proof");
    let mut bytes = unsigned[8].1.to_vec();
    let at = bytes.len() - 1 - 32 * sealed.branch.len() - 5;
    bytes[at] ^= 1;
    unsigned[8].1 = bytes.into();
    let mut bare = honest.clone();
    bare[8].1 = Bytes::new();
    let mut swapped = honest.clone();
    swapped[8].1 = honest[9].1.clone();
    for (name, page) in [
        ("forged", unsigned),
        ("missing", bare),
        ("another's", swapped),
    ] {
        let url = liar(&page).await;
        let node = start(&network, &[&url]).await;
        until(async || node.peers().await[0]["misbehavior"].as_u64() >= Some(100)).await;
        let tips = node.client.tips().await.expect("tips");
        assert_eq!((tips.len(), node.tip().await.0), (1, 0), "{name}");
        // The honest chain is not held to what the liar said of it.
        feed(&node, &played.blocks).await;
        assert_eq!(node.tip().await.0, BOOTSTRAP + 12, "{name}");
        node.stop().await;
    }
    // Proof of work takes none.
    let mut with_proof = crate::kit::headers_on(genesis_block().hash(), 3);
    let page: Vec<_> = with_proof
        .drain(..)
        .map(|it| (it, honest[0].1.clone()))
        .collect();
    let url = liar(&page).await;
    let node = start_with_peers(&[&url]).await;
    until(async || node.peers().await[0]["misbehavior"].as_u64() >= Some(100)).await;
    assert_eq!(node.client.tips().await.expect("tips").len(), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_announced_without_its_proof_is_refused_and_one_with_it_is_taken_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut played = Played::pos(200);
    let network = played.network(directory.path());
    played.run(1..=5);
    let node = start(&network, &[]).await;
    let (last, before) = played.blocks.split_last().expect("some");
    feed(&node, before).await;
    let proof = played.page(std::slice::from_ref(last))[0].1.clone();
    let session = node.session().await;
    let bare = synod_gossip::CompactBlock::of(last, Bytes::new(), 7, 0).encode();
    let (status, body) = node.post_octets(&session, "compact", bare).await;
    assert_eq!(status, 422, "{body}");
    assert_eq!(node.tip().await.0, BOOTSTRAP + 4);
    let session = node.session().await;
    let whole = synod_gossip::CompactBlock::of(last, proof, 7, 0).encode();
    let (status, body) = node.post_octets(&session, "compact", whole).await;
    assert_eq!((status, &body["status"]), (200, &json!("accepted")));
    assert_eq!(node.tip().await.0, BOOTSTRAP + 5);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn final_blocks_cannot_be_invalidated_and_branches_below_them_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut played = Played::pos(200);
    let network = played.network(directory.path());
    let mut rival = open_in_memory(&played.author.spec, 0);
    for block in &played.blocks {
        synod_testkit::submit(&mut rival, block, now()).expect("the bootstrap");
    }
    let other = Author::new(played.spec.spec(), &[1]).paying(2);
    let early = other.run_slot(&mut rival, 1);
    played.run(1..=16);
    let node = start(&network, &[]).await;
    feed(&node, &played.blocks).await;
    let chain = node.client.chain().await.expect("the chain");
    let last = chain.finalized.expect("final");
    assert_eq!(last.height, BOOTSTRAP + 8);
    let before = (node.tip().await, node.client.state().await.expect("state"));
    let below = *played.blocks[4].hash().as_bytes();
    for hash in [last.hash, synod_api::HashHex::from_internal(below)] {
        let request = node
            .http
            .post(format!("{}/dev/v1/chain/invalidate", node.url));
        let request = request
            .bearer_auth(node.token())
            .json(&json!({ "hash": hash }));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 409);
        let body: Value = answer.json().await.expect("json");
        assert_eq!(body["code"], "block-is-final");
    }
    let (status, body) = submit(&node, &early[0]).await;
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("bad-fork-prior-to-finalized"))
    );
    assert_eq!(
        (node.tip().await, node.client.state().await.expect("state")),
        before
    );
    let tips = node.client.tips().await.expect("tips");
    assert_eq!(tips.len(), 1, "nothing of it is kept");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_too_long_says_needs_trust_until_it_is_told_whom() {
    let directory = tempfile::tempdir().expect("a directory");
    // The preset's 256 blocks of 2 s are past.
    let mut played = Played::pos(1000);
    let network = played.network(directory.path());
    played.run(1..=12);
    let trusted = played.blocks.last().expect("some").hash();
    let tip = (
        BOOTSTRAP + 12,
        synod_api::HashHex::from_internal(trusted.to_bytes()),
    );
    let old = Starter {
        network: Some(network.clone()),
        trust: vec!["tip".to_owned()],
        ..Starter::default()
    };
    // This one stood by: its operator says so.
    let one = old.start().await;
    feed(&one, &played.blocks).await;

    let two = start(&network, &[&one.url]).await;
    let chain = two.client.chain().await.expect("the chain");
    let why = chain.needs_trust.expect("it was away");
    assert!(why.contains("--trust-checkpoint HEIGHT:HASH"), "{why}");
    assert!(chain.initial_sync);
    let ready = two.http.get(format!("{}/health/ready", two.url)).send();
    let ready = ready.await.expect("an answer");
    assert_eq!(ready.status().as_u16(), 503);
    assert!(
        ready
            .text()
            .await
            .expect("text")
            .contains("--trust-checkpoint")
    );
    feed(&two, &played.blocks[..BOOTSTRAP as usize]).await;
    let (status, body) = submit(&two, &played.blocks[BOOTSTRAP as usize]).await;
    assert_eq!((status, &body["code"]), (422, &json!("needs-trust")));
    assert_eq!(
        two.peers().await[0]["misbehavior"],
        0,
        "its peer did nothing wrong"
    );
    let data = two.stop().await;

    let two = Starter {
        network: Some(network),
        peer: vec![one.url.clone()],
        trust: vec![format!("{}:{}", tip.0, trusted)],
        data: Some(data),
        ..Starter::default()
    };
    let two = two.start().await;
    until_at(&two, tip).await;
    assert_eq!(
        two.client.chain().await.expect("the chain").needs_trust,
        None
    );
    two.stop().await;
    one.stop().await;
}
