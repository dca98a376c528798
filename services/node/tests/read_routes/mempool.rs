//! The mempool and fees.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use synod_api::HashHex;
use synod_primitives::{OutPoint, Transaction};
use synod_script::{Address, Network};

use crate::harness::{SUBSIDY, TestNode, payout, spend, with_mature_coin};

#[tokio::test(flavor = "multi_thread")]
async fn the_mempool_is_listed_page_by_page() {
    let node = TestNode::start().await;
    let coin = with_mature_coin(&node).await;
    assert_eq!(node.json("/v1/mempool").await["transactions"], 0);
    let parent = spend(&[coin], &[SUBSIDY / 4; 3]);
    let mut txids = vec![node.submit(&parent).await];
    for vout in 0..3 {
        let child = spend(
            &[parent.outpoint(vout)],
            &[SUBSIDY / 4 - 1000 * u64::from(vout + 1)],
        );
        txids.push(node.submit(&child).await);
    }

    let status = node.client.mempool().await.expect("the mempool");
    assert_eq!((status.transactions, status.minimum_fee_sat_kvb), (4, 1000));
    assert_eq!(status.total_fee_sat.to_sat(), SUBSIDY / 4 + 6000);
    assert!(status.memory_bytes > 0 && status.memory_bytes < status.memory_limit_bytes);

    let mut listed = Vec::new();
    let mut cursor: Option<String> = None;
    let mut pages = 0;
    while pages == 0 || cursor.is_some() {
        let page = node
            .client
            .mempool_entries(cursor.as_deref(), 2)
            .await
            .expect("a page");
        listed.extend(page.items);
        cursor = page.next_cursor;
        pages += 1;
    }
    assert_eq!(pages, 2);
    assert_eq!(listed.iter().map(|it| it.txid).collect::<Vec<_>>(), txids);
    let family: BTreeSet<HashHex> = txids[1..].iter().copied().collect();
    assert_eq!(
        listed[0].spent_by.iter().copied().collect::<BTreeSet<_>>(),
        family
    );
    assert_eq!(
        (listed[0].ancestor_count, listed[0].descendant_count),
        (1, 4)
    );
    assert_eq!(
        (&listed[3].depends, listed[3].ancestor_count),
        (&vec![txids[0]], 2)
    );
    assert_eq!(listed[3].fee_sat.to_sat(), 3000);
    assert_eq!(listed[3].ancestor_fee_sat.to_sat(), SUBSIDY / 4 + 3000);
    assert!(listed.iter().all(|it| it.is_replaceable));
    let one = node
        .client
        .mempool_entry(txids[3])
        .await
        .expect("the entry");
    assert_eq!(one, listed[3]);

    let fees = node.client.fees().await.expect("estimates");
    assert_eq!((fees.minimum_sat_vb, fees.estimates.len()), (1.0, 28));
    assert!(
        fees.estimates.values().all(|it| (it - 1.0).abs() < 1e-9),
        "{fees:?}"
    );
    node.json("/v1/fees").await;

    node.mine(1, &payout(1)).await;
    let empty = node.json("/v1/mempool/entries").await;
    assert_eq!(
        (&empty["items"], &empty["next_cursor"]),
        (&serde_json::json!([]), &Value::Null)
    );
    node.stop().await;
}

/// The ids of the next block's transactions, sorted.
async fn next_block(node: &TestNode) -> Vec<String> {
    let address = Address::from_script(payout(1).as_bytes()).expect("it has an address");
    let address = address.format(Network::Regtest);
    let path = format!("/v1/mining/template?payout={address}&transactions=true");
    let answer = node.get(&path).send().await.expect("an answer");
    let template: Value = answer.json().await.expect("json");
    let listed = template["transactions"].as_array().expect("a list");
    let txid = |it: &Value| it["txid"].as_str().expect("an id").to_owned();
    sorted(listed.iter().map(txid))
}

fn sorted(txids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut txids: Vec<String> = txids.into_iter().collect();
    txids.sort_unstable();
    txids
}

/// Outputs of 43 bytes: so many that [`FIT`] such payments fill a block.
const OUTPUTS: u64 = 930;
const FIT: usize = 24;
/// The virtual size of such a payment, a few bytes more or less.
const LARGE_VSIZE: u64 = 43 * OUTPUTS + 70;

/// A payment of that size.
fn large(coin: OutPoint, fee: u64) -> Transaction {
    let each = (SUBSIDY - fee) / OUTPUTS;
    spend(&[coin], &vec![each; OUTPUTS as usize])
}

/// Submits two large payments more than fit in a block, each of which pays a satoshi a vbyte more
/// than the one before; returns their ids and two coins.
async fn crowd(node: &TestNode) -> (Vec<String>, [OutPoint; 2]) {
    let mined = node.mine(100 + FIT as u32 + 4, &payout(1)).await;
    let mut coins = Vec::new();
    for hash in &mined[..FIT + 4] {
        coins.push(node.coinbase_of(*hash).await.outpoint(0));
    }
    let mut txids = Vec::new();
    for (coin, rate) in coins[..FIT + 2].iter().zip(10..) {
        let paid = large(*coin, rate * LARGE_VSIZE);
        txids.push(node.submit(&paid).await.to_string());
    }
    (txids, [coins[FIT + 2], coins[FIT + 3]])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_decides_what_comes_first_and_strangers_do_not() {
    let node = TestNode::start().await;
    let (txids, _) = crowd(&node).await;
    let before = sorted(txids[2..].iter().cloned());
    assert_eq!(next_block(&node).await, before, "the poorest two wait");

    let url = format!("{}/v1/mempool/{}/priority", node.url, txids[0]);
    let ask = async |token: Option<String>, body: Value| {
        let request = node.http.post(&url).json(&body);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.expect("json"))
    };
    let more = i64::try_from(3 * LARGE_VSIZE).expect("it is small");
    let delta = json!({ "fee_delta_sat": more });
    assert_eq!(ask(None, delta.clone()).await.0, 401);
    assert_eq!(ask(Some("0".repeat(64)), delta.clone()).await.0, 401);
    assert_eq!(next_block(&node).await, before, "nothing changed");
    let (status, first) = ask(Some(node.token()), delta.clone()).await;
    assert_eq!((status, &first["fee_delta_sat"]), (200, &json!(more)));
    let (_, second) = ask(Some(node.token()), delta).await;
    assert_eq!(second["fee_delta_sat"], 2 * more);
    assert_eq!(second["in_mempool"], true);
    // It stands where six satoshis a vbyte more would have put it.
    let after = sorted([&txids[..1], &txids[3..]].concat());
    assert_eq!(next_block(&node).await, after);
    let fee = node
        .json(&format!("/v1/mempool/entries/{}", txids[0]))
        .await;
    let paid = fee["fee_sat"].as_u64().expect("an amount");
    // What does not divide by the outputs is paid too.
    let paid_at_least = 10 * LARGE_VSIZE;
    assert!(
        (paid_at_least..paid_at_least + OUTPUTS).contains(&paid),
        "what it pays stays: {paid}"
    );

    let wrong = ask(Some(node.token()), json!({ "fee_delta_sat": 1.5 })).await;
    assert_eq!(wrong.0, 422);
    let (_, back) = ask(Some(node.token()), json!({ "fee_delta_sat": -2 * more })).await;
    assert_eq!(back["fee_delta_sat"], 0);
    assert_eq!(next_block(&node).await, before);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_the_estimate_for_the_next_block_is_in_it_and_who_pays_that_for_later_is_not() {
    let node = TestNode::start().await;
    let (txids, coins) = crowd(&node).await;
    assert_eq!(next_block(&node).await, sorted(txids[2..].iter().cloned()));
    let estimate = |fees: &Value, blocks: &str| {
        let rate = fees["estimates"][blocks].as_f64().expect("a rate");
        assert!((1.0..100.0).contains(&rate), "{fees}");
        rate
    };
    let fees = node.json("/v1/fees").await;
    let (soon, later) = (estimate(&fees, "1"), estimate(&fees, "2"));
    assert!(later < soon, "{fees}");

    // As large as those that are there: whoever gets in takes the place of another.
    let vsize = large(coins[0], 0).weight().vsize();
    let paying = |coin, rate: f64| {
        let per_kvb: u64 = format!("{:.0}", rate * 1000.0).parse().expect("a rate");
        large(coin, (per_kvb * vsize).div_ceil(1000))
    };
    let enough = node.submit(&paying(coins[0], soon)).await.to_string();
    let too_little = node.submit(&paying(coins[1], later)).await.to_string();
    let next = next_block(&node).await;
    assert_eq!(next.len(), FIT);
    assert!(next.contains(&enough));
    assert!(!next.contains(&too_little));
    node.stop().await;
}
