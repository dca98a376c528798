//! The miner against a node that checks every submission.

mod support;

use std::time::Duration;

use support::{EASY, FakeNode, HOPELESS, Miner, Mood};
use synod_api::ClientError;
use synod_api::miner::MiningPolicy;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn auto_finds_block_after_block() {
    let node = FakeNode::new("devnet");
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |_| {}).await;
    node.wait_for(|chain| chain.height >= 30).await;
    let status = miner
        .wait_for(|it| it.blocks_found >= 30 && it.hash_rate > 0.0)
        .await;
    assert_eq!(status.policy, MiningPolicy::Auto);
    assert_eq!((status.blocks_stale, status.blocks_refused), (0, 0));
    assert!(status.hashes > 0 && status.hash_rate_total > 0.0);
    assert!(
        status
            .last_block
            .is_some_and(|it| it.height >= 30 && it.time == 2_000_000)
    );
    assert!(node.chain().payouts.iter().all(|it| it == "bcrt1first"));
    miner.stop().await;
}

#[tokio::test]
async fn regtest_begins_with_101_blocks_and_then_waits() {
    let node = FakeNode::new("regtest");
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |config| config.block_time = HOUR).await;
    let status = miner
        .wait_for(|it| it.height == Some(102) && !it.searching)
        .await;
    assert_eq!(
        (status.policy, status.blocks_found),
        (MiningPolicy::Interval, 101)
    );
    node.add_transaction();
    node.wait_for(|chain| chain.height == 102).await;
    assert_eq!(miner.client.mine(1).await.expect("mined").blocks.len(), 1);
    // One for the transaction, one on request, none besides.
    assert_eq!(node.chain().height, 103);
    let short = miner
        .client
        .set_policy(MiningPolicy::Interval, Some(10))
        .await
        .expect("set");
    assert_eq!(short.block_time_ms, 10);
    node.wait_for(|chain| chain.height >= 106).await;
    miner.stop().await;
}

#[tokio::test]
async fn on_tx_waits_for_a_transaction() {
    let node = FakeNode::new("regtest");
    node.chain().height = 500;
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |config| config.policy = Some(MiningPolicy::OnTx)).await;
    let status = miner.wait_for(|it| it.height == Some(501)).await;
    assert!(!status.searching);
    for height in 501..=503 {
        node.add_transaction();
        node.wait_for(|chain| chain.height == height).await;
    }
    assert_eq!(node.chain().submissions, 3);
    miner.stop().await;
}

#[tokio::test]
async fn manual_mines_what_is_asked_for_and_nothing_else() {
    let node = FakeNode::new("devnet");
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |config| config.policy = Some(MiningPolicy::Manual)).await;
    node.add_transaction();
    let blocks = miner.client.mine(5).await.expect("mined").blocks;
    assert_eq!(blocks.last(), Some(&node.chain().tip));
    assert_eq!((blocks.len(), node.chain().height), (5, 5));
    let (first, second) = tokio::join!(miner.client.mine(2), miner.client.mine(3));
    assert_eq!(
        first.expect("mined").blocks.len() + second.expect("mined").blocks.len(),
        5
    );
    assert_eq!(node.chain().height, 10);
    for blocks in [0, 10_001] {
        let refused = miner.client.mine(blocks).await.expect_err("refused");
        assert_eq!(refused.status(), Some(422));
    }
    miner.stop().await;
}

#[tokio::test]
async fn a_new_tip_ends_the_work_on_the_old_one() {
    let node = FakeNode::new("devnet");
    node.chain().target = HOPELESS;
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |_| {}).await;
    miner.wait_for(|it| it.searching && it.hashes > 0).await;
    let parent = node.move_tip(HOPELESS);
    miner
        .wait_for(|it| it.searching && it.height == Some(2))
        .await;
    assert_eq!(node.chain().tip, parent);
    node.move_tip(EASY);
    node.wait_for(|chain| chain.height >= 5).await;
    let status = miner.wait_for(|it| it.blocks_found >= 3).await;
    assert_eq!(status.blocks_stale, 0);
    miner.stop().await;
}

#[tokio::test]
async fn blocks_that_come_too_late_are_counted_and_mining_goes_on() {
    let node = FakeNode::new("devnet");
    node.chain().moods = vec![Mood::PutAside, Mood::Forget, Mood::Take];
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |_| {}).await;
    node.wait_for(|chain| chain.height >= 3).await;
    let status = miner.wait_for(|it| it.blocks_found >= 3).await;
    assert_eq!((status.blocks_stale, status.blocks_refused), (2, 0));
    miner.stop().await;
}

#[tokio::test]
async fn a_refused_block_is_counted_and_mining_goes_on() {
    let node = FakeNode::new("devnet");
    node.chain().moods = vec![Mood::Refuse];
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |_| {}).await;
    node.wait_for(|chain| chain.height >= 2).await;
    let status = miner.wait_for(|it| it.blocks_found >= 2).await;
    assert_eq!((status.blocks_stale, status.blocks_refused), (0, 1));
    miner.stop().await;
}

#[tokio::test]
async fn a_block_is_submitted_again_when_the_node_is_busy() {
    let node = FakeNode::new("devnet");
    node.chain().moods = vec![Mood::Break, Mood::Break, Mood::Take];
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |config| config.policy = Some(MiningPolicy::Manual)).await;
    assert_eq!(miner.client.mine(1).await.expect("mined").blocks.len(), 1);
    let status = miner.wait_for(|it| it.blocks_found == 1).await;
    assert_eq!((status.blocks_stale, node.chain().submissions), (0, 3));
    miner.stop().await;
}

#[tokio::test]
async fn a_stopped_miner_finds_nothing_until_it_is_started() {
    let node = FakeNode::new("devnet");
    node.chain().target = HOPELESS;
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |_| {}).await;
    miner.wait_for(|it| it.searching).await;
    let waiting = tokio::spawn({
        let client = miner.client.clone();
        async move { client.mine(1).await }
    });
    miner.wait_for(|it| it.blocks_requested == 1).await;
    assert!(!miner.client.stop().await.expect("stopped").running);
    let withdrawn = waiting.await.expect("no panic").expect_err("stopped");
    assert_eq!(withdrawn.status(), Some(409));
    miner.wait_for(|it| !it.searching).await;
    assert_eq!(
        miner.client.mine(1).await.expect_err("stopped").status(),
        Some(409)
    );
    node.move_tip(EASY);
    miner.wait_for(|it| it.height == Some(2)).await;
    assert_eq!(node.chain().submissions, 0);
    assert!(miner.client.start().await.expect("started").running);
    node.wait_for(|chain| chain.height >= 3).await;
    miner.stop().await;
}

#[tokio::test]
async fn threads_and_payout_change_while_it_runs() {
    let node = FakeNode::new("devnet");
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |config| config.policy = Some(MiningPolicy::Manual)).await;
    assert_eq!(miner.client.set_threads(4).await.expect("set").threads, 4);
    for threads in [0, 1025] {
        let refused = miner
            .client
            .set_threads(threads)
            .await
            .expect_err("refused");
        assert_eq!(
            (refused.status(), refused.code()),
            (Some(422), Some("bad-body"))
        );
    }
    let refused = miner
        .client
        .set_payout("nonsense")
        .await
        .expect_err("refused");
    assert_eq!(refused.status(), Some(400));
    miner.client.mine(1).await.expect("mined");
    assert_eq!(
        miner
            .client
            .set_payout("bcrt1second")
            .await
            .expect("set")
            .payout,
        "bcrt1second"
    );
    // The task that follows templates takes the new address over at its next turn.
    while node.chain().payouts.last().map(String::as_str) != Some("bcrt1second") {
        miner.client.mine(1).await.expect("mined");
    }
    let refused = miner
        .client
        .set_policy(MiningPolicy::Auto, Some(0))
        .await
        .expect_err("refused");
    assert_eq!(refused.status(), Some(422));
    miner.stop().await;
}

#[tokio::test]
async fn only_the_operator_changes_anything() {
    let node = FakeNode::new("devnet");
    let (address, _serving) = node.start().await;
    let miner = Miner::start(address, |config| config.policy = Some(MiningPolicy::Manual)).await;
    let stranger = &miner.open_client;
    let refused: Vec<ClientError> = vec![
        stranger.start().await.expect_err("refused"),
        stranger.stop().await.expect_err("refused"),
        stranger.set_threads(1).await.expect_err("refused"),
        stranger.set_payout("bcrt1x").await.expect_err("refused"),
        stranger
            .set_policy(MiningPolicy::Auto, None)
            .await
            .expect_err("refused"),
        stranger.mine(1).await.expect_err("refused"),
    ];
    assert!(refused.iter().all(|it| it.status() == Some(401)));
    let status = stranger.status().await.expect("open");
    assert_eq!(
        (status.policy, status.running, status.threads),
        (MiningPolicy::Manual, true, 2)
    );
    miner.stop().await;
}

#[tokio::test]
async fn a_node_that_is_away_is_waited_for() {
    let node = FakeNode::new("devnet");
    let (address, serving) = node.start().await;
    let miner = Miner::start(address, |_| {}).await;
    node.wait_for(|chain| chain.height >= 2).await;
    serving.begin();
    let away = miner
        .wait_for(|it| !it.node_reachable && !it.searching)
        .await;
    assert!(away.last_error.is_some() && away.height.is_none());
    let height = node.chain().height;
    let listener = synod_service::bind(address)
        .await
        .expect("the port is free again");
    node.start_on(listener);
    node.wait_for(|chain| chain.height >= height + 2).await;
    let back = miner.wait_for(|it| it.node_reachable).await;
    assert_eq!(back.last_error, None);
    miner.stop().await;
}
