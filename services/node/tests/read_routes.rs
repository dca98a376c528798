//! The routes that read, over HTTP against a node in this process.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use serde_json::Value;
use synod_api::node::{BlockTransactions, OutputStatus, SubmitStatus, TipStatus, TransactionBody};
use synod_api::{HashHex, NodeClient};
use synod_chainspec::genesis_block;
use synod_node::{NodeConfig, app};
use synod_primitives::{
    Amount, Block, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness, sha256,
};
use synod_script::{Address, Network, template};
use synod_service::{Shutdown, bind};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const OCTETS: &str = "application/octet-stream";
const UNKNOWN: &str = "00000000000000000000000000000000000000000000000000000000000000ff";
const SUBSIDY: u64 = 5_000_000_000;

/// A node on a port of its own, in a directory of its own.
struct TestNode {
    client: NodeClient,
    http: reqwest::Client,
    url: String,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
    _data: TempDir,
}

impl TestNode {
    async fn start() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let config = NodeConfig {
            network: "regtest".to_owned(),
            dev: true,
            threads: Some(1),
            ..NodeConfig::new(data.path().to_owned())
        };
        let opened = app::open(&config).await.expect("the node opens");
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = Shutdown::new();
        let task = tokio::spawn(app::run(config, opened, listener, shutdown.clone()));
        let client = NodeClient::new(&url).expect("a client");
        Self {
            client,
            http: reqwest::Client::new(),
            url,
            shutdown,
            task,
            _data: data,
        }
    }

    async fn stop(self) {
        self.shutdown.begin();
        self.task
            .await
            .expect("no panic")
            .expect("the node stops in order");
    }

    async fn mine(&self, blocks: u32, payout: &Script) -> Vec<HashHex> {
        let address = Address::from_script(payout.as_bytes()).expect("it has an address");
        let address = address.format(Network::Regtest);
        self.client
            .dev_mine(blocks, &address)
            .await
            .expect("mined")
            .blocks
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// Reads JSON, checks that it may not be kept unasked, and that its tag saves the body.
    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache", "{path}");
        let etag = answer.headers()[ETAG].clone();
        let again = self
            .get(path)
            .header(IF_NONE_MATCH, etag.clone())
            .send()
            .await;
        let again = again.expect("an answer");
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(again.headers()[ETAG], etag, "{path}");
        assert!(again.bytes().await.expect("no body").is_empty(), "{path}");
        answer.json().await.expect("json")
    }

    async fn raw(&self, path: &str, control: &str) -> Bytes {
        let answer = self
            .get(path)
            .header(ACCEPT, OCTETS)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()[CONTENT_TYPE], OCTETS, "{path}");
        assert_eq!(answer.headers()[CACHE_CONTROL], control, "{path}");
        let etag = answer.headers()[ETAG].clone();
        let again = self
            .get(path)
            .header(ACCEPT, OCTETS)
            .header(IF_NONE_MATCH, etag)
            .send();
        assert_eq!(
            again.await.expect("an answer").status(),
            StatusCode::NOT_MODIFIED,
            "{path}"
        );
        answer.bytes().await.expect("bytes")
    }

    /// Expects a problem document with this status and code.
    async fn problem(&self, path: &str, status: u16, code: &str) {
        let answer = self.get(path).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(
            answer.headers()[CONTENT_TYPE],
            "application/problem+json",
            "{path}"
        );
        let body: Value = answer.json().await.expect("json");
        assert_eq!(body["code"], code, "{path}: {body}");
        assert_eq!(body["status"], status, "{path}");
        assert!(
            body["request_id"].as_str().is_some_and(|it| !it.is_empty()),
            "{path}"
        );
    }

    async fn submit(&self, transaction: &Transaction) -> HashHex {
        let answer = self
            .client
            .submit_transaction(transaction.raw().clone())
            .await;
        answer.expect("the mempool takes it").txid
    }

    async fn coinbase_of(&self, block: HashHex) -> Transaction {
        let raw = self.client.block_raw(block).await.expect("the block");
        Block::decode(&raw).expect("a block").transactions()[0].clone()
    }
}

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A witness script that anybody satisfies; `mark`, 1 to 16, makes others.
fn witness_script(mark: u8) -> Vec<u8> {
    vec![0x50 + mark, 0x75, 0x51]
}

/// Pays to [`witness_script`].
fn payout(mark: u8) -> Script {
    template::p2wsh(&sha256(&witness_script(mark)))
}

/// Spends outputs that pay to mark 1, to outputs of the same kind.
fn spend(outpoints: &[OutPoint], values: &[u64]) -> Transaction {
    let input = |outpoint: &OutPoint| TxIn {
        prevout: *outpoint,
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness: Witness::from_items(&[witness_script(1)]),
    };
    let output = |sat: &u64| TxOut {
        value: Amount::from_sat(i64::try_from(*sat).expect("an amount")),
        script_pubkey: payout(1),
    };
    let (inputs, outputs) = (outpoints.iter().map(input), values.iter().map(output));
    Transaction::new(2, inputs.collect(), outputs.collect(), 0)
}

fn shown(txid: Txid) -> HashHex {
    HashHex::from_internal(txid.to_bytes())
}

fn genesis() -> HashHex {
    HashHex::from_internal(genesis_block().hash().to_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_and_its_headers_are_read() {
    let node = TestNode::start().await;
    let before = node.json("/v1/chain").await;
    assert_eq!(
        (&before["height"], &before["finalized"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(before["best_block_hash"], genesis().to_string());
    let mined = node.mine(15, &payout(1)).await;

    let chain = node.client.chain().await.expect("the chain");
    assert_eq!(
        (chain.network.as_str(), chain.engine.as_str()),
        ("regtest", "pow")
    );
    assert_eq!((chain.height, chain.best_block_hash), (15, mined[14]));
    assert_eq!(
        (chain.initial_sync, chain.peer_count, chain.mempool_count),
        (false, 0, 0)
    );
    assert_eq!(chain.bits.to_string(), "207fffff");

    let page = node.client.headers(0, 2000).await.expect("headers");
    assert_eq!((page.items.len(), page.next_from), (16, None));
    let tip = &page.items[15];
    assert_eq!(
        (tip.hash, tip.confirmations, tip.next_block_hash),
        (mined[14], 1, None)
    );
    assert_eq!(
        (tip.median_time, tip.chainwork),
        (chain.median_time, chain.chainwork)
    );
    for (height, pair) in page.items.windows(2).enumerate() {
        assert_eq!(pair[0].height as usize, height);
        assert_eq!(pair[0].next_block_hash, Some(pair[1].hash));
        assert_eq!(pair[1].previous_block_hash, pair[0].hash);
        assert_eq!(pair[0].confirmations as usize, 16 - height);
        assert_eq!(
            (pair[0].status, pair[0].is_final),
            (TipStatus::Active, false)
        );
        let first = (height + 1).saturating_sub(11);
        let mut times: Vec<u32> = page.items[first..=height]
            .iter()
            .map(|it| it.time)
            .collect();
        times.sort_unstable();
        assert_eq!(pair[0].median_time, times[times.len() / 2]);
    }
    let part = node.json("/v1/chain/headers?from=12&limit=2").await;
    assert_eq!(part["next_from"], 14);
    assert_eq!(
        part["items"][1],
        serde_json::to_value(&page.items[13]).expect("json")
    );
    let above = node.json("/v1/chain/headers?from=16").await;
    assert_eq!(
        (&above["items"], &above["next_from"]),
        (&serde_json::json!([]), &Value::Null)
    );
    assert_eq!(
        node.json("/v1/chain/headers?from=4294967295").await["next_from"],
        Value::Null
    );

    let raw = node
        .raw("/v1/chain/headers?from=3&limit=4", "no-cache")
        .await;
    let expected: Vec<u8> = page.items[3..7]
        .iter()
        .flat_map(|it| it.header.as_bytes().to_vec())
        .collect();
    assert_eq!(raw, expected);
    node.stop().await;
}

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
async fn a_block_is_read_by_hash_and_height_as_json_and_raw() {
    let node = TestNode::start().await;
    let mined = node.mine(2, &payout(1)).await;
    let path = format!("/v1/blocks/{}", mined[0]);
    let by_hash = node.json(&path).await;
    assert_eq!(by_hash, node.json("/v1/blocks/at/1").await);
    assert_eq!(
        (&by_hash["height"], &by_hash["confirmations"]),
        (&1.into(), &2.into())
    );
    assert_eq!(
        (&by_hash["final"], &by_hash["status"]),
        (&false.into(), &"active".into())
    );
    assert_eq!(
        (&by_hash["fees_sat"], &by_hash["subsidy_sat"]),
        (&0.into(), &SUBSIDY.into())
    );

    let raw = node.raw(&path, IMMUTABLE).await;
    let block = Block::decode(&raw).expect("a block");
    assert_eq!(HashHex::from_internal(block.hash().to_bytes()), mined[0]);
    assert_eq!(node.raw(&format!("{path}/raw"), IMMUTABLE).await, raw);
    assert_eq!(node.raw("/v1/blocks/at/1", "no-cache").await, raw);
    let coinbase = &block.transactions()[0];
    assert_eq!(
        by_hash["transactions"],
        serde_json::json!([coinbase.txid().to_string()])
    );
    assert_eq!(by_hash["size"], block.size());
    assert_eq!(by_hash["stripped_size"], block.stripped_size());
    assert_eq!(by_hash["weight"], block.weight().0);

    let full = node.client.block_full(mined[0]).await.expect("the block");
    let BlockTransactions::Full(transactions) = full.transactions else {
        panic!("whole transactions were asked for");
    };
    let one = node
        .client
        .transaction(shown(coinbase.txid()))
        .await
        .expect("the coinbase");
    assert_eq!(transactions, [one]);

    let answer = node.get(&path).send().await.expect("an answer");
    let etag = answer.headers()[ETAG].clone();
    assert_eq!(answer.headers()[VARY], "accept");
    node.mine(1, &payout(1)).await;
    let answer = node
        .get(&path)
        .header(IF_NONE_MATCH, etag)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = answer.json().await.expect("json");
    assert_eq!(body["confirmations"], 3);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_genesis_block_and_its_transaction_are_served() {
    let node = TestNode::start().await;
    for blocks in [0, 1] {
        if blocks > 0 {
            node.mine(blocks, &payout(1)).await;
        }
        let block = node.client.block(genesis()).await.expect("the block");
        assert_eq!(
            (block.header.height, block.header.confirmations),
            (0, blocks + 1)
        );
        assert_eq!(block.fees_sat.map(synod_api::AmountSat::to_sat), Some(0));
        assert_eq!(
            node.client.block_raw_at(0).await.expect("raw"),
            genesis_block().raw()
        );
    }
    let txid = shown(genesis_block().transactions()[0].txid());
    let transaction = node
        .client
        .transaction(txid)
        .await
        .expect("the transaction");
    assert_eq!(
        transaction.block.map(|it| (it.height, it.position)),
        Some((0, 0))
    );
    let output = node.client.output(txid, 0).await.expect("the output");
    assert_eq!(
        (output.status, output.is_coinbase),
        (OutputStatus::Unspent, true)
    );
    node.stop().await;
}

/// A chain of 101 blocks whose first coinbase output can be spent, and that output.
async fn with_mature_coin(node: &TestNode) -> OutPoint {
    let mined = node.mine(101, &payout(1)).await;
    node.coinbase_of(mined[0]).await.outpoint(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_followed_from_the_mempool_into_a_block() {
    let node = TestNode::start().await;
    let coin = with_mature_coin(&node).await;
    let parent = spend(&[coin], &[SUBSIDY / 2, SUBSIDY / 2 - 1000]);
    let child = spend(&[parent.outpoint(1)], &[SUBSIDY / 2 - 4000]);
    let (parent_id, child_id) = (node.submit(&parent).await, node.submit(&child).await);

    let waiting = node.client.transaction(child_id).await.expect("the child");
    check_child(&waiting, &parent);
    assert_eq!(
        (waiting.in_mempool, &waiting.block, waiting.confirmations),
        (true, &None, 0)
    );
    let waiting_parent = node
        .client
        .transaction(parent_id)
        .await
        .expect("the parent");
    let prevout = waiting_parent.inputs[0].prevout.as_ref().expect("a coin");
    assert_eq!(prevout.value_sat.to_sat(), SUBSIDY);

    let block = node.mine(1, &payout(1)).await[0];
    node.mine(1, &payout(1)).await;
    let mined = node.client.transaction(child_id).await.expect("the child");
    check_child(&mined, &parent);
    let place = mined
        .block
        .as_ref()
        .map(|it| (it.hash, it.height, it.position));
    assert_eq!(place, Some((block, 102, 2)));
    assert_eq!(
        (mined.in_mempool, mined.confirmations, mined.is_final),
        (false, 2, false)
    );

    let full = node.client.block_full(block).await.expect("the block");
    assert_eq!(full.fees_sat.map(synod_api::AmountSat::to_sat), Some(4000));
    let BlockTransactions::Full(transactions) = &full.transactions else {
        panic!("whole ones")
    };
    assert_eq!(transactions[2], mined);
    assert_eq!(
        transactions[0].outputs[0].value_sat.to_sat(),
        SUBSIDY + 4000
    );
    assert_eq!(transactions[0].fee_sat, None);

    let path = format!("/v1/transactions/{child_id}");
    let with_raw = node.json(&format!("{path}?raw=true")).await;
    assert_eq!(with_raw["raw"], synod_primitives::hex::encode(child.raw()));
    assert_eq!(node.json(&path).await.get("raw"), None);
    for raw in [&path, &format!("{path}/raw")] {
        assert_eq!(node.raw(raw, "no-cache").await, child.raw());
    }
    let answer = node
        .get(&format!("{path}/raw"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()[ETAG], format!("\"{}\"", child.wtxid()));
    node.stop().await;
}

/// What is the same of the child in the mempool and in a block.
fn check_child(body: &TransactionBody, parent: &Transaction) {
    assert_eq!(body.fee_sat.map(synod_api::AmountSat::to_sat), Some(3000));
    let input = &body.inputs[0];
    assert_eq!((input.txid, input.vout), (shown(parent.txid()), 1));
    assert_eq!(input.witness[0].as_bytes(), witness_script(1));
    let prevout = input.prevout.as_ref().expect("the parent's output");
    assert_eq!(prevout.value_sat.to_sat(), SUBSIDY / 2 - 1000);
    assert_eq!(prevout.script_type, "witness_v0_scripthash");
    assert_eq!(prevout.script_pubkey.as_bytes(), payout(1).as_bytes());
    assert_eq!(prevout.address, body.outputs[0].address);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_says_who_spends_it() {
    let node = TestNode::start().await;
    let coin = with_mature_coin(&node).await;
    let coin_id = shown(coin.txid);
    let before = node.client.output(coin_id, 0).await.expect("the output");
    assert_eq!(
        (before.status, before.height, before.confirmations),
        (OutputStatus::Unspent, Some(1), 101)
    );
    assert_eq!((before.is_coinbase, before.spender), (true, None));
    assert_eq!(
        before.value_sat.map(synod_api::AmountSat::to_sat),
        Some(SUBSIDY)
    );

    let parent = spend(&[coin], &[SUBSIDY / 2, SUBSIDY / 2 - 1000]);
    let child = spend(&[parent.outpoint(1)], &[SUBSIDY / 2 - 4000]);
    let (parent_id, child_id) = (node.submit(&parent).await, node.submit(&child).await);
    let spent = node.client.output(coin_id, 0).await.expect("the output");
    let spender = spent.spender.expect("the parent");
    assert_eq!(
        (spent.status, spender.txid, spender.vin),
        (OutputStatus::SpentInMempool, parent_id, 0)
    );
    let open = node.client.output(parent_id, 0).await.expect("the output");
    assert_eq!(
        (open.status, open.height, open.confirmations),
        (OutputStatus::Unspent, None, 0)
    );
    let taken = node.client.output(parent_id, 1).await.expect("the output");
    assert_eq!(
        taken.spender.map(|it| (it.txid, it.height)),
        Some((child_id, None))
    );
    node.problem(
        &format!("/v1/outputs/{parent_id}/2"),
        404,
        "output-not-found",
    )
    .await;

    node.mine(1, &payout(1)).await;
    for (txid, vout) in [(coin_id, 0), (parent_id, 1)] {
        let spent = node.client.output(txid, vout).await.expect("the output");
        assert_eq!((spent.status, &spent.spender), (OutputStatus::Spent, &None));
        assert!(spent.value_sat.is_some() && spent.script_pubkey.is_some());
    }
    let open = node.client.output(parent_id, 0).await.expect("the output");
    assert_eq!(
        (open.status, open.height, open.confirmations),
        (OutputStatus::Unspent, Some(102), 1)
    );
    assert!(!open.is_coinbase);
    node.problem(
        &format!("/v1/outputs/{parent_id}/2"),
        404,
        "output-not-found",
    )
    .await;
    node.json(&format!("/v1/outputs/{parent_id}/0")).await;
    node.stop().await;
}

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

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_one_chain_have_one_state() {
    let (node, other) = (TestNode::start().await, TestNode::start().await);
    let empty = node.json("/v1/state").await;
    assert_eq!(
        (&empty["coins"], &empty["total_sat"]),
        (&0.into(), &0.into())
    );
    node.mine(2, &payout(1)).await;
    node.client.state().await.expect("a digest");
    for hash in other.mine(4, &payout(2)).await {
        let raw = other.client.block_raw(hash).await.expect("the block");
        node.client.submit_block(raw).await.expect("taken in");
    }
    let (state, same) = (node.client.state().await, other.client.state().await);
    let state = state.expect("a digest");
    assert_eq!(state, same.expect("a digest"));
    assert_eq!(
        (state.height, state.coins, state.total_sat.to_sat()),
        (4, 4, 4 * SUBSIDY)
    );
    assert_ne!(
        state.muhash.to_string(),
        empty["muhash"].as_str().expect("text")
    );
    node.json("/v1/state").await;
    node.stop().await;
    other.stop().await;
}
