//! A node made of a counter: it serves templates, checks what is submitted to the last bit, and
//! does what each test tells it to.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this module"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use synod_api::node::{
    ChainStatus, SubmitBlock, SubmitStatus, SubmitWork, Template, TemplateQuery,
};
use synod_api::{AmountSat, BitsHex, HashHex, HexBytes, MinerClient, NumberHex};
use synod_miner::MinerConfig;
use synod_miner::kernel::Target;
use synod_primitives::hash::sha256d;
use synod_service::{ApiError, Limits, Shutdown, Token, bind, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longer than anything here takes; a test that reaches it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A target that every second hash meets, as on regtest.
pub const EASY: [u8; 32] = [0x7f; 32];
/// A target that no hash meets.
pub const HOPELESS: [u8; 32] = [0; 32];

/// What the fake node does with the next submission.
#[derive(Debug, Clone)]
pub enum Mood {
    Take,
    PutAside,
    Forget,
    Refuse,
    Break,
}

pub struct Chain {
    pub network: &'static str,
    pub height: u32,
    pub tip: HashHex,
    pub target: [u8; 32],
    pub transactions: u32,
    pub moods: Vec<Mood>,
    /// The payout of each block taken, in order.
    pub payouts: Vec<String>,
    /// Submissions that broke a rule of the template; must stay empty.
    pub wrong: Vec<String>,
    pub submissions: u32,
    templates: HashMap<String, (Template, String)>,
    issued: u64,
}

#[derive(Clone)]
pub struct FakeNode {
    chain: Arc<Mutex<Chain>>,
    /// Tip and mempool changes, as the long poll's id counts them.
    changes: watch::Sender<(u64, u64)>,
}

impl FakeNode {
    pub fn new(network: &'static str) -> Self {
        let chain = Chain {
            network,
            height: 0,
            tip: HashHex::from_bytes([1; 32]),
            target: EASY,
            transactions: 0,
            moods: Vec::new(),
            payouts: Vec::new(),
            wrong: Vec::new(),
            submissions: 0,
            templates: HashMap::new(),
            issued: 0,
        };
        Self {
            chain: Arc::new(Mutex::new(chain)),
            changes: watch::Sender::new((0, 0)),
        }
    }

    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain
            .lock()
            .expect("no test panics while it holds this")
    }

    /// Moves the tip to a block of somebody else's.
    pub fn move_tip(&self, target: [u8; 32]) -> HashHex {
        let tip = {
            let mut chain = self.chain();
            chain.height += 1;
            chain.tip = HashHex::from_bytes(sha256d(&chain.tip.to_bytes()));
            chain.target = target;
            chain.tip
        };
        self.changes.send_modify(|it| it.0 += 1);
        tip
    }

    pub fn add_transaction(&self) {
        self.chain().transactions += 1;
        self.changes.send_modify(|it| it.1 += 1);
    }

    pub async fn wait_for(&self, what: impl Fn(&Chain) -> bool) {
        let mut changes = self.changes.subscribe();
        let found = async {
            while !what(&self.chain()) {
                changes.changed().await.expect("the sender lives");
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("in time");
        assert_eq!(self.chain().wrong, [""; 0]);
    }

    pub async fn start(&self) -> (SocketAddr, Shutdown) {
        let listener = bind("127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        (address, self.start_on(listener))
    }

    pub fn start_on(&self, listener: TcpListener) -> Shutdown {
        let shutdown = Shutdown::new();
        let router = Router::new()
            .route("/v1/chain", get(chain))
            .route("/v1/mining/template", get(template))
            .route("/v1/mining/submit", post(submit))
            .with_state(self.clone());
        let limits = Limits {
            grace: Duration::from_millis(50),
            ..Limits::default()
        };
        tokio::spawn(serve(listener, router, shutdown.clone(), limits));
        shutdown
    }
}

async fn chain(State(node): State<FakeNode>) -> Json<ChainStatus> {
    let chain = node.chain();
    Json(ChainStatus {
        network: chain.network.to_owned(),
        chain_id: HashHex::from_bytes([0; 32]),
        engine: "pow".to_owned(),
        height: chain.height,
        best_block_hash: chain.tip,
        chainwork: NumberHex::from_bytes([0; 32]),
        median_time: 0,
        time: 0,
        bits: BitsHex::from(0x207f_ffff),
        difficulty: 0.0,
        finalized: None,
        stake: None,
        initial_sync: false,
        needs_trust: None,
        pruned: false,
        prune_height: None,
        snapshot: None,
        mempool_count: 0,
        peer_count: 0,
        warnings: Vec::new(),
    })
}

async fn template(
    State(node): State<FakeNode>,
    Query(query): Query<TemplateQuery>,
) -> Result<Json<Template>, ApiError> {
    if !query.payout.starts_with("bcrt1") {
        return Err(ApiError::bad_request("There is no such address."));
    }
    let mut changes = node.changes.subscribe();
    if let Some(known) = &query.longpoll {
        let is_mempool = query.longpoll_mempool == Some(true);
        let is_new = |(tip, mempool): &(u64, u64)| {
            if is_mempool {
                *known != format!("{tip}.{mempool}")
            } else {
                !known.starts_with(&format!("{tip}."))
            }
        };
        let _ = tokio::time::timeout(PATIENCE, changes.wait_for(is_new)).await;
    }
    let (tip, mempool) = *changes.borrow();
    let mut chain = node.chain();
    chain.issued += 1;
    let template = Template {
        template_id: format!("template-{}", chain.issued),
        longpoll_id: format!("{tip}.{mempool}"),
        height: chain.height + 1,
        previous_block_hash: chain.tip,
        version: 0x2000_0000,
        bits: BitsHex::from(0x207f_ffff),
        target: NumberHex::from_bytes(chain.target),
        min_time: 1_000_000 + chain.height,
        cur_time: 2_000_000,
        max_time: Some(2_000_001),
        chain_tip_time: 1_000_000,
        bits_is_limit: true,
        coinbase_value_sat: AmountSat::MAX,
        coinbase_prefix: HexBytes(vec![1; 40]),
        coinbase_suffix: HexBytes(query.payout.clone().into_bytes()),
        extra_nonce_bytes: 8,
        merkle_branch: vec![synod_api::MerkleNodeHex::from_bytes([5; 32])],
        transaction_count: chain.transactions,
        fees_sat: AmountSat::ZERO,
        weight: 0,
        transactions: None,
    };
    chain.templates.insert(
        template.template_id.clone(),
        (template.clone(), query.payout),
    );
    Ok(Json(template))
}

async fn submit(
    State(node): State<FakeNode>,
    Json(work): Json<SubmitWork>,
) -> Result<Json<SubmitBlock>, ApiError> {
    let answer = {
        let mut chain = node.chain();
        chain.submissions += 1;
        take(&mut chain, &work)
    };
    node.changes.send_modify(|it| {
        if matches!(&answer, Ok(it) if it.status == SubmitStatus::Active) {
            it.0 += 1;
        }
    });
    answer.map(Json)
}

fn take(chain: &mut Chain, work: &SubmitWork) -> Result<SubmitBlock, ApiError> {
    let gone = || {
        ApiError::new(
            axum::http::StatusCode::NOT_FOUND,
            "template-not-found",
            "Gone.",
        )
    };
    let (template, payout) = chain
        .templates
        .get(&work.template_id)
        .cloned()
        .ok_or_else(gone)?;
    let mood = if chain.moods.is_empty() {
        Mood::Take
    } else {
        chain.moods.remove(0)
    };
    let hash = hash(&template, work);
    let target = Target::from_be_bytes(template.target.to_bytes());
    if !target.is_met_by(&hash.to_internal()) {
        chain.wrong.push(format!("{hash} does not meet the target"));
    }
    let times = template.min_time.max(template.cur_time)..=template.max_time.expect("set above");
    if !times.contains(&work.time) {
        chain
            .wrong
            .push(format!("the time {} is not allowed", work.time));
    }
    let mut status = SubmitStatus::Active;
    match mood {
        Mood::Take if template.previous_block_hash == chain.tip => {
            chain.tip = hash;
            chain.height = template.height;
            chain.transactions = 0;
            chain.payouts.push(payout);
        }
        Mood::Take | Mood::PutAside => status = SubmitStatus::Side,
        Mood::Forget => return Err(gone()),
        Mood::Refuse => return Err(ApiError::unprocessable("bad-cb-amount", "Too much.")),
        Mood::Break => return Err(ApiError::overloaded("Busy.")),
    }
    Ok(SubmitBlock {
        hash,
        status,
        height: Some(template.height),
    })
}

/// Builds the header independently of the miner's own code.
fn hash(template: &Template, work: &SubmitWork) -> HashHex {
    let coinbase = [
        template.coinbase_prefix.as_bytes(),
        work.extra_nonce.as_bytes(),
        template.coinbase_suffix.as_bytes(),
    ];
    let branch: Vec<_> = template
        .merkle_branch
        .iter()
        .map(|it| it.to_bytes())
        .collect();
    let root = synod_primitives::merkle::fold_branch(sha256d(&coinbase.concat()), 0, &branch);
    let header = [
        &template.version.to_le_bytes()[..],
        &template.previous_block_hash.to_internal(),
        &root,
        &work.time.to_le_bytes(),
        &u32::from(template.bits).to_le_bytes(),
        &work.nonce.to_le_bytes(),
    ];
    HashHex::from_internal(sha256d(&header.concat()))
}

/// A miner in this process.
pub struct Miner {
    pub client: MinerClient,
    pub open_client: MinerClient,
    pub shutdown: Shutdown,
    pub task: JoinHandle<Result<(), synod_miner::MinerError>>,
}

impl Miner {
    pub async fn start(node: SocketAddr, change: impl FnOnce(&mut MinerConfig)) -> Self {
        let token = Token::generate().expect("randomness");
        let node = format!("http://{node}");
        let mut config = MinerConfig::new(&node, "bcrt1first", token.clone());
        config.threads = 2;
        change(&mut config);
        let listener = bind("127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = Shutdown::new();
        let task = tokio::spawn(synod_miner::run(config, listener, shutdown.clone()));
        let open_client = MinerClient::new(&url).expect("a root");
        let client = open_client
            .clone()
            .with_token(token.reveal())
            .expect("a token");
        Self {
            client,
            open_client,
            shutdown,
            task,
        }
    }

    /// Asks for the status until it is as wanted.
    pub async fn wait_for(
        &self,
        what: impl Fn(&synod_api::miner::MinerStatus) -> bool,
    ) -> synod_api::miner::MinerStatus {
        let found = async {
            loop {
                let status = self.open_client.status().await.expect("a status");
                if what(&status) {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("in time")
    }

    pub async fn stop(self) {
        self.shutdown.begin();
        let ended = tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("in time");
        ended.expect("no panic").expect("no error");
    }
}
