//! The Esplora API from outside: the rules on which clients depend.

mod support;

use serde_json::{Value, json};
use support::{Chain, FakeNode, p2wpkh, pay, start};
use synod_primitives::merkle;
use synod_primitives::{hex, sha256};

/// A chain of some blocks with a payment in block 103, and one more in the mempool.
async fn network() -> (FakeNode, tempfile::TempDir) {
    let mut chain = Chain::genesis();
    chain.mine_many(102, &p2wpkh(1));
    let payment = pay(
        &[chain.coin(1)],
        &[(p2wpkh(2), 1_000_000_000), (p2wpkh(1), 3_999_990_000)],
    );
    chain.mine(p2wpkh(1), vec![payment]);
    (
        FakeNode::serve(chain).await,
        tempfile::tempdir().expect("a folder"),
    )
}

fn scripthash(script: &synod_primitives::Script) -> String {
    hex::encode(sha256(script.as_bytes()))
}

#[tokio::test]
async fn a_chain_of_block_0_alone_is_served() {
    let node = FakeNode::serve(Chain::genesis()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let genesis = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
    assert_eq!(explorer.text("/api/blocks/tip/height").await, "0");
    assert_eq!(explorer.text("/api/blocks/tip/hash").await, genesis);
    let blocks = explorer.json("/api/blocks").await;
    assert_eq!(blocks.as_array().map(Vec::len), Some(1));
    assert_eq!(blocks[0]["previousblockhash"], Value::Null);
    assert_eq!(blocks[0]["bits"], 545_259_519);
    assert_eq!(blocks[0]["mediantime"], 1_296_688_602);
    let coinbase = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
    let tx = explorer.json(&format!("/api/tx/{coinbase}")).await;
    assert_eq!(tx["fee"], 0);
    assert_eq!(tx["vin"][0]["is_coinbase"], true);
    assert_eq!(tx["vin"][0]["prevout"], Value::Null);
    assert_eq!(tx["vin"][0]["vout"], 4_294_967_295_u32);
    assert_eq!(tx["vout"][0]["scriptpubkey_type"], "p2pk");
    assert!(tx["vout"][0].get("scriptpubkey_address").is_none());
    assert!(tx["vin"][0].get("witness").is_none());
    assert_eq!(
        explorer.json("/api/mempool").await["fee_histogram"],
        json!([])
    );
    for path in [
        "/api/v1/difficulty-adjustment",
        "/api/v1/fees/mempool-blocks",
        "/api/v1/blocks",
    ] {
        explorer.json(path).await;
    }
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn plain_text_has_no_line_break_and_the_exact_type() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let chain = node.chain();
    let tip = chain.tip().hash().to_string();
    let txid = chain.tip().transactions()[1].txid().to_string();
    for (path, expected) in [
        ("/blocks/tip/height".to_owned(), "103".to_owned()),
        ("/blocks/tip/hash".to_owned(), tip.clone()),
        ("/block-height/103".to_owned(), tip.clone()),
        (
            format!("/block/{tip}/header"),
            hex::encode(chain.tip().header().encode()),
        ),
        (format!("/block/{tip}/txid/1"), txid.clone()),
        (
            format!("/tx/{txid}/hex"),
            hex::encode(chain.tip().transactions()[1].raw()),
        ),
    ] {
        for root in [
            format!("{}/api", explorer.url),
            format!("{}/api/v1", explorer.url),
            explorer.root_url.clone(),
        ] {
            let response = explorer
                .client
                .get(format!("{root}{path}"))
                .send()
                .await
                .expect("ok");
            assert_eq!(response.status(), 200, "{root}{path}");
            assert_eq!(response.headers()["content-type"], "text/plain", "{path}");
            assert_eq!(
                response.headers()["access-control-allow-origin"],
                "*",
                "{path}"
            );
            assert_eq!(response.text().await.expect("text"), expected, "{path}");
        }
    }
    let raw = explorer.get(&format!("/api/block/{tip}/raw")).await;
    assert_eq!(raw.headers()["content-type"], "application/octet-stream");
    assert_eq!(raw.bytes().await.expect("bytes"), chain.tip().raw());
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_block_and_its_transactions_have_esploras_shape() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let chain = node.chain();
    let tip = chain.tip();
    let block = explorer.json(&format!("/api/block/{}", tip.hash())).await;
    assert_eq!(block["id"], tip.hash().to_string());
    assert_eq!(block["height"], 103);
    assert_eq!(block["tx_count"], 2);
    assert_eq!(block["size"], tip.size());
    assert_eq!(block["weight"], tip.weight().0);
    assert_eq!(block["version"], 0x2000_0000);
    assert!(block["difficulty"].is_f64());
    let txs = explorer
        .json(&format!("/api/block/{}/txs", tip.hash()))
        .await;
    let payment = &txs[1];
    assert_eq!(payment["fee"], 10_000);
    assert_eq!(
        payment["status"],
        json!({
            "confirmed": true, "block_height": 103, "block_hash": tip.hash().to_string(),
            "block_time": tip.header().time,
        })
    );
    let input = &payment["vin"][0];
    assert_eq!(input["prevout"]["value"], 5_000_000_000_u64);
    assert_eq!(input["prevout"]["scriptpubkey_type"], "v0_p2wpkh");
    assert_eq!(
        input["prevout"]["scriptpubkey_asm"],
        format!("OP_0 OP_PUSHBYTES_20 {}", "01".repeat(20))
    );
    assert_eq!(input["scriptsig"], "");
    assert_eq!(input["witness"].as_array().map(Vec::len), Some(2));
    let address = payment["vout"][0]["scriptpubkey_address"]
        .as_str()
        .expect("an address");
    assert!(address.starts_with("bcrt1q"));
    let status = explorer
        .json(&format!("/api/block/{}/status", tip.hash()))
        .await;
    assert_eq!(
        (
            &status["in_best_chain"],
            &status["height"],
            &status["next_best"]
        ),
        (&json!(true), &json!(103), &Value::Null)
    );
    let status = explorer
        .json(&format!("/api/block/{}/status", chain.hash(5)))
        .await;
    assert_eq!(status["next_best"], chain.hash(6).to_string());
    assert_eq!(
        explorer
            .json("/api/blocks/50")
            .await
            .as_array()
            .map(Vec::len),
        Some(10)
    );
    assert_eq!(explorer.json("/api/blocks/x").await[0]["height"], 103);
    assert_eq!(
        explorer
            .json("/api/v1/blocks")
            .await
            .as_array()
            .map(Vec::len),
        Some(15)
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn unknown_things_are_200_where_clients_depend_on_it_and_404_elsewhere() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let none = "11".repeat(32);
    for (path, body) in [
        (format!("/tx/{none}/status"), json!({ "confirmed": false })),
        (format!("/tx/{none}/outspend/0"), json!({ "spent": false })),
        (format!("/scripthash/{none}/txs"), json!([])),
        (format!("/scripthash/{none}/utxo"), json!([])),
    ] {
        assert_eq!(explorer.json(&format!("/api{path}")).await, body, "{path}");
    }
    let status = explorer.json(&format!("/api/block/{none}/status")).await;
    assert_eq!(status["in_best_chain"], false);
    assert!(
        status
            .as_object()
            .is_some_and(|it| it["height"].is_null() && it["next_best"].is_null())
    );
    let stats = explorer.json(&format!("/api/scripthash/{none}")).await;
    assert_eq!(stats["chain_stats"]["tx_count"], 0);
    assert_eq!(stats["scripthash"], none);
    let tip = node.chain().tip().hash();
    for (path, text) in [
        (format!("/tx/{none}"), "Transaction not found"),
        (format!("/tx/{none}/raw"), "Transaction not found"),
        (format!("/tx/{none}/outspends"), "Transaction not found"),
        (
            format!("/tx/{none}/merkle-proof"),
            "Transaction not found or is unconfirmed",
        ),
        (
            format!("/tx/{none}/merkleblock-proof"),
            "Transaction not found or is unconfirmed",
        ),
        (format!("/block/{none}"), "Block not found"),
        (format!("/block/{none}/raw"), "Block not found"),
        (format!("/block/{tip}/txid/2"), "tx index out of range"),
        (format!("/block/{tip}/txs/25"), "start index out of range"),
        ("/block-height/104".to_owned(), "Block not found"),
        ("/blocks/104".to_owned(), "Block not found"),
        (
            "/nothing".to_owned(),
            "endpoint does not exist \"/api/nothing\"",
        ),
        (
            "/blocks/tip/height/".to_owned(),
            "endpoint does not exist \"/api/blocks/tip/height/\"",
        ),
    ] {
        let found = explorer.refusal(&format!("/api{path}")).await;
        assert_eq!(found, (404, text.to_owned()), "{path}");
    }
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn malformed_paths_are_400_with_esploras_words() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let tip = node.chain().tip().hash();
    let long = "1".repeat(200);
    for (path, text) in [
        ("/tx/xyz".to_owned(), "Invalid hex string"),
        ("/block/00".to_owned(), "Invalid hex string"),
        (format!("/tx/{}", "é".repeat(32)), "Invalid hex string"),
        ("/block-height/-1".to_owned(), "Invalid number"),
        ("/block-height/4294967296".to_owned(), "Invalid number"),
        ("/block-height/+1".to_owned(), "Invalid number"),
        (
            format!("/tx/{}/outspend/x", "11".repeat(32)),
            "Invalid number",
        ),
        (
            format!("/block/{tip}/txs/1"),
            "start index must be a multiple of 25",
        ),
        ("/scripthash/11".to_owned(), "Invalid scripthash"),
        (
            "/address/bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4".to_owned(),
            "Address on invalid network",
        ),
    ] {
        let found = explorer.refusal(&format!("/api{path}")).await;
        assert_eq!(found, (400, text.to_owned()), "{path}");
    }
    for path in ["/address/nonsense".to_owned(), format!("/address/{long}")] {
        assert_eq!(
            explorer.refusal(&format!("/api{path}")).await.0,
            400,
            "{path}"
        );
    }
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_scripts_history_comes_in_pages_of_25() {
    let mut chain = Chain::genesis();
    chain.mine_many(60, &p2wpkh(9));
    let node = FakeNode::serve(chain.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let hash = scripthash(&p2wpkh(9));
    let ids = |page: &Value| -> Vec<String> {
        let items = page.as_array().expect("a page").iter();
        items
            .map(|tx| tx["txid"].as_str().expect("an id").to_owned())
            .collect()
    };
    let first = ids(&explorer.json(&format!("/api/scripthash/{hash}/txs")).await);
    assert_eq!(first.len(), 25);
    assert_eq!(first[0], chain.coinbase(60).txid().to_string());
    let mut seen = first.clone();
    for expected in [25, 10, 0] {
        let last = seen.last().expect("a page before").clone();
        let path = format!("/api/scripthash/{hash}/txs/chain/{last}");
        let page = ids(&explorer.json(&path).await);
        assert_eq!(page.len(), expected);
        seen.extend(page);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 60);
    for last in ["11".repeat(32), chain.coinbase(0).txid().to_string()] {
        let path = format!("/api/scripthash/{hash}/txs/chain/{last}");
        assert_eq!(
            explorer.json(&path).await,
            json!([]),
            "a stranger's id ends the paging"
        );
    }
    let path = format!("/api/scripthash/{hash}/txs/chain");
    assert_eq!(ids(&explorer.json(&path).await), first);
    let upper = format!("/api/scripthash/{}/utxo", hash.to_uppercase());
    assert_eq!(
        explorer.json(&upper).await.as_array().map(Vec::len),
        Some(60)
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_block_comes_in_pages_of_25_transactions() {
    let mut chain = Chain::genesis();
    chain.mine_many(40, &p2wpkh(1));
    let payments: Vec<_> = (1..=30)
        .map(|height| pay(&[chain.coin(height)], &[(p2wpkh(3), 1)]))
        .collect();
    chain.mine(p2wpkh(1), payments);
    let node = FakeNode::serve(chain.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let tip = chain.tip().hash();
    let first = explorer.json(&format!("/api/block/{tip}/txs")).await;
    let second = explorer.json(&format!("/api/block/{tip}/txs/25")).await;
    assert_eq!(first.as_array().map(Vec::len), Some(25));
    assert_eq!(second.as_array().map(Vec::len), Some(6));
    let ids = explorer.json(&format!("/api/block/{tip}/txids")).await;
    assert_eq!(ids[25], second[0]["txid"]);
    assert_eq!(ids.as_array().map(Vec::len), Some(31));
    let raw = explorer
        .get(&format!("/api/block/{tip}/raw"))
        .await
        .bytes()
        .await
        .expect("bytes");
    assert_eq!(raw, chain.tip().raw());
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn versions_with_the_sign_bit_stay_in_32_signed_bits() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let plain = pay(&[chain.coin(1)], &[(p2wpkh(2), 7)]);
    let odd = synod_primitives::Transaction::new(
        -1,
        plain.inputs().to_vec(),
        plain.outputs().to_vec(),
        0,
    );
    chain.mine(p2wpkh(1), vec![odd.clone()]);
    let node = FakeNode::serve(chain).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let tx = explorer.json(&format!("/api/tx/{}", odd.txid())).await;
    assert_eq!(tx["version"], -1);
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn fee_estimates_are_a_flat_map_of_numbers_with_key_1() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let estimates = explorer.json("/api/fee-estimates").await;
    let estimates = estimates.as_object().expect("a map");
    assert_eq!(estimates.len(), 28);
    for (key, value) in estimates {
        assert!(key.parse::<u16>().is_ok() && value.as_f64().is_some_and(|it| it >= 1.0));
    }
    assert!(estimates.contains_key("1") && estimates.contains_key("1008"));
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn merkle_proofs_lead_to_the_header() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let tip = node.chain().tip().clone();
    let payment = tip.transactions()[1].txid();
    let proof = explorer
        .json(&format!("/api/tx/{payment}/merkle-proof"))
        .await;
    assert_eq!(
        (&proof["block_height"], &proof["pos"]),
        (&json!(103), &json!(1))
    );
    let branch: Vec<[u8; 32]> = proof["merkle"]
        .as_array()
        .expect("a branch")
        .iter()
        .map(|it| {
            it.as_str()
                .expect("hex")
                .parse::<synod_primitives::Txid>()
                .expect("an id")
                .to_bytes()
        })
        .collect();
    let root = tip.header().merkle_root.to_bytes();
    let count = tip.transactions().len();
    assert!(merkle::is_in_tree(
        payment.to_bytes(),
        1,
        &branch,
        count,
        &root
    ));
    // CVE-2017-12842: no proof is given for a node of the tree that is no transaction.
    let inner = synod_primitives::Txid::from_bytes(root);
    let answer = explorer.get(&format!("/api/tx/{inner}/merkle-proof")).await;
    assert_eq!(answer.status(), 404);
    let block = explorer
        .text(&format!("/api/tx/{payment}/merkleblock-proof"))
        .await;
    assert!(block.starts_with(&hex::encode(tip.header().encode())));
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_broadcast_transaction_is_shown_everywhere_at_once() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let chain = node.chain();
    let payment = pay(
        &[chain.coin(2)],
        &[(p2wpkh(7), 4_000_000_000), (p2wpkh(1), 999_999_000)],
    );
    let body = hex::encode(payment.raw());
    let txid = payment.txid().to_string();
    assert_eq!(
        explorer.post("/api/tx", body.clone()).await,
        (200, txid.clone())
    );
    let hash = scripthash(&p2wpkh(7));
    let stats = explorer.json(&format!("/api/scripthash/{hash}")).await;
    assert_eq!(stats["mempool_stats"]["funded_txo_sum"], 4_000_000_000_u64);
    assert_eq!(stats["chain_stats"]["tx_count"], 0);
    let utxos = explorer.json(&format!("/api/scripthash/{hash}/utxo")).await;
    assert_eq!(utxos[0]["status"], json!({ "confirmed": false }));
    let tx = explorer.json(&format!("/api/tx/{txid}")).await;
    assert_eq!(
        (&tx["fee"], &tx["status"]),
        (&json!(1000), &json!({ "confirmed": false }))
    );
    let spent = explorer
        .json(&format!("/api/tx/{}/outspend/0", chain.coin(2).txid))
        .await;
    assert_eq!(
        (&spent["spent"], &spent["txid"], &spent["vin"]),
        (&json!(true), &json!(txid), &json!(0))
    );
    let before = scripthash(&p2wpkh(1));
    let utxos = explorer
        .json(&format!("/api/scripthash/{before}/utxo"))
        .await;
    let coin = chain.coin(2).txid.to_string();
    assert!(
        utxos
            .as_array()
            .expect("a list")
            .iter()
            .all(|it| it["txid"] != coin)
    );
    assert_eq!(
        explorer.json("/api/mempool/recent").await[0]["value"],
        5_000_000_000_u64
    );
    assert_eq!(explorer.json("/api/mempool/txids").await, json!([txid]));
    // A repeat is no failure, at either root and with any media type.
    let sent = explorer
        .client
        .post(format!("{}/tx", explorer.root_url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("{body}\n"));
    let response = sent.send().await.expect("an answer");
    assert_eq!(
        (
            response.status().as_u16(),
            response.text().await.expect("text")
        ),
        (200, txid.clone())
    );
    // Mined, it moves to the chain in one step.
    node.extend(|chain| {
        chain.mine(p2wpkh(1), vec![payment.clone()]);
    });
    explorer
        .wait_tip(&node.chain().tip().hash().to_string())
        .await;
    let stats = explorer.json(&format!("/api/scripthash/{hash}")).await;
    assert_eq!(stats["mempool_stats"]["tx_count"], 0);
    assert_eq!(stats["chain_stats"]["funded_txo_sum"], 4_000_000_000_u64);
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_refused_transaction_is_400_with_the_code() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let payment = pay(&[node.chain().coin(2)], &[(p2wpkh(7), 1)]);
    node.refuse_with(Some("txn-mempool-conflict"));
    let (status, text) = explorer.post("/api/tx", hex::encode(payment.raw())).await;
    assert_eq!(
        (status, text.as_str()),
        (
            400,
            "sendrawtransaction RPC error -26: txn-mempool-conflict"
        )
    );
    for (body, expected) in [
        ("zz", "Invalid hex string"),
        ("", "sendrawtransaction RPC error -22: TX decode failed"),
        ("00", "sendrawtransaction RPC error -22: TX decode failed"),
    ] {
        assert_eq!(
            explorer.post("/api/tx", body).await,
            (400, expected.to_owned())
        );
    }
    assert_eq!(explorer.json("/api/mempool").await["count"], 0);
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn browsers_of_other_sites_get_their_preflight_answered() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    for (root, path) in [(&explorer.url, "/api/tx"), (&explorer.root_url, "/tx")] {
        let request = explorer
            .client
            .request(reqwest::Method::OPTIONS, format!("{root}{path}"))
            .header("origin", "https://wallet.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
    }
    let refused = explorer.get("/api/tx/zz").await;
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn what_a_reorganisation_can_change_is_asked_for_again() {
    let (node, data) = network().await;
    let explorer = start(&node, data.path()).await;
    let tip = node.chain().tip().hash();
    let response = explorer.get("/api/block-height/103").await;
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let etag = response.headers()["etag"].clone();
    let again = explorer
        .client
        .get(format!("{}/api/block-height/103", explorer.url))
        .header("if-none-match", etag)
        .send()
        .await
        .expect("an answer");
    assert_eq!(again.status(), 304);
    let raw = explorer.get(&format!("/api/block/{tip}/raw")).await;
    assert!(
        raw.headers()["cache-control"]
            .to_str()
            .expect("text")
            .contains("immutable")
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn outputs_that_nobody_can_spend_are_shown_but_never_spent() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let mut data_script = vec![0x6a, 4];
    data_script.extend_from_slice(b"data");
    let script = synod_primitives::Script::new(data_script);
    let payment = pay(&[chain.coin(1)], &[(script, 0), (p2wpkh(1), 5)]);
    chain.mine(p2wpkh(1), vec![payment.clone()]);
    let node = FakeNode::serve(chain).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let tx = explorer.json(&format!("/api/tx/{}", payment.txid())).await;
    assert_eq!(tx["vout"][0]["scriptpubkey_type"], "op_return");
    assert_eq!(
        tx["vout"][0]["scriptpubkey_asm"],
        "OP_RETURN OP_PUSHBYTES_4 64617461"
    );
    let spends = explorer
        .json(&format!("/api/tx/{}/outspends", payment.txid()))
        .await;
    assert_eq!(spends, json!([{ "spent": false }, { "spent": false }]));
    explorer.stop().await.expect("a clean stop");
}
