//! Transactions and blocks on their way, and addresses.

use serde_json::json;
use synod_api::HashHex;
use synod_gossip::{CompactBlock, wire};
use synod_primitives::Block;

use crate::kit::{
    OCTETS, Starter, TestNode, UNREACHABLE, raw, spend, start, start_with_peers, until, until_at,
};

/// Spends the first coinbase output of a node's chain.
async fn payment(node: &TestNode, block: HashHex, fee: u64) -> synod_primitives::Transaction {
    let raw = node.client.block_raw(block).await.expect("the block");
    let block = Block::decode(&raw).expect("a block");
    spend(block.transactions()[0].outpoint(0), 5_000_000_000 - fee)
}

async fn submit(node: &TestNode, transaction: &synod_primitives::Transaction) -> HashHex {
    let taken = node
        .client
        .submit_transaction(transaction.raw().clone())
        .await;
    taken.expect("the mempool takes it").txid
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_reach_peers_both_ways_and_are_mined_on_either_side() {
    let one = start().await;
    let mined = one.mine(102).await;
    let hidden = Starter {
        peer: vec![one.url.clone()],
        announce: Some(UNREACHABLE.to_owned()),
        ..Starter::default()
    };
    let hidden = hidden.start().await;
    until_at(&hidden, one.tip().await).await;
    listening(&one).await;
    let from_one = submit(&one, &payment(&one, mined[0], 1000).await).await;
    until(async || hidden.has_transaction(from_one).await).await;
    let from_hidden = submit(&hidden, &payment(&one, mined[1], 1000).await).await;
    until(async || one.has_transaction(from_hidden).await).await;
    // The block travels by short ids: both transactions are known on the other side.
    hidden.mine(1).await;
    until_at(&one, hidden.tip().await).await;
    one.mine(1).await;
    until_at(&hidden, one.tip().await).await;
    let mempool = one.client.mempool().await.expect("the mempool");
    assert_eq!(mempool.transactions, 0);
    hidden.stop().await;
    one.stop().await;
}

/// Waits until a peer reads the node's stream.
async fn listening(node: &TestNode) {
    until(async || {
        let peers = node.peers().await;
        peers
            .iter()
            .any(|it| it["direction"] == "inbound" && it["bytes_sent"].as_u64() > Some(0))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_unknown_transactions_is_filled_in() {
    let one = start().await;
    let mined = one.mine(102).await;
    let transaction = payment(&one, mined[0], 1000).await;
    submit(&one, &transaction).await;
    let block = one.mine(1).await[0];
    let block = one.client.block_raw(block).await.expect("the block");
    let block = Block::decode(&block).expect("a block");

    // The other node has all but the last block, and no mempool.
    let two = start().await;
    for height in 1..=102 {
        let hash = mined[height - 1];
        let raw = one.client.block_raw(hash).await.expect("the block");
        two.client.submit_block(raw).await.expect("taken in");
    }
    let session = two.session().await;
    let compact = CompactBlock::of(&block, raw(b""), 7, 0);
    let (status, answer) = two.post_octets(&session, "compact", compact.encode()).await;
    assert_eq!(
        (status, &answer["status"]),
        (200, &json!("missing")),
        "{answer}"
    );
    assert_eq!(answer["missing"], json!([0]));
    let mut body = Vec::new();
    wire::write_frame(&mut body, transaction.raw());
    let route = format!("compact/{}/fill", block.hash());
    let (status, answer) = two.post_octets(&session, &route, body.clone()).await;
    assert_eq!(
        (status, &answer["status"]),
        (200, &json!("accepted")),
        "{answer}"
    );
    assert_eq!(two.tip().await, one.tip().await);
    let (_, answer) = two.post_octets(&session, "compact", compact.encode()).await;
    assert_eq!(answer["status"], "known");
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_a_compact_block_with_wrong_transactions_poisons_nothing_and_blames_nobody() {
    let one = start().await;
    let mined = one.mine(102).await;
    let honest = payment(&one, mined[0], 1000).await;
    submit(&one, &honest).await;
    let hash = one.mine(1).await[0];
    let raw_block = one.client.block_raw(hash).await.expect("the block");
    let block = Block::decode(&raw_block).expect("a block");
    let two = start().await;
    for hash in &mined {
        let raw = one.client.block_raw(*hash).await.expect("the block");
        two.client.submit_block(raw).await.expect("taken in");
    }
    let session = two.session().await;
    let compact = CompactBlock::of(&block, raw(b""), 7, 0).encode();
    let (_, answer) = two.post_octets(&session, "compact", compact.clone()).await;
    assert_eq!(answer["status"], "missing");
    // The right transaction with another witness: the Merkle root holds, the commitment does not.
    let mut input = honest.inputs()[0].clone();
    input.witness = synod_primitives::Witness::from_items(&[vec![1], vec![0x51, 0x75, 0x51]]);
    let twin = synod_primitives::Transaction::new(2, vec![input], honest.outputs().to_vec(), 0);
    assert_eq!(twin.txid(), honest.txid());
    for wrong in [twin.raw().clone(), raw(b"junk")] {
        two.post_octets(&session, "compact", compact.clone()).await;
        let mut body = Vec::new();
        wire::write_frame(&mut body, &wrong);
        let route = format!("compact/{}/fill", block.hash());
        let (status, answer) = two.post_octets(&session, &route, body).await;
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("whole")),
            "{answer}"
        );
    }
    assert_eq!(two.peers().await[0]["misbehavior"], 0);
    let route = format!("compact/{}/whole", block.hash());
    let (status, answer) = two.post_octets(&session, &route, raw_block.to_vec()).await;
    assert_eq!(
        (status, &answer["status"]),
        (200, &json!("accepted")),
        "{answer}"
    );
    assert_eq!(two.tip().await, one.tip().await);
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p04_blocks_and_transactions_that_nobody_asked_for_change_nothing() {
    let one = start().await;
    let mined = one.mine(102).await;
    let two = start().await;
    let session = two.session().await;
    let mut body = Vec::new();
    let raw = one.client.block_raw(mined[0]).await.expect("the block");
    wire::write_frame(&mut body, &raw);
    let (status, answer) = two.post_octets(&session, "push/blocks", body).await;
    assert_eq!((status, &answer["send"]), (200, &json!([])));
    let route = format!("compact/{}/whole", mined[0]);
    let (_, answer) = two.post_octets(&session, &route, raw.to_vec()).await;
    assert_eq!(answer["status"], "declined");
    assert_eq!(two.tip().await.0, 0);

    let transaction = payment(&one, mined[0], 1000).await;
    let session = one.session().await;
    let mut body = Vec::new();
    wire::write_frame(&mut body, transaction.raw());
    let (status, _) = one
        .post_octets(&session, "push/transactions", body.clone())
        .await;
    assert_eq!(status, 200);
    let txid = HashHex::from_internal(transaction.txid().to_bytes());
    assert!(!one.has_transaction(txid).await);
    let wtxid = HashHex::from_internal(transaction.wtxid().to_bytes());
    let news = json!({ "transactions": [wtxid] });
    let (_, wanted) = one.post_json(&session, "announce", &news).await;
    assert_eq!(wanted["send"], json!([wtxid]));
    one.post_octets(&session, "push/transactions", body).await;
    assert!(one.has_transaction(txid).await, "asked for, it is taken");
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_passed_on_and_kept_for_the_next_start() {
    let one = start().await;
    let two = start_with_peers(&[&one.url]).await;
    // A third node that knows the first only learns of the second and speaks to it.
    until(async || {
        one.peers()
            .await
            .iter()
            .any(|it| it["direction"] == "outbound")
    })
    .await;
    let three = start_with_peers(&[&one.url]).await;
    until(async || {
        let peers = three.peers().await;
        peers
            .iter()
            .any(|it| it["direction"] == "outbound" && it["url"] == two.url.as_str())
    })
    .await;
    let data = three.stop().await;
    let again = Starter {
        data: Some(data),
        ..Starter::default()
    };
    let again = again.start().await;
    until(async || {
        let peers = again.peers().await;
        peers
            .iter()
            .any(|it| it["direction"] == "outbound" && it["is_connected"] == true)
    })
    .await;
    again.stop().await;
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_peers_are_counted() {
    let one = start().await;
    one.mine(10).await;
    let two = start_with_peers(&[&one.url]).await;
    until_at(&two, one.tip().await).await;
    let peers = two.peers().await;
    let peer = peers
        .iter()
        .find(|it| it["is_configured"] == true)
        .expect("the peer");
    assert!(peer["bytes_received"].as_u64() > Some(10 * 200), "{peer}");
    assert!(peer["bytes_sent"].as_u64() > Some(0), "{peer}");
    let metrics = two.metrics().await;
    let value = |name: &str| {
        let line = metrics
            .lines()
            .find(|it| it.starts_with(&format!("{name} ")));
        line.and_then(|it| it.split(' ').nth(1)?.parse::<u64>().ok())
    };
    assert!(value("synod_peers_outbound") >= Some(1), "{metrics}");
    assert!(
        value("synod_peers_received_bytes") > Some(10 * 200),
        "{metrics}"
    );
    let session = one.session().await;
    one.post(&session, "compact", OCTETS, "x").await;
    assert!(
        one.peers()
            .await
            .iter()
            .any(|it| it["direction"] == "inbound")
    );
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_came_and_is_spoken_to_is_told_once() {
    let one = start().await;
    one.mine(1).await;
    let two = start_with_peers(&[&one.url]).await;
    until_at(&two, one.tip().await).await;
    // Its reader is there, and the first has called back where it says that it listens.
    listening(&one).await;
    let sent = async |direction: &str| {
        let peers = one.peers().await;
        let mut found = peers.iter().filter(|it| it["direction"] == direction);
        let peer = found.find(|it| it["is_connected"] == true && it["url"] == two.url.as_str());
        peer.and_then(|it| it["bytes_sent"].as_u64())
    };
    until(async || sent("outbound").await.is_some() && sent("inbound").await.is_some()).await;
    let (by_post, by_stream) = (sent("outbound").await, sent("inbound").await);
    let blocks = 20;
    for _ in 0..blocks {
        one.mine(1).await;
        until_at(&two, one.tip().await).await;
    }
    // A compact block of a coinbase alone takes more than 250 bytes; the seat is sent no more
    // than short answers.
    let grown = |now: Option<u64>, before: Option<u64>| Some(now? - before?);
    let by_post = grown(sent("outbound").await, by_post);
    let by_stream = grown(sent("inbound").await, by_stream);
    assert!(by_post > Some(250 * blocks), "{by_post:?}");
    assert!(by_stream < Some(150 * blocks), "{by_stream:?}");
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_a_peer_that_takes_anothers_name_and_address_silences_nobody() {
    let one = start().await;
    one.mine(1).await;
    let two = start_with_peers(&[&one.url]).await;
    until_at(&two, one.tip().await).await;
    listening(&one).await;
    let peers = one.peers().await;
    let seat = peers.iter().find(|it| it["direction"] == "inbound");
    assert_eq!(seat.expect("it came")["url"], two.url.as_str());
    // Who made the blocks speaks to nobody but through the stranger.
    let maker = start().await;
    let first = one.client.block_raw(one.tip().await.1).await;
    let first = maker.client.submit_block(first.expect("the block")).await;
    first.expect("taken in");
    // A stranger greets each as the other one, with marks that it has made up, and brings a
    // block: it is told on to the one whose name it took.
    for (node, other) in [(&one, &two), (&two, &one)] {
        let claim = json!({
            "listen_url": other.url,
            "marks": [hex([1; 32]), hex([2; 32])],
        });
        let (status, greeting) = node.greet_as(claim).await;
        assert_eq!(status, 200, "{greeting}");
        let session = greeting["session"].as_str().expect("a session");
        let block = maker.mine(1).await[0];
        let raw_block = maker.client.block_raw(block).await.expect("the block");
        let block = Block::decode(&raw_block).expect("a block");
        let compact = CompactBlock::of(&block, raw(b""), 7, 0).encode();
        let (_, answer) = node.post_octets(session, "compact", compact).await;
        assert_eq!(answer["status"], "accepted", "{answer}");
        until_at(other, maker.tip().await).await;
    }
    let (status, _) = one
        .greet_as(json!({ "marks": vec![hex([1; 32]); 5] }))
        .await;
    assert_eq!(status, 400, "five marks");
    maker.stop().await;
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_from_a_node_in_one_conversation_is_not_told_back_in_the_other() {
    let one = start().await;
    let mined = one.mine(150).await;
    let two = start_with_peers(&[&one.url]).await;
    until_at(&two, one.tip().await).await;
    // The first greets the second where that says that it listens, with the mark of its session.
    until(async || {
        let peers = one.peers().await;
        peers
            .iter()
            .any(|it| it["direction"] == "outbound" && it["is_connected"] == true)
    })
    .await;
    let to_one = async || {
        let peers = two.peers().await;
        let peer = peers.iter().find(|it| it["direction"] == "outbound");
        peer.and_then(|it| it["bytes_sent"].as_u64())
    };
    let before = to_one().await;
    let mut last = None;
    for hash in &mined[..40] {
        last = Some(submit(&one, &payment(&one, *hash, 1000).await).await);
    }
    let last = last.expect("forty");
    until(async || two.has_transaction(last).await).await;
    // A block of forty payments as short ids has more than 400 bytes, and forty ids of
    // transactions have 2,600.
    one.mine(1).await;
    until_at(&two, one.tip().await).await;
    let own = submit(&two, &payment(&one, mined[49], 1000).await).await;
    until(async || one.has_transaction(own).await).await;
    let sent = Some(to_one().await.expect("it stays") - before.expect("it is there"));
    assert!(sent < Some(2_000), "{sent:?}");
    two.stop().await;
    one.stop().await;
}

/// Spends a transaction's only output.
fn child_of(parent: &synod_primitives::Transaction, fee: u64) -> synod_primitives::Transaction {
    let value = parent.outputs()[0].value.sat().cast_unsigned();
    spend(parent.outpoint(0), value - fee)
}

fn hex(id: [u8; 32]) -> HashHex {
    HashHex::from_internal(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_of_an_orphan_are_asked_of_the_peer_that_posted_it() {
    let node = start().await;
    let mined = node.mine(101).await;
    let grandparent = payment(&node, mined[0], 1000).await;
    let parent = child_of(&grandparent, 1000);
    let child = child_of(&parent, 1000);
    let session = node.session().await;
    let news = json!({ "transactions": [hex(child.wtxid().to_bytes())] });
    node.post_json(&session, "announce", &news).await;
    let post = async |transaction: &synod_primitives::Transaction| {
        let mut body = Vec::new();
        wire::write_frame(&mut body, transaction.raw());
        let (status, wanted) = node.post_octets(&session, "push/transactions", body).await;
        assert_eq!(status, 200, "{wanted}");
        wanted["parents"].clone()
    };
    // Each generation is asked for by the one after it.
    assert_eq!(post(&child).await, json!([hex(parent.txid().to_bytes())]));
    assert_eq!(
        post(&parent).await,
        json!([hex(grandparent.txid().to_bytes())])
    );
    assert_eq!(post(&grandparent).await, json!(null));
    for transaction in [&grandparent, &parent, &child] {
        assert!(
            node.has_transaction(hex(transaction.txid().to_bytes()))
                .await
        );
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_of_an_orphan_are_asked_of_the_peer_that_streamed_it() {
    let one = start().await;
    let mined = one.mine(103).await;
    let grandparent = payment(&one, mined[0], 1000).await;
    let parent = child_of(&grandparent, 1000);
    let child = child_of(&parent, 1000);
    // What was there before the session is announced to nobody.
    submit(&one, &grandparent).await;
    submit(&one, &parent).await;
    let two = start_with_peers(&[&one.url]).await;
    until_at(&two, one.tip().await).await;
    listening(&one).await;
    assert!(
        !two.has_transaction(hex(grandparent.txid().to_bytes()))
            .await
    );
    let newest = submit(&one, &child).await;
    until(async || two.has_transaction(newest).await).await;
    assert!(
        two.has_transaction(hex(grandparent.txid().to_bytes()))
            .await
    );

    // The other way: the one that dials tells.
    let grandparent = payment(&one, mined[1], 1000).await;
    let parent = child_of(&grandparent, 1000);
    let hidden = Starter {
        announce: Some(UNREACHABLE.to_owned()),
        ..Starter::default()
    };
    let hidden = hidden.start().await;
    for hash in &mined {
        let raw = one.client.block_raw(*hash).await.expect("the block");
        hidden.client.submit_block(raw).await.expect("taken in");
    }
    submit(&hidden, &grandparent).await;
    let body = json!({ "url": one.url });
    let request = hidden.http.post(format!("{}/v1/peers", hidden.url));
    let request = request.bearer_auth(hidden.token()).json(&body);
    let added = request.send().await.expect("an answer");
    assert_eq!(added.status().as_u16(), 201);
    until(async || {
        let peers = hidden.peers().await;
        peers.iter().any(|it| it["is_connected"] == true)
    })
    .await;
    let newest = submit(&hidden, &parent).await;
    until(async || one.has_transaction(newest).await).await;
    hidden.stop().await;
    two.stop().await;
    one.stop().await;
}
