//! Branches beside the active chain.

use synod_api::node::{BlockTransactions, SubmitStatus, TipStatus};
use synod_primitives::Block;

use crate::harness::{IMMUTABLE, TestNode, payout};

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_branch_is_served_by_hash_and_listed_as_a_tip() {
    let (node, other) = (TestNode::start().await, TestNode::start().await);
    let stale = node.mine(12, &payout(1)).await;
    let longer = other.mine(13, &payout(2)).await;
    let mut last = None;
    for hash in &longer {
        let raw = other.client.block_raw(*hash).await.expect("the block");
        last = Some(
            node.client
                .submit_block(raw)
                .await
                .expect("taken in")
                .status,
        );
        if *hash == longer[0] {
            let body = node.client.block(*hash).await.expect("the block");
            assert_eq!(
                (body.header.status, body.fees_sat),
                (TipStatus::ValidHeaders, None)
            );
        }
    }
    assert_eq!(last, Some(SubmitStatus::Active));

    let tips = node.client.tips().await.expect("tips");
    let seen: Vec<_> = tips
        .iter()
        .map(|it| (it.hash, it.height, it.branch_length, it.status))
        .collect();
    assert_eq!(
        seen,
        [
            (longer[12], 13, 0, TipStatus::Active),
            (stale[11], 12, 12, TipStatus::ValidFork),
        ]
    );
    node.json("/v1/chain/tips").await;

    let before = other.client.block(longer[11]).await.expect("the block");
    for (index, hash) in stale.iter().enumerate() {
        let block = node.client.block(*hash).await.expect("a stale block");
        assert_eq!(
            (block.header.status, block.header.confirmations),
            (TipStatus::ValidFork, 0)
        );
        assert_eq!(
            (block.header.height as usize, block.header.next_block_hash),
            (index + 1, None)
        );
        assert_eq!(block.fees_sat.map(synod_api::AmountSat::to_sat), Some(0));
        let BlockTransactions::Ids(ids) = block.transactions else {
            panic!("ids by default")
        };
        node.problem(
            &format!("/v1/transactions/{}", ids[0]),
            404,
            "transaction-not-found",
        )
        .await;
        node.problem(
            &format!("/v1/outputs/{}/0", ids[0]),
            404,
            "transaction-not-found",
        )
        .await;
        let raw = node.raw(&format!("/v1/blocks/{hash}/raw"), IMMUTABLE).await;
        assert_eq!(
            Block::decode(&raw).expect("a block").transactions().len(),
            1
        );
    }
    let full = node
        .client
        .block_full(stale[3])
        .await
        .expect("a stale block");
    let BlockTransactions::Full(transactions) = full.transactions else {
        panic!("whole ones")
    };
    assert_eq!(
        (&transactions[0].block, transactions[0].confirmations),
        (&None, 0)
    );
    assert_eq!(
        node.client.block(longer[11]).await.expect("the block"),
        before
    );
    assert_eq!(node.client.block_at(12).await.expect("the block"), before);

    node.client
        .dev_invalidate(longer[12])
        .await
        .expect("marked");
    node.client
        .dev_invalidate(longer[11])
        .await
        .expect("marked");
    let invalid = node.client.block(longer[11]).await.expect("the block");
    assert_eq!(
        (invalid.header.status, invalid.header.confirmations),
        (TipStatus::Invalid, 0)
    );
    node.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_median_time_of_a_stale_block_is_that_of_its_own_branch() {
    let (node, other) = (TestNode::start().await, TestNode::start().await);
    node.mine(5, &payout(1)).await;
    for height in 1..=5 {
        let raw = node.client.block_raw_at(height).await.expect("the block");
        other.client.submit_block(raw).await.expect("taken in");
    }
    let stale = node.mine(9, &payout(1)).await;
    let while_active = node.client.block(stale[8]).await.expect("the block");
    for hash in other.mine(10, &payout(2)).await {
        let raw = other.client.block_raw(hash).await.expect("the block");
        node.client.submit_block(raw).await.expect("taken in");
    }
    let block = node.client.block(stale[8]).await.expect("a stale block");
    assert_eq!(block.header.status, TipStatus::ValidFork);
    assert_eq!(block.header.median_time, while_active.header.median_time);
    assert_eq!(block.header.chainwork, while_active.header.chainwork);
    node.stop().await;
    other.stop().await;
}
