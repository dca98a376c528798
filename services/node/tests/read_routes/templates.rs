//! Block templates.

use serde_json::Value;
use synod_script::{Address, Network};

use crate::harness::{SUBSIDY, TestNode, payout, spend, with_mature_coin};

fn path(mark: u8, more: &str) -> String {
    let address = Address::from_script(payout(mark).as_bytes()).expect("it has an address");
    let address = address.format(Network::Regtest);
    format!("/v1/mining/template?payout={address}{more}")
}

async fn text(node: &TestNode, path: &str) -> String {
    let answer = node.get(path).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.text().await.expect("text")
}

async fn template(node: &TestNode, path: &str) -> Value {
    serde_json::from_str(&text(node, path).await).expect("json")
}

fn txids(template: &Value) -> Vec<String> {
    let listed = template["transactions"].as_array().expect("a list");
    let txid = |it: &Value| it["txid"].as_str().expect("an id").to_owned();
    listed.iter().map(txid).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_work_is_one_template_until_the_mempool_changes() {
    let node = TestNode::start().await;
    let coin = with_mature_coin(&node).await;
    // The time is part of the work, so the two have to be of one second.
    let mut first = text(&node, &path(1, "")).await;
    loop {
        let second = text(&node, &path(1, "")).await;
        if std::mem::replace(&mut first, second.clone()) == second {
            break;
        }
    }
    let empty: Value = serde_json::from_str(&first).expect("json");
    assert_eq!(
        (&empty["transaction_count"], &empty["transactions"]),
        (&0.into(), &Value::Null)
    );
    let other = template(&node, &path(2, "")).await;
    assert_ne!(other["template_id"], empty["template_id"]);
    assert_eq!(other["longpoll_id"], empty["longpoll_id"]);

    let parent = spend(&[coin], &[SUBSIDY / 2 - 500, SUBSIDY / 2 - 500]);
    let child = spend(&[parent.outpoint(0)], &[SUBSIDY / 2 - 20_000]);
    let waiting = path(
        1,
        &format!(
            "&transactions=true&longpoll_mempool=true&longpoll={}",
            empty["longpoll_id"].as_str().expect("an id")
        ),
    );
    let (answer, id) = tokio::join!(text(&node, &waiting), node.submit(&parent));
    let full: Value = serde_json::from_str(&answer).expect("json");
    assert_eq!(txids(&full), [id.to_string()]);
    assert_eq!(
        full["transactions"][0]["data"],
        synod_primitives::hex::encode(parent.raw())
    );
    assert_eq!(full["transactions"][0]["fee_sat"], 1000);
    assert_ne!(full["template_id"], empty["template_id"]);
    assert_ne!(full["longpoll_id"], empty["longpoll_id"]);

    // The list is that of this mempool for everyone, with another coinbase and without it.
    let child = node.submit(&child).await;
    let mine = template(&node, &path(1, "&transactions=true")).await;
    let others = template(&node, &path(2, "&transactions=true")).await;
    assert_eq!(txids(&mine), [id.to_string(), child.to_string()]);
    assert_eq!(mine["transactions"], others["transactions"]);
    assert_ne!(mine["coinbase_suffix"], others["coinbase_suffix"]);
    let short = template(&node, &path(1, "")).await;
    assert_eq!(short["transaction_count"], 2);
    assert_eq!(short["merkle_branch"], mine["merkle_branch"]);

    // What was mined is gone from the next one.
    node.mine(1, &payout(1)).await;
    assert_eq!(template(&node, &path(1, "")).await["transaction_count"], 0);
    node.stop().await;
}
