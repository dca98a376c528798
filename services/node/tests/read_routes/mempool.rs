//! The mempool and fees.

use std::collections::BTreeSet;

use serde_json::Value;
use synod_api::HashHex;

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
