//! The mempool over a restart (attack catalogue M08, M12).

use std::fs;

use serde_json::{Value, json};
use synod_primitives::Transaction;

use crate::harness::{Process, SUBSIDY, shown, spend, wait_until};

const FILE: &str = "mempool.dat";

/// Three payments, each from the one before.
async fn chain_of_three(node: &Process) -> Vec<Transaction> {
    let coin = node.mature_coins(1).await[0];
    let mut chain = vec![spend(&[coin], &[SUBSIDY - 1000])];
    for fee in [2000, 4000] {
        let last = chain.last().expect("one");
        chain.push(spend(&[last.outpoint(0)], &[SUBSIDY - 1000 - fee]));
    }
    for transaction in &chain {
        let (status, body) = node.post("/v1/transactions", transaction).await;
        assert_eq!(status, 200, "{body}");
    }
    chain
}

fn txids(entries: &Value) -> Vec<String> {
    let items = entries["items"].as_array().expect("a list");
    let txid = |it: &Value| it["txid"].as_str().expect("an id").to_owned();
    items.iter().map(txid).collect()
}

fn count_is(count: u64) -> impl Fn(&Value) -> bool {
    move |status| status["transactions"] == count
}

#[tokio::test(flavor = "multi_thread")]
async fn m12_the_mempool_is_back_after_a_stop_with_its_order_and_times() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &[]);
    let chain = chain_of_three(&node).await;
    let before = node.get("/v1/mempool/entries").await;
    assert_eq!(txids(&before), chain.iter().map(shown).collect::<Vec<_>>());
    node.stop();

    let node = Process::start(data.path(), &[]);
    node.wait_for("/v1/mempool", count_is(3)).await;
    assert_eq!(
        node.get("/v1/mempool/entries").await["items"],
        before["items"]
    );
    // What is back can be mined, and is not back once more.
    node.mine(1).await;
    assert_eq!(node.get("/v1/mempool").await["transactions"], 0);
    node.stop();
    let node = Process::start(data.path(), &[]);
    let (status, body) = node.post("/v1/transactions", &chain[0]).await;
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("bad-txns-inputs-missingorspent"))
    );
    assert_eq!(node.get("/v1/mempool").await["transactions"], 0);
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn m12_what_was_saved_at_an_interval_is_back_after_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &[("SYNOD_NODE_MEMPOOL_SAVE_S", "1")]);
    let chain = chain_of_three(&node).await;
    let path = data.path().join(FILE);
    let content: usize = chain.iter().map(Transaction::size).sum();
    wait_until("the mempool is saved", || {
        fs::metadata(&path).is_ok_and(|it| it.len() > content as u64)
    })
    .await;
    node.kill();

    let node = Process::start(data.path(), &[]);
    node.wait_for("/v1/mempool", count_is(3)).await;
    let entries = node.get("/v1/mempool/entries").await;
    assert_eq!(txids(&entries), chain.iter().map(shown).collect::<Vec<_>>());
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn m12_a_damaged_file_is_no_reason_not_to_start() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &[]);
    let chain = chain_of_three(&node).await;
    node.stop();
    let path = data.path().join(FILE);
    let mut bytes = fs::read(&path).expect("saved");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("written");

    let node = Process::start(data.path(), &[]);
    // The file is looked at once; then a saving takes its place.
    let (status, body) = node.post("/v1/transactions", &chain[1]).await;
    assert_eq!((status, &body["orphan"]), (422, &json!(true)), "{body}");
    assert_eq!(node.get("/v1/mempool").await["transactions"], 0);
    node.stop();
}

const EXPIRY_S: u64 = 336 * 3600;

async fn set_time(node: &Process, unix: u64) {
    let request = node.http.post(format!("{}/dev/v1/time", node.url));
    let answer = request.json(&json!({ "unix": unix })).send().await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn m12_transactions_expire_after_336_hours_also_while_the_node_is_down() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &[]);
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs();
    let start = now - 3 * EXPIRY_S;
    set_time(&node, start).await;
    let coins = node.mature_coins(4).await;
    let pay = |index: usize| spend(&[coins[index]], &[SUBSIDY - 1000]);
    let entries = async |node: &Process| txids(&node.get("/v1/mempool/entries").await);

    assert_eq!(node.post("/v1/transactions", &pay(0)).await.0, 200);
    // At the limit it stays, a second later it goes; a newcomer has the old ones looked at.
    set_time(&node, start + EXPIRY_S).await;
    assert_eq!(node.post("/v1/transactions", &pay(1)).await.0, 200);
    assert_eq!(entries(&node).await, [shown(&pay(0)), shown(&pay(1))]);
    set_time(&node, start + EXPIRY_S + 1).await;
    assert_eq!(node.post("/v1/transactions", &pay(2)).await.0, 200);
    assert_eq!(entries(&node).await, [shown(&pay(1)), shown(&pay(2))]);
    node.stop();

    // The next start is on the real clock, on which these two are too old and a new one is not.
    let node = Process::start(data.path(), &[]);
    assert_eq!(node.post("/v1/transactions", &pay(3)).await.0, 200);
    let only_the_new = |list: &Value| txids(list) == [shown(&pay(3))];
    node.wait_for("/v1/mempool/entries", only_the_new).await;
    node.stop();
    let node = Process::start(data.path(), &[]);
    node.wait_for("/v1/mempool/entries", only_the_new).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn m08_a_posted_orphan_says_so_and_joins_with_its_parent() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &[]);
    let coin = node.mature_coins(1).await[0];
    let parent = spend(&[coin], &[SUBSIDY - 1000]);
    let child = spend(&[parent.outpoint(0)], &[SUBSIDY - 2000]);
    let grandchild = spend(&[child.outpoint(0)], &[SUBSIDY - 3000]);
    for orphan in [&grandchild, &child] {
        let (status, body) = node.post("/v1/transactions", orphan).await;
        assert_eq!(status, 422);
        assert_eq!(body["code"], "bad-txns-inputs-missingorspent");
        assert_eq!(body["orphan"], true);
        assert!(
            body["hint"]
                .as_str()
                .is_some_and(|it| it.contains("20 minutes"))
        );
    }
    assert_eq!(node.get("/v1/mempool").await["transactions"], 0);
    let (status, body) = node.post("/v1/transactions", &parent).await;
    assert_eq!(status, 200, "{body}");
    let entries = node.get("/v1/mempool/entries").await;
    let family = [&parent, &child, &grandchild];
    assert_eq!(txids(&entries), family.map(shown));
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_one_request_hold_each_payment_once_and_are_durable_when_they_are_answered() {
    const BLOCKS: u32 = 400;
    let data = tempfile::tempdir().expect("a folder");
    let node = Process::start(data.path(), &[]);
    let chain = chain_of_three(&node).await;
    let before = node.get("/v1/chain").await["height"]
        .as_u64()
        .expect("a height");
    node.mine(BLOCKS).await;
    node.kill();

    let node = Process::start(data.path(), &[]);
    let height = before + u64::from(BLOCKS);
    assert_eq!(node.get("/v1/chain").await["height"], height);
    let first = node.get(&format!("/v1/blocks/at/{}", before + 1)).await;
    let held = first["transactions"].as_array().expect("a list")[1..].iter();
    let held: Vec<&str> = held.filter_map(Value::as_str).collect();
    assert_eq!(held, chain.iter().map(shown).collect::<Vec<_>>());
    for other in [before + 2, height] {
        let block = node.get(&format!("/v1/blocks/at/{other}")).await;
        assert_eq!(block["transaction_count"], 1, "{other}");
    }
    assert_eq!(node.get("/v1/mempool").await["transactions"], 0);
    node.stop();
}
