//! Several nodes that hear of blocks, votes and evidence from each other only.

use crate::kit::{BOOTSTRAP, DPOS, POS, TestNode, Validator, World, live, until};

/// Starts three nodes that know each other, and four validators, each on one of the nodes.
async fn start(world: &World) -> (Vec<TestNode>, Vec<Validator>) {
    let mut nodes: Vec<TestNode> = Vec::new();
    for name in ["a", "b", "c"] {
        let known = nodes.iter().map(|it| it.url.clone()).collect();
        nodes.push(world.node_with_peers(name, known).await);
    }
    for node in &nodes {
        until("peers", async || {
            node.client.chain().await.expect("the chain").peer_count == 2
        })
        .await;
    }
    let mut validators = Vec::new();
    for (number, place) in (1..=4).zip([0, 1, 2, 0]) {
        validators.push(world.validator(number, &[&nodes[place]]).await);
    }
    (nodes, validators)
}

async fn stop(nodes: Vec<TestNode>, validators: Vec<Validator>) {
    for it in validators {
        it.stop().await;
    }
    for it in nodes {
        it.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_agree_on_what_four_validators_seal_and_vote_for() {
    let world = World::new("pos", &[1, 2, 3, 4], POS).await;
    let (nodes, validators) = start(&world).await;
    let all: Vec<&TestNode> = nodes.iter().collect();
    let running: Vec<&Validator> = validators.iter().collect();
    live(1..=16, &all, &running).await;
    let tip = nodes[0].tip().await;
    assert_eq!(tip.0, BOOTSTRAP + 16, "no slot stayed empty");
    for node in &nodes {
        assert_eq!(node.tip().await, tip);
        // Two of four votes reach a node by its peers alone: without them nothing is final.
        until("finality", async || {
            let finality = node.client.finality_status().await.expect("finality");
            finality
                .finalized
                .is_some_and(|it| it.height >= BOOTSTRAP + 8)
        })
        .await;
    }
    stop(nodes, validators).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_agree_on_what_four_delegates_seal() {
    let world = World::new("dpos", &[1, 2, 3, 4], DPOS).await;
    let (nodes, validators) = start(&world).await;
    let all: Vec<&TestNode> = nodes.iter().collect();
    let running: Vec<&Validator> = validators.iter().collect();
    live(1..=16, &all, &running).await;
    let last = nodes[0].client.finality_status().await.expect("finality");
    let last = last.finalized.expect("final");
    assert!(last.height > BOOTSTRAP);
    for node in &nodes {
        let finality = node.client.finality_status().await.expect("finality");
        assert_eq!(finality.finalized, Some(last));
        let proof = node.client.finality(last.hash).await.expect("a proof");
        assert_eq!((proof.engine.as_str(), proof.height), ("dpos", last.height));
    }
    stop(nodes, validators).await;
}
