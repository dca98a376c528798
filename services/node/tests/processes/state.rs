//! The digest of the coins over a restart.

use serde_json::Value;

use crate::harness::{Process, SUBSIDY, spend};

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_the_same_at_every_height_whoever_followed_it() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &[]);
    let coins = node.mature_coins(3).await;
    let mut states: Vec<Value> = Vec::new();
    for coin in coins {
        let (status, _) = node
            .post(
                "/v1/transactions",
                &spend(&[coin], &[SUBSIDY / 2, 1_000_000]),
            )
            .await;
        assert_eq!(status, 200);
        node.mine(1).await;
        states.push(node.get("/v1/state").await);
    }
    assert_eq!(states[2]["height"], 106);
    node.kill();

    // Killed, it has at most an old file; it comes to the same by another way.
    let node = Process::start(data.path(), &[]);
    for _ in 0..2 {
        assert_eq!(node.get("/v1/state").await, states[2]);
    }
    node.mine(1).await;
    let tip = node.get("/v1/state").await;
    assert_eq!(tip["height"], 107);
    assert_eq!(node.get("/v1/state?height=106").await, states[2]);
    assert_eq!(node.get("/v1/state?height=107").await, tip);
    let above = node.get("/v1/state?height=108").await;
    assert_eq!(above["code"], "state-not-kept");
    node.stop();

    let digest = data.path().join("coins.digest");
    let mut bytes = std::fs::read(&digest).expect("saved at the stop");
    let node = Process::start(data.path(), &[]);
    assert_eq!(node.get("/v1/state").await, tip);
    node.stop();
    bytes[20] ^= 1;
    std::fs::write(&digest, bytes).expect("written");
    let node = Process::start(data.path(), &[]);
    assert_eq!(node.get("/v1/state").await, tip);
    node.stop();
}
