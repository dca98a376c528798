//! A node in this process, and transactions that need no keys.

use std::net::SocketAddr;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::Value;
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

pub(crate) const OCTETS: &str = "application/octet-stream";
pub(crate) const UNKNOWN: &str = "00000000000000000000000000000000000000000000000000000000000000ff";
pub(crate) const SUBSIDY: u64 = 5_000_000_000;

/// A node on a port of its own, in a directory of its own.
pub(crate) struct TestNode {
    pub(crate) client: NodeClient,
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
    data_directory: TempDir,
}

impl TestNode {
    pub(crate) async fn start() -> Self {
        Self::start_with_peers(Vec::new()).await
    }

    pub(crate) async fn start_with_peers(peer: Vec<String>) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let config = NodeConfig {
            network: "regtest".to_owned(),
            dev: true,
            threads: Some(1),
            peer,
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
            data_directory: data,
        }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        self.task
            .await
            .expect("no panic")
            .expect("the node stops in order");
    }

    pub(crate) async fn mine(&self, blocks: u32, payout: &Script) -> Vec<HashHex> {
        let address = Address::from_script(payout.as_bytes()).expect("it has an address");
        let address = address.format(Network::Regtest);
        self.client
            .dev_mine(blocks, &address)
            .await
            .expect("mined")
            .blocks
    }

    /// The operator's token.
    pub(crate) fn token(&self) -> String {
        let token = std::fs::read_to_string(self.data_directory.path().join("token"));
        token.expect("a token").trim().to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// Reads JSON, checks that it may not be kept unasked, and that its tag saves the body.
    pub(crate) async fn json(&self, path: &str) -> Value {
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

    pub(crate) async fn raw(&self, path: &str, control: &str) -> Bytes {
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
    pub(crate) async fn problem(&self, path: &str, status: u16, code: &str) {
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

    pub(crate) async fn submit(&self, transaction: &Transaction) -> HashHex {
        let answer = self
            .client
            .submit_transaction(transaction.raw().clone())
            .await;
        answer.expect("the mempool takes it").txid
    }

    pub(crate) async fn coinbase_of(&self, block: HashHex) -> Transaction {
        let raw = self.client.block_raw(block).await.expect("the block");
        Block::decode(&raw).expect("a block").transactions()[0].clone()
    }
}

pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A witness script that anybody satisfies; `mark`, 1 to 16, makes others.
pub(crate) fn witness_script(mark: u8) -> Vec<u8> {
    vec![0x50 + mark, 0x75, 0x51]
}

/// Pays to [`witness_script`].
pub(crate) fn payout(mark: u8) -> Script {
    template::p2wsh(&sha256(&witness_script(mark)))
}

/// Spends outputs that pay to mark 1, to outputs of the same kind.
pub(crate) fn spend(outpoints: &[OutPoint], values: &[u64]) -> Transaction {
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

pub(crate) fn shown(txid: Txid) -> HashHex {
    HashHex::from_internal(txid.to_bytes())
}

pub(crate) fn genesis() -> HashHex {
    HashHex::from_internal(genesis_block().hash().to_bytes())
}

/// A chain of 101 blocks whose first coinbase output can be spent, and that output.
pub(crate) async fn with_mature_coin(node: &TestNode) -> OutPoint {
    let mined = node.mine(101, &payout(1)).await;
    node.coinbase_of(mined[0]).await.outpoint(0)
}
