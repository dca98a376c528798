//! Blocks that validators seal for their nodes.

use crate::kit::{BOOTSTRAP, DPOS, POS, World, begin_slot, live, sealing_key, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_validators_seal_their_own_slots_and_finality_follows_their_votes() {
    let world = World::new("pos", &[1, 2], POS).await;
    let node = world.node("node").await;
    let one = world.validator(1, &[&node]).await;
    let two = world.validator(2, &[&node]).await;
    let mut leaders = Vec::new();
    for slot in 1..=16 {
        leaders.push(node.leader(slot).await);
        live(slot..=slot, &[&node], &[&one, &two]).await;
    }
    assert_eq!(node.tip().await.0, BOOTSTRAP + 16, "no slot stayed empty");
    for (height, leader) in (BOOTSTRAP + 1..).zip(&leaders) {
        let key = node.sealed_by(height).await.delegate_hash();
        assert_eq!(key.0, leader.to_bytes(), "{height}");
    }
    let final_height = async || {
        let chain = node.client.chain().await.expect("the chain");
        chain.finalized.expect("the bootstrap is final").height
    };
    // The votes of slot 14 are for the epoch that begins with slot 13.
    until("finality", async || final_height().await >= BOOTSTRAP + 8).await;
    let first = node.validator(1).await;
    assert_eq!(
        first.key.expect("seen").to_bytes(),
        sealing_key(1).public().0
    );
    assert!(first.sealed > 0 && first.missed == 0, "{first:?}");
    assert_eq!(first.last_vote_epoch, Some(3));
    for it in [one, two] {
        it.stop().await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delegates_seal_in_their_order_and_blocks_become_final_by_blocks_alone() {
    let world = World::new("dpos", &[1, 2, 3, 4], DPOS).await;
    let node = world.node("node").await;
    let mut validators = Vec::new();
    for number in 1..=4 {
        validators.push(world.validator(number, &[&node]).await);
    }
    let running: Vec<_> = validators.iter().collect();
    live(1..=16, &[&node], &running).await;
    assert_eq!(node.tip().await.0, BOOTSTRAP + 16, "no slot stayed empty");
    let finality = node.open_client.finality_status().await.expect("finality");
    let last = finality.finalized.expect("final").height;
    assert!(last > BOOTSTRAP, "{finality:?}");
    assert_eq!(finality.published_lag.blocks, 5, "(3 - 1) + 3");
    assert!(finality.lag_blocks >= 5);
    let page = node.validators().await;
    assert_eq!(page.validators.len(), 4);
    assert!(
        page.validators
            .iter()
            .all(|it| it.sealed == 4 && it.missed == 0)
    );
    for it in validators {
        it.stop().await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_goes_on_with_the_slots_that_follow() {
    let world = World::new("pos", &[1], POS).await;
    let node = world.node("node").await;
    let validator = world.validator(1, &[&node]).await;
    live(1..=6, &[&node], &[&validator]).await;
    validator.stop().await;
    let before = node.client.finality_status().await.expect("finality");
    let node = node.restart().await;
    let after = node.client.finality_status().await.expect("finality");
    assert_eq!(after.finalized, before.finalized);
    let validator = world.validator(1, &[&node]).await;
    live(7..=12, &[&node], &[&validator]).await;
    assert_eq!(node.tip().await.0, BOOTSTRAP + 12);
    begin_slot(13);
    validator.stop().await;
    node.stop().await;
}
