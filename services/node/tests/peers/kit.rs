//! Nodes in this process, and peers that are none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use synod_api::{HashHex, NodeClient};
use synod_chainspec::genesis_block;
use synod_gossip::wire;
use synod_node::chain::ChainHandle;
use synod_node::{NodeConfig, app};
use synod_primitives::{
    Amount, BlockHash, CompactTarget, Header, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    TxOut, Witness, sha256,
};
use synod_script::{Address, Network, template};
use synod_service::{Shutdown, bind};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The kind of binary bodies.
pub(crate) const OCTETS: &str = "application/octet-stream";
/// An announced URL that a peer on loopback may not announce: nobody calls back.
pub(crate) const UNREACHABLE: &str = "http://192.168.77.7:9330";

/// A node on a port of its own, in a directory of its own.
pub(crate) struct TestNode {
    pub(crate) client: NodeClient,
    pub(crate) chain: ChainHandle,
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    token: String,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
    data: TempDir,
}

/// Starts nodes.
#[derive(Default)]
pub(crate) struct Starter {
    pub(crate) peer: Vec<String>,
    pub(crate) announce: Option<String>,
    pub(crate) upload: Option<u64>,
    pub(crate) prune: Option<u64>,
    pub(crate) member: Vec<String>,
    pub(crate) network: Option<String>,
    pub(crate) trust: Vec<String>,
    pub(crate) data: Option<TempDir>,
    pub(crate) threads: Option<usize>,
    /// Where it listens, if not on a port of IPv4's loopback.
    pub(crate) listen: Option<SocketAddr>,
}

impl Starter {
    pub(crate) async fn start(self) -> TestNode {
        let data = self
            .data
            .unwrap_or_else(|| tempfile::tempdir().expect("a directory"));
        let mut config = NodeConfig {
            network: self.network.unwrap_or_else(|| "regtest".to_owned()),
            trust_checkpoint: self.trust,
            dev: true,
            threads: self.threads.or(Some(1)),
            peer: self.peer,
            announce: self.announce,
            member: self.member,
            prune: self.prune,
            ..NodeConfig::new(data.path().to_owned())
        };
        if let Some(upload) = self.upload {
            config.peer_upload_bytes_per_s = upload;
        }
        let opened = app::open(&config).await.expect("the node opens");
        let token = std::fs::read_to_string(data.path().join("token")).expect("a token");
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = bind(self.listen.unwrap_or(loopback)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = Shutdown::new();
        let chain = opened.chain().clone();
        let task = tokio::spawn(app::run(config, opened, listener, shutdown.clone()));
        let client = NodeClient::new(&url).expect("a client");
        TestNode {
            client,
            chain,
            http: reqwest::Client::new(),
            url,
            token: token.trim().to_owned(),
            shutdown,
            task,
            data,
        }
    }
}

pub(crate) async fn start() -> TestNode {
    Starter::default().start().await
}

pub(crate) async fn start_with_peers(peer: &[&str]) -> TestNode {
    let peer = peer.iter().map(|it| (*it).to_owned()).collect();
    Starter {
        peer,
        ..Starter::default()
    }
    .start()
    .await
}

impl TestNode {
    /// Stops the node and returns its directory.
    pub(crate) async fn stop(self) -> TempDir {
        self.shutdown.begin();
        self.task
            .await
            .expect("no panic")
            .expect("the node stops in order");
        self.data
    }

    pub(crate) async fn mine(&self, blocks: u32) -> Vec<HashHex> {
        let address = Address::from_script(payout().as_bytes()).expect("it has an address");
        let address = address.format(Network::Regtest);
        let mined = self.client.dev_mine(blocks, &address).await;
        mined.expect("mined").blocks
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn tip(&self) -> (u32, HashHex) {
        let chain = self.client.chain().await.expect("the chain");
        (chain.height, chain.best_block_hash)
    }

    pub(crate) async fn peers(&self) -> Vec<Value> {
        let answer = self
            .http
            .get(format!("{}/v1/peers", self.url))
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("an answer");
        let body: Value = answer.json().await.expect("json");
        body["peers"].as_array().expect("a list").clone()
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = self.http.get(format!("{}/metrics", self.url)).send().await;
        answer.expect("an answer").text().await.expect("text")
    }

    /// Greets the node as a stranger would; `change` makes the greeting a strange one.
    pub(crate) async fn greet_as(&self, change: Value) -> (u16, Value) {
        let chain = self.client.chain().await.expect("the chain");
        let mut greeting = json!({
            "protocol_version": synod_api::p2p::PROTOCOL_VERSION,
            "chain_id": chain.chain_id,
            "network": "regtest",
            "agent": "stranger/1",
            "node_id": "ab".repeat(16),
            "height": 0,
            "best_block_hash": genesis(),
            "chainwork": format!("{:064x}", 2),
            "time": 1_700_000_000_u64,
        });
        for (name, value) in change.as_object().expect("an object") {
            greeting[name] = value.clone();
        }
        let answer = self
            .http
            .post(format!("{}/p2p/v1/handshake", self.url))
            .json(&greeting)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("json"))
    }

    /// Greets the node and returns the session.
    pub(crate) async fn session(&self) -> String {
        let (status, body) = self.greet_as(json!({})).await;
        assert_eq!(status, 200, "{body}");
        body["session"].as_str().expect("a session").to_owned()
    }

    /// Posts as a peer; returns status and body.
    pub(crate) async fn post(
        &self,
        session: &str,
        route: &str,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> (u16, Value) {
        let answer = self
            .http
            .post(format!("{}/p2p/v1/{route}", self.url))
            .header("x-synod-session", session)
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    pub(crate) async fn post_json(&self, session: &str, route: &str, body: &Value) -> (u16, Value) {
        self.post(session, route, "application/json", body.to_string())
            .await
    }

    pub(crate) async fn post_octets(
        &self,
        session: &str,
        route: &str,
        body: Vec<u8>,
    ) -> (u16, Value) {
        self.post(session, route, OCTETS, body).await
    }

    pub(crate) async fn has_transaction(&self, txid: HashHex) -> bool {
        let url = format!("{}/v1/transactions/{txid}", self.url);
        let answer = self.http.get(url).send().await.expect("an answer");
        answer.status().is_success()
    }
}

/// Waits until a condition holds; the test's own time limit ends a wait in vain.
pub(crate) async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    while !condition().await {
        tokio::time::sleep(LOOK).await;
    }
}

pub(crate) async fn until_at(node: &TestNode, tip: (u32, HashHex)) {
    until(async || node.tip().await == tip).await;
}

/// A witness script that anybody satisfies.
fn witness_script() -> Vec<u8> {
    vec![0x51, 0x75, 0x51]
}

pub(crate) fn payout() -> Script {
    template::p2wsh(&sha256(&witness_script()))
}

/// Spends an output that pays to anybody, less a fee.
pub(crate) fn spend(outpoint: OutPoint, value: u64) -> Transaction {
    let input = TxIn {
        prevout: outpoint,
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness: Witness::from_items(&[witness_script()]),
    };
    let output = TxOut {
        value: Amount::from_sat(i64::try_from(value).expect("an amount")),
        script_pubkey: payout(),
    };
    Transaction::new(2, vec![input], vec![output], 0)
}

pub(crate) fn genesis() -> HashHex {
    HashHex::from_internal(genesis_block().hash().to_bytes())
}

/// Makes headers with proof of work on top of a block.
pub(crate) fn headers_on(mut last: BlockHash, count: u32) -> Vec<Header> {
    let bits = CompactTarget(0x207f_ffff);
    let target = bits.to_target().expect("a target");
    let header = |n: u32| {
        let mut header = Header {
            version: 4,
            previous_block_hash: last,
            merkle_root: MerkleRoot::ZERO,
            time: 1_700_000_000 + n,
            bits,
            nonce: 0,
        };
        while !target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        last = header.block_hash();
        header
    };
    (0..count).map(header).collect()
}

/// Writes headers as they travel.
pub(crate) fn encode_headers(headers: &[Header]) -> Vec<u8> {
    let mut body = Vec::new();
    for header in headers {
        wire::write_header(&mut body, header, &[]);
    }
    body
}

/// Serves a router of a peer that is none; returns its URL.
pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A greeting's answer of a peer that claims a chain of much work.
pub(crate) async fn boast(axum::Json(mut greeting): axum::Json<Value>) -> axum::Json<Value> {
    greeting["node_id"] = "cd".repeat(16).into();
    greeting["session"] = "ef".repeat(16).into();
    greeting["best_block_hash"] = "aa".repeat(32).into();
    greeting["chainwork"] = format!("{:064x}", 1_u64 << 40).into();
    axum::Json(greeting)
}

pub(crate) fn raw(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// A service that nobody may come to; the flag says whether somebody did.
pub(crate) async fn trap() -> (String, Arc<AtomicBool>) {
    let visited = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&visited);
    let router = axum::Router::new().fallback(move || async move {
        flag.store(true, Ordering::SeqCst);
        "come in"
    });
    (serve(router).await, visited)
}
