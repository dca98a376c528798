//! A node made of a list of blocks: it gives the duties that a test sets, and takes what is
//! posted only if its signature holds.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "the test file uses a part of this module"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path as PathOf, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use synod_api::node::{
    ChainStatus, CheckpointBody, Duties, SealDuty, SignedVote, SubmitBlock, SubmitStatus, VoteDuty,
};
use synod_api::validator::ValidatorStatus;
use synod_api::{BitsHex, HashHex, HexBytes, NumberHex, ValidatorClient};
use synod_primitives::{
    Amount, Block, BlockHash, Header, Height, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    TxOut, Witness,
};
use synod_seal::{
    Checkpoint, Epoch, Mode, SEALED_BITS, Seal, SealKey, SealedHeader, Sections, Slot,
    UnsealedHeader, Vote, VoteLink,
};
use synod_service::{ApiError, Limits, Shutdown, Token, bind, serve};
use synod_validator::keys::SealingKey;
use synod_validator::protection::{Protection, ProtectionOptions};
use synod_validator::signer::{LocalSigner, Signer};
use synod_validator::{Clock, NodeEndpoint, ValidatorConfig, ValidatorError};
use tokio::task::JoinHandle;

use crate::support::{CHAIN, paths};

/// Longer than anything here takes; a test that reaches it fails.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The time at which all tests begin, in Unix milliseconds.
pub const NOW_MS: i64 = 1_800_000_000_000;
/// The length of a slot: long, so that the machine's load plays no part.
pub const SLOT_MS: u64 = 10_000;

pub struct Chain {
    pub blocks: Vec<Block>,
    pub seals: Vec<SealDuty>,
    pub votes: Vec<VoteDuty>,
    pub posted: Vec<Block>,
    pub voted: Vec<SignedVote>,
    pub asked: u64,
    pub chain_id: [u8; 32],
    pub is_synchronising: bool,
}

#[derive(Clone)]
pub struct FakeNode {
    chain: Arc<Mutex<Chain>>,
    pub clock_ms: Arc<AtomicI64>,
}

impl FakeNode {
    pub fn new() -> Self {
        let genesis = template(&SealPlan::new(&sealing_key(99), 1), BlockHash::ZERO, 0).0;
        let chain = Chain {
            blocks: vec![genesis],
            seals: Vec::new(),
            votes: Vec::new(),
            posted: Vec::new(),
            voted: Vec::new(),
            asked: 0,
            chain_id: CHAIN,
            is_synchronising: false,
        };
        Self {
            chain: Arc::new(Mutex::new(chain)),
            clock_ms: Arc::new(AtomicI64::new(NOW_MS)),
        }
    }

    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain
            .lock()
            .expect("no test panics while it holds this")
    }

    pub async fn start(&self) -> (SocketAddr, Shutdown) {
        let listener = bind("127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let shutdown = Shutdown::new();
        let router = Router::new()
            .route("/v1/chain", get(chain_status))
            .route("/v1/duties", get(duties))
            .route("/v1/votes", post(take_vote))
            .route("/v1/blocks", post(take_block))
            .route("/v1/blocks/{hash}/raw", get(block_raw))
            .with_state(self.clone());
        let limits = Limits {
            grace: Duration::from_millis(50),
            ..Limits::default()
        };
        tokio::spawn(serve(listener, router, shutdown.clone(), limits));
        (address, shutdown)
    }

    /// Gives a key a block to seal on the tip.
    pub fn want_seal(&self, plan: &SealPlan) {
        let mut chain = self.chain();
        let parent = chain.blocks.last().expect("a genesis").hash();
        let (block, seal) = template(plan, parent, plan.salt);
        chain.seals.push(SealDuty {
            key: HashHex::from_bytes(plan.key.0),
            height: plan.height,
            slot: plan.slot,
            expires_ms: u64::try_from(NOW_MS).expect("positive") + SLOT_MS,
            seal: HexBytes(seal.encode()),
            block: HexBytes(block.raw().to_vec()),
        });
    }

    pub fn want_vote(&self, key: SealKey, source: u64, target: u64, salt: u8) {
        let point = |epoch, salt| CheckpointBody {
            epoch,
            hash: HashHex::from_bytes([salt; 32]),
        };
        self.chain().votes.push(VoteDuty {
            key: HashHex::from_bytes(key.0),
            source: point(source, 0),
            target: point(target, salt),
            expires_ms: u64::try_from(NOW_MS).expect("positive") + SLOT_MS,
        });
    }

    /// Adds a block that somebody with these secrets has sealed.
    pub fn add_foreign_block(&self, key: &SealingKey, slot: u64) {
        let mut chain = self.chain();
        let parent = chain.blocks.last().expect("a genesis").hash();
        let height = u32::try_from(chain.blocks.len()).expect("short");
        let plan = SealPlan {
            height,
            ..SealPlan::new(key, slot)
        };
        let (block, seal) = template(&plan, parent, 9);
        let unsealed = UnsealedHeader::of_block(&block, &seal).expect("a template");
        let digest = unsealed.digest(&CHAIN);
        let signing = k256::schnorr::SigningKey::from_slice(&plan.secret).expect("a secret");
        let signature = signing
            .sign_raw(&digest, &[0; 32])
            .expect("signs")
            .to_bytes();
        chain
            .blocks
            .push(unsealed.seal_block(&block, signature).expect("a nonce"));
    }

    /// Waits until the chain is as wanted.
    pub async fn wait_for(&self, what: impl Fn(&Chain) -> bool) {
        let found = async {
            while !what(&self.chain()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("in time");
    }
}

async fn chain_status(State(node): State<FakeNode>) -> Json<ChainStatus> {
    let chain = node.chain();
    let tip = chain.blocks.last().expect("a genesis");
    Json(ChainStatus {
        network: "sealed".to_owned(),
        chain_id: HashHex::from_bytes(chain.chain_id),
        engine: "pos".to_owned(),
        height: u32::try_from(chain.blocks.len() - 1).expect("short"),
        best_block_hash: HashHex::from_internal(*tip.hash().as_bytes()),
        chainwork: NumberHex::from_bytes([0; 32]),
        median_time: 0,
        time: 0,
        bits: BitsHex::from(0x207f_ffff),
        difficulty: 0.0,
        finalized: None,
        stake: None,
        initial_sync: chain.is_synchronising,
        needs_trust: None,
        pruned: false,
        prune_height: None,
        snapshot: None,
        mempool_count: 0,
        peer_count: 0,
        warnings: Vec::new(),
    })
}

async fn duties(State(node): State<FakeNode>) -> Json<Duties> {
    // A short pause stands for the long poll.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let now_ms = node.clock_ms.load(Ordering::SeqCst);
    let mut chain = node.chain();
    chain.asked += 1;
    Json(Duties {
        chain_id: HashHex::from_bytes(chain.chain_id),
        now_ms: u64::try_from(now_ms).expect("positive"),
        slot_ms: SLOT_MS,
        epoch_slots: 4,
        cursor: chain.asked,
        seals: chain.seals.clone(),
        votes: chain.votes.clone(),
    })
}

async fn take_block(
    State(node): State<FakeNode>,
    body: Bytes,
) -> Result<Json<SubmitBlock>, ApiError> {
    let refused = |what: &str| ApiError::unprocessable("bad-block", what);
    let block = Block::decode(&body).map_err(|_| refused("no block"))?;
    let sealed = SealedHeader::of_block(&block).ok_or_else(|| refused("no coinbase"))?;
    let checked = sealed
        .check(&CHAIN)
        .map_err(|error| refused(error.code()))?;
    node.chain().posted.push(block);
    Ok(Json(SubmitBlock {
        hash: HashHex::from_internal(*checked.hash().as_bytes()),
        status: SubmitStatus::Active,
        height: Some(checked.height().0),
    }))
}

async fn take_vote(
    State(node): State<FakeNode>,
    Json(vote): Json<SignedVote>,
) -> Result<(), ApiError> {
    let point = |it: &CheckpointBody| Checkpoint {
        epoch: Epoch(it.epoch),
        hash: BlockHash::from_bytes(it.hash.to_internal()),
    };
    let signed = Vote {
        link: VoteLink {
            source: point(&vote.source),
            target: point(&vote.target),
        },
        key: SealKey(vote.key.to_bytes()),
        signature: vote.signature.as_bytes().try_into().expect("64 bytes"),
    };
    if !signed.is_signed(&CHAIN) {
        return Err(ApiError::unprocessable("bad-vote", "Not signed."));
    }
    node.chain().voted.push(vote);
    Ok(())
}

async fn block_raw(
    State(node): State<FakeNode>,
    PathOf(hash): PathOf<HashHex>,
) -> Result<Bytes, ApiError> {
    let chain = node.chain();
    let mut blocks = chain.blocks.iter();
    let found = blocks.find(|it| HashHex::from_internal(*it.hash().as_bytes()) == hash);
    let found = found.ok_or_else(|| ApiError::not_found("No such block."))?;
    Ok(found.raw().clone())
}

/// What a block that is to be sealed looks like.
pub struct SealPlan {
    pub key: SealKey,
    pub secret: [u8; 32],
    pub slot: u64,
    pub height: u32,
    pub time: u32,
    pub salt: u8,
    /// What the reveal has to hash to.
    pub before: [u8; 32],
}

impl SealPlan {
    pub fn new(key: &SealingKey, slot: u64) -> Self {
        Self {
            key: key.public(),
            secret: secret_of(key),
            slot,
            height: 17,
            time: u32::try_from(NOW_MS / 1000).expect("a time"),
            salt: 1,
            before: key.anchor(),
        }
    }
}

pub fn sealing_key(number: u8) -> SealingKey {
    SealingKey::from_secrets(&[number; 64], 16).expect("a key")
}

/// Test keys are made of one repeated byte.
fn secret_of(key: &SealingKey) -> [u8; 32] {
    let mut numbers = 1..=120u8;
    let found = numbers.find(|it| sealing_key(*it).public() == key.public());
    [found.expect("a test key"); 32]
}

fn coinbase(height: u32, salt: u8) -> Transaction {
    let mut script = vec![2];
    script.extend_from_slice(&height.to_le_bytes()[..2]);
    if height < 128 {
        script = vec![1, height.to_le_bytes()[0]];
    }
    if (1..=16).contains(&height) {
        script = vec![0x50 + height.to_le_bytes()[0]];
    }
    script.extend_from_slice(&[1, salt]);
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script),
        sequence: u32::MAX,
        witness: Witness::from_items(&[[0; 32]]),
    };
    let mut commitment = vec![0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
    commitment.extend_from_slice(&[9; 32]);
    let outputs = [vec![0x51], commitment].map(|script| TxOut {
        value: Amount::ZERO,
        script_pubkey: Script::new(script),
    });
    Transaction::new(2, vec![input], outputs.to_vec(), 0)
}

pub fn template(plan: &SealPlan, parent: BlockHash, salt: u8) -> (Block, Seal) {
    let header = Header {
        version: 0x2000_0000,
        previous_block_hash: parent,
        merkle_root: MerkleRoot::ZERO,
        time: plan.time,
        bits: SEALED_BITS,
        nonce: 0,
    };
    let seal = Seal {
        mode: Mode::Pos,
        slot: Slot(plan.slot),
        round: 0,
        previously_sealed: Height(0),
        prevoted: Height(0),
        reveal: plan.before,
        key: plan.key,
        signature: [0; 64],
        sections: Sections::default(),
    };
    (Block::new(header, vec![coinbase(plan.height, salt)]), seal)
}

/// Makes a signer with one key and a new protection database.
pub async fn local_signer(folder: &Path, number: u8) -> LocalSigner {
    std::fs::create_dir_all(folder.join("data")).expect("a folder");
    let protection = Protection::open(&paths(folder), CHAIN, ProtectionOptions::default()).await;
    let protection = protection.expect("opens");
    let key = sealing_key(number);
    protection
        .register(&key.public())
        .await
        .expect("registered");
    LocalSigner::new(vec![key], protection)
        .await
        .expect("protected")
}

/// A validator in this process.
pub struct Validator {
    pub open_client: ValidatorClient,
    pub client: ValidatorClient,
    pub clock_ms: Arc<AtomicI64>,
    pub shutdown: Shutdown,
    pub task: JoinHandle<Result<(), ValidatorError>>,
}

impl Validator {
    pub async fn start(
        nodes: &[SocketAddr],
        signer: Signer,
        change: impl FnOnce(&mut ValidatorConfig),
    ) -> Self {
        let nodes = nodes.iter().map(|address| NodeEndpoint {
            url: format!("http://{address}"),
            token: None,
        });
        let token = Token::generate().expect("randomness");
        let clock_ms = Arc::new(AtomicI64::new(NOW_MS));
        let shown = Arc::clone(&clock_ms);
        let clock = Clock::from_wall(move || {
            u64::try_from(shown.load(Ordering::SeqCst)).expect("positive")
        });
        let mut config = ValidatorConfig::new(nodes.collect(), signer, token.clone());
        config.watch_slots = Some(0);
        config.payout = Some("bcrt1qpayout".to_owned());
        config.clock = clock;
        change(&mut config);
        let listener = bind("127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = Shutdown::new();
        let task = tokio::spawn(synod_validator::run(config, listener, shutdown.clone()));
        let open_client = ValidatorClient::new(&url).expect("a root");
        let client = open_client.clone().with_token(token.reveal());
        Self {
            client: client.expect("a token"),
            open_client,
            clock_ms,
            shutdown,
            task,
        }
    }

    pub async fn wait_for(&self, what: impl Fn(&ValidatorStatus) -> bool) -> ValidatorStatus {
        let found = async {
            loop {
                if let Ok(status) = self.open_client.status().await
                    && what(&status)
                {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
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
