//! The node's REST over a chain in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use synod_primitives::{Block, BlockHash, OutPoint, Transaction, Txid, Work};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use super::Chain;

/// What the node holds.
struct Inner {
    chain: Chain,
    chain_id: String,
    mempool: BTreeMap<Txid, (Transaction, i64)>,
    /// What the next submissions are refused with.
    refuse_with: Option<String>,
    events: u64,
    /// What the node says of its validators; `None` under proof of work.
    stake: Option<FakeStake>,
}

/// The answers of a node whose blocks are sealed.
#[derive(Clone)]
pub(crate) struct FakeStake {
    pub(crate) engine: &'static str,
    pub(crate) final_height: u32,
    pub(crate) validators: Value,
    pub(crate) finality: Value,
    pub(crate) evidence: Value,
}

/// A node that is a double.
#[derive(Clone)]
pub(crate) struct FakeNode {
    inner: Arc<Mutex<Inner>>,
    sender: broadcast::Sender<(u64, Value)>,
    address: std::net::SocketAddr,
}

impl FakeNode {
    /// Serves a chain on a free port.
    pub(crate) async fn serve(chain: Chain) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Inner {
            chain,
            chain_id: "ab".repeat(32),
            mempool: BTreeMap::new(),
            refuse_with: None,
            events: 0,
            stake: None,
        };
        let inner = Arc::new(Mutex::new(inner));
        let node = Self {
            inner,
            sender: broadcast::Sender::new(4096),
            address,
        };
        let router = node.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        node
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic before")
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/v1/chain", get(chain))
            .route("/v1/chain/headers", get(headers))
            .route("/v1/blocks/{hash}/raw", get(block_raw))
            .route("/v1/mempool", get(mempool))
            .route("/v1/mempool/entries", get(entries))
            .route("/v1/transactions/{txid}/raw", get(transaction_raw))
            .route("/v1/transactions", post(submit))
            .route("/v1/validators", get(validators))
            .route("/v1/finality", get(finality))
            .route("/v1/evidence", get(evidence))
            .route("/v1/events", get(events))
            .with_state(self.clone())
    }

    pub(crate) fn chain(&self) -> Chain {
        self.lock().chain.clone()
    }

    pub(crate) fn set_chain_id(&self, id: &str) {
        id.clone_into(&mut self.lock().chain_id);
    }

    /// Makes it a node whose blocks are sealed.
    pub(crate) fn set_stake(&self, stake: FakeStake) {
        self.lock().stake = Some(stake);
    }

    /// Refuses what is submitted from now on.
    pub(crate) fn refuse_with(&self, code: Option<&str>) {
        self.lock().refuse_with = code.map(str::to_owned);
    }

    fn emit(&self, mut event: Value) {
        let mut inner = self.lock();
        inner.events += 1;
        event["id"] = inner.events.into();
        let _ = self.sender.send((inner.events, event));
    }

    /// Puts another chain in the place of the active one, and tells of it.
    pub(crate) fn set_chain(&self, chain: Chain) {
        let connected = {
            let mut inner = self.lock();
            inner.chain = chain;
            let blocks = inner.chain.blocks.clone();
            for block in &blocks {
                for tx in block.transactions() {
                    inner.mempool.remove(&tx.txid());
                }
            }
            json!({
                "type": "block_connected",
                "hash": inner.chain.tip().hash().to_string(),
                "height": inner.chain.height(),
                "previous_block_hash": inner.chain.tip().header().previous_block_hash.to_string(),
                "time": inner.chain.tip().header().time,
                "transaction_count": inner.chain.tip().transactions().len(),
            })
        };
        self.emit(connected);
    }

    /// Changes the chain.
    pub(crate) fn extend(&self, change: impl FnOnce(&mut Chain)) {
        let mut chain = self.chain();
        change(&mut chain);
        self.set_chain(chain);
    }

    /// Puts a transaction into the mempool, and tells of it.
    pub(crate) fn add_to_mempool(&self, transaction: &Transaction) {
        self.insert(transaction);
        self.emit(json!({
            "type": "transaction",
            "txid": transaction.txid().to_string(),
            "wtxid": transaction.wtxid().to_string(),
            "fee_sat": 0,
            "vsize": transaction.weight().vsize(),
        }));
    }

    /// Puts a transaction into the mempool without telling of it.
    pub(crate) fn insert(&self, transaction: &Transaction) {
        let mut inner = self.lock();
        let find = |outpoint: &OutPoint| {
            let confirmed = inner.chain.find(outpoint.txid);
            let parent = confirmed.or(inner.mempool.get(&outpoint.txid).map(|(tx, _)| tx));
            parent.map_or(0, |tx| tx.outputs()[outpoint.vout as usize].value.sat())
        };
        let spent: i64 = transaction
            .inputs()
            .iter()
            .map(|input| find(&input.prevout))
            .sum();
        let paid: i64 = transaction
            .outputs()
            .iter()
            .map(|output| output.value.sat())
            .sum();
        inner
            .mempool
            .insert(transaction.txid(), (transaction.clone(), spent - paid));
    }

    /// Takes a transaction out of the mempool, and tells of it.
    pub(crate) fn remove_from_mempool(&self, txid: Txid) {
        self.lock().mempool.remove(&txid);
        self.emit(json!({
            "type": "transaction_removed", "txid": txid.to_string(), "reason": "expired",
        }));
    }
}

fn problem(status: u16, code: &str) -> Response {
    let body = json!({ "type": "about:blank", "title": "t", "status": status, "detail": code,
        "code": code, "request_id": "r" });
    let status = StatusCode::from_u16(status).expect("a status");
    (
        status,
        [("content-type", "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

fn work(blocks: &[Block]) -> Work {
    blocks.iter().fold(Work::ZERO, |sum, block| {
        let target = block.header().bits.to_target().expect("a target");
        sum.saturating_add(target.work())
    })
}

async fn chain(State(node): State<FakeNode>) -> Json<Value> {
    let inner = node.lock();
    let tip = inner.chain.tip();
    let stake = inner.stake.as_ref();
    let finalized = stake.map(|it| {
        let hash = inner.chain.hash(it.final_height).to_string();
        json!({ "height": it.final_height, "hash": hash })
    });
    let terms = stake.map(|_| {
        json!({ "min_bond_sat": 5, "min_delegation_sat": 4, "unbonding_blocks": 256,
            "slash_percent": 50, "reporter_divisor": 64, "fee_cap_sat": 3 })
    });
    Json(json!({
        "network": "regtest", "chain_id": inner.chain_id,
        "engine": stake.map_or("pow", |it| it.engine), "stake": terms,
        "height": inner.chain.height(), "best_block_hash": tip.hash().to_string(),
        "chainwork": work(&inner.chain.blocks).to_string(), "median_time": tip.header().time,
        "time": tip.header().time, "bits": tip.header().bits.to_string(), "difficulty": 1.0,
        "finalized": finalized, "initial_sync": false, "mempool_count": inner.mempool.len(),
        "peer_count": 0,
    }))
}

fn of_stake(node: &FakeNode, part: impl Fn(&FakeStake) -> Value) -> Response {
    match &node.lock().stake {
        Some(stake) => Json(part(stake)).into_response(),
        None => problem(409, "engine-without-stake"),
    }
}

async fn validators(State(node): State<FakeNode>) -> Response {
    of_stake(&node, |it| it.validators.clone())
}

async fn finality(State(node): State<FakeNode>) -> Response {
    of_stake(&node, |it| it.finality.clone())
}

async fn evidence(State(node): State<FakeNode>) -> Response {
    of_stake(&node, |it| it.evidence.clone())
}

async fn headers(
    State(node): State<FakeNode>,
    Query(query): Query<HashMap<String, u32>>,
) -> Json<Value> {
    let inner = node.lock();
    let from = query.get("from").copied().unwrap_or(0);
    let limit = query.get("limit").copied().unwrap_or(100).min(500);
    let blocks = inner
        .chain
        .blocks
        .iter()
        .enumerate()
        .skip(from as usize)
        .take(limit as usize);
    let items: Vec<Value> = blocks
        .map(|(height, block)| {
            let header = block.header();
            json!({
                "hash": block.hash().to_string(), "height": height, "version": header.version,
                "previous_block_hash": header.previous_block_hash.to_string(),
                "merkle_root": block.hash().to_string(), "time": header.time,
                "bits": header.bits.to_string(), "nonce": header.nonce, "difficulty": 1.0,
                "chainwork": "00".repeat(32), "median_time": header.time, "status": "active",
                "confirmations": 1, "final": false, "next_block_hash": null, "header": "",
            })
        })
        .collect();
    Json(json!({ "items": items, "next_from": null }))
}

async fn block_raw(State(node): State<FakeNode>, Path(hash): Path<String>) -> Response {
    let Ok(hash) = hash.parse::<BlockHash>() else {
        return problem(400, "bad-request");
    };
    let inner = node.lock();
    let found = inner
        .chain
        .blocks
        .iter()
        .rev()
        .find(|block| block.hash() == hash);
    found.map_or_else(
        || problem(404, "not-found"),
        |block| block.raw().clone().into_response(),
    )
}

async fn mempool(State(node): State<FakeNode>) -> Json<Value> {
    let inner = node.lock();
    let vsize: u64 = inner
        .mempool
        .values()
        .map(|(tx, _)| tx.weight().vsize())
        .sum();
    let fees: i64 = inner.mempool.values().map(|(_, fee)| fee).sum();
    Json(json!({
        "transactions": inner.mempool.len(), "vsize": vsize, "total_fee_sat": fees,
        "memory_bytes": 0, "memory_limit_bytes": 0, "minimum_fee_sat_kvb": 1000,
        "incremental_fee_sat_kvb": 1000, "sequence": 0,
    }))
}

async fn entries(State(node): State<FakeNode>) -> Json<Value> {
    let inner = node.lock();
    let depth = |tx: &Transaction| {
        let mut depth = 1;
        let mut current = tx.clone();
        while let Some((parent, _)) = current
            .inputs()
            .iter()
            .find_map(|input| inner.mempool.get(&input.prevout.txid))
        {
            depth += 1;
            current = parent.clone();
        }
        depth
    };
    let items: Vec<Value> = inner
        .mempool
        .values()
        .map(|(tx, fee)| {
            json!({
                "txid": tx.txid().to_string(), "wtxid": tx.wtxid().to_string(), "fee_sat": fee,
                "vsize": tx.weight().vsize(), "weight": tx.weight().0, "time": 0, "height": 0,
                "ancestor_count": depth(tx), "ancestor_vsize": 0, "ancestor_fee_sat": 0,
                "descendant_count": 1, "descendant_vsize": 0, "descendant_fee_sat": 0,
                "depends": [], "spent_by": [], "is_replaceable": true,
            })
        })
        .collect();
    Json(json!({ "items": items, "next_cursor": null }))
}

async fn transaction_raw(State(node): State<FakeNode>, Path(txid): Path<String>) -> Response {
    let Ok(txid) = txid.parse::<Txid>() else {
        return problem(400, "bad-request");
    };
    let inner = node.lock();
    let found = inner
        .mempool
        .get(&txid)
        .map(|(tx, _)| tx)
        .or_else(|| inner.chain.find(txid));
    found.map_or_else(
        || problem(404, "not-found"),
        |tx| tx.raw().clone().into_response(),
    )
}

async fn submit(State(node): State<FakeNode>, body: Bytes) -> Response {
    if let Some(code) = &node.lock().refuse_with {
        return problem(422, code);
    }
    let Ok(transaction) = Transaction::decode(&body) else {
        return problem(400, "bad-request");
    };
    // The event comes later than the answer, as it may with a real node.
    node.insert(&transaction);
    let (txid, wtxid) = (
        transaction.txid().to_string(),
        transaction.wtxid().to_string(),
    );
    Json(json!({ "txid": txid, "wtxid": wtxid })).into_response()
}

async fn events(State(node): State<FakeNode>) -> Response {
    let receiver = node.sender.subscribe();
    let events = stream::unfold(receiver, |mut receiver| async move {
        let (id, event) = receiver.recv().await.ok()?;
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let message = Event::default()
            .id(id.to_string())
            .event(kind)
            .json_data(event)
            .ok()?;
        Some((Ok::<_, std::convert::Infallible>(message), receiver))
    });
    Sse::new(events.boxed()).into_response()
}
