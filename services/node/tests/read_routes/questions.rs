//! What is refused, and how.

use crate::harness::{TestNode, UNKNOWN, genesis};

#[tokio::test(flavor = "multi_thread")]
async fn malformed_questions_are_problems() {
    let node = TestNode::start().await;
    let upper = genesis().to_string().to_uppercase();
    for path in [
        "/v1/chain/headers?limit=0",
        "/v1/chain/headers?limit=2001",
        "/v1/chain/headers?from=-1",
        "/v1/chain/headers?from=4294967296",
        "/v1/chain/headers?height=1",
        "/v1/blocks/at/4294967296",
        "/v1/blocks/at/-1",
        "/v1/blocks/at/x",
        "/v1/blocks/0f91",
        "/v1/blocks/0f91/raw",
        "/v1/blocks/0f91/finality",
        &format!("/v1/blocks/{upper}"),
        &format!("/v1/blocks/{}?transactions=some", genesis()),
        &format!("/v1/blocks/{}?raw=true", genesis()),
        "/v1/transactions/zz",
        "/v1/transactions/zz/raw",
        &format!("/v1/transactions/{UNKNOWN}?raw=1"),
        &format!("/v1/transactions/{UNKNOWN}?verbose=true"),
        &format!("/v1/outputs/{UNKNOWN}/-1"),
        &format!("/v1/outputs/{UNKNOWN}/4294967296"),
        "/v1/outputs/zz/0",
        "/v1/mempool/entries?limit=0",
        "/v1/mempool/entries?limit=1001",
        "/v1/mempool/entries?cursor=abc",
        "/v1/mempool/entries?after=abc",
        "/v1/mempool/entries/zz",
    ] {
        node.problem(path, 400, "bad-request").await;
    }
    for path in [
        "/v1/chain/headers?limit=2000&from=0",
        "/v1/mempool/entries?limit=1000",
    ] {
        node.json(path).await;
    }
    for (path, code) in [
        (format!("/v1/blocks/{UNKNOWN}"), "block-not-found"),
        (format!("/v1/blocks/{UNKNOWN}/raw"), "block-not-found"),
        (format!("/v1/blocks/{UNKNOWN}/finality"), "block-not-found"),
        ("/v1/blocks/at/1".to_owned(), "block-not-found"),
        ("/v1/blocks/at/4294967295".to_owned(), "block-not-found"),
        (format!("/v1/blocks/{}/finality", genesis()), "no-finality"),
        (
            format!("/v1/transactions/{UNKNOWN}"),
            "transaction-not-found",
        ),
        (
            format!("/v1/transactions/{UNKNOWN}/raw"),
            "transaction-not-found",
        ),
        (format!("/v1/outputs/{UNKNOWN}/0"), "transaction-not-found"),
        (
            format!("/v1/mempool/entries/{UNKNOWN}"),
            "transaction-not-found",
        ),
    ] {
        node.problem(&path, 404, code).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_proof_of_work_nobody_has_a_stake_and_nothing_is_final() {
    let node = TestNode::start().await;
    for path in ["/v1/validators", "/v1/evidence"] {
        node.problem(path, 409, "engine-without-stake").await;
    }
    node.problem("/v1/finality", 409, "engine-without-finality")
        .await;
}
