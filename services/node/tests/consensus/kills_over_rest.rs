//! A node that is killed again and again while blocks and transactions are posted to it.
//!
//! `SYNOD_REST_KILLS` sets how often. Half of the kills come at a write or sync that is drawn, which
//! may lie in the start or in the recovery from the kill before, the others at any moment.

use std::path::Path;
use std::time::Duration;

use synod_api::node::SubmitStatus;
use synod_api::{ClientError, HashHex, NodeClient};
use synod_faults::FaultyDisk;
use synod_primitives::Block;
use tokio::time::{Instant, sleep};

use crate::blocks::{chain, spend};
use crate::kills::{Standing, extend_spending};
use crate::process::{NodeProcess, command};

/// Blocks that all branches have.
const COMMON: u32 = 100;
/// The longest life of a node in milliseconds, from the moment it serves.
const LONGEST_LIFE_MS: u64 = 700;
/// The last write or sync at which a node is killed.
const MAX_OPERATION: u64 = 200;
/// Acknowledged blocks that are asked for after each start; all are at the end.
const ASKED_AGAIN: usize = 24;

fn kills() -> u32 {
    let set = std::env::var("SYNOD_REST_KILLS").ok();
    set.and_then(|it| it.parse().ok()).unwrap_or(8)
}

/// A generator with a seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Blocks in the order in which they are posted, with a short branch that loses every few
/// blocks; and the chain that remains.
struct Script {
    blocks: Vec<Block>,
    chain: Vec<Block>,
}

impl Script {
    fn new() -> Self {
        let chain = chain(COMMON, 1);
        Self {
            blocks: chain[1..].to_vec(),
            chain,
        }
    }

    /// Adds six blocks and a branch of three that replaces the last two.
    fn go_on(&mut self) {
        let tip = self.chain.len();
        self.chain = extend_spending(std::mem::take(&mut self.chain), 6, 1);
        self.blocks.extend_from_slice(&self.chain[tip..]);
        let fork = self.chain.len() - 2;
        self.chain.truncate(fork);
        self.chain = extend_spending(std::mem::take(&mut self.chain), 3, 2);
        self.blocks.extend_from_slice(&self.chain[fork..]);
    }
}

/// Posts blocks until the node is gone; returns how many of them were acknowledged.
async fn post_blocks(client: NodeClient, blocks: Vec<Block>) -> usize {
    for (count, block) in blocks.iter().enumerate() {
        match client.submit_block(block.raw().clone()).await {
            Ok(answer) => assert_ne!(answer.status, SubmitStatus::Orphan, "a parent is lost"),
            Err(ClientError::Problem(problem)) => panic!("{}: {}", problem.code, problem.detail),
            Err(_) => return count,
        }
    }
    blocks.len()
}

/// Posts transactions until the node is gone: each spends a coinbase that is mature or nearly.
async fn post_transactions(client: NodeClient, chain: Vec<Block>) {
    for block in chain.iter().skip(1).cycle() {
        let transaction = spend(&block.transactions()[0], 0, &[]);
        match client.submit_transaction(transaction.raw().clone()).await {
            Ok(_) => {}
            Err(ClientError::Problem(problem)) => assert_eq!(problem.status, 422, "{problem:?}"),
            Err(_) => return,
        }
    }
}

/// Asks a node for blocks that were acknowledged.
async fn expect_there(node: &NodeProcess, blocks: &[Block]) {
    for block in blocks {
        let hash = HashHex::from_internal(block.hash().to_bytes());
        let raw = node
            .client
            .block_raw(hash)
            .await
            .expect("it was acknowledged");
        assert_eq!(&raw, block.raw(), "{hash}");
    }
}

/// Runs a node until it is killed; returns how many of the blocks were acknowledged.
async fn one_life(
    data: &Path,
    script: &Script,
    posted: usize,
    shim: Option<&FaultyDisk>,
    dice: &mut Dice,
) -> usize {
    let mut command = command(data, &[]);
    let by_write = shim.filter(|_| dice.roll(2) == 0);
    if let Some(shim) = by_write {
        shim.kill_at(&mut command, data, 1 + dice.roll(MAX_OPERATION));
    }
    let mut node = match NodeProcess::try_start(command) {
        Ok(node) => node,
        // It was killed before it served.
        Err(log) if log.contains("ERROR") || log.contains("Error") || by_write.is_none() => {
            panic!("a node does not start: {log}")
        }
        Err(_) => return 0,
    };
    let asked = script.blocks[..posted].len().saturating_sub(ASKED_AGAIN);
    if by_write.is_none() {
        expect_there(&node, &script.blocks[asked..posted]).await;
    }
    let blocks = script.blocks[posted..].to_vec();
    let posting = tokio::spawn(post_blocks(node.client.clone(), blocks));
    let others = tokio::spawn(post_transactions(node.client.clone(), script.chain.clone()));
    let end = Instant::now() + Duration::from_millis(1 + dice.roll(LONGEST_LIFE_MS));
    // A node that is killed at a write may never come to it.
    while Instant::now() < end && !posting.is_finished() {
        sleep(Duration::from_millis(1)).await;
    }
    node.kill();
    others.await.expect("transactions never break the node");
    posting.await.expect("blocks are never refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_over_rest_is_lost_however_often_the_node_is_killed() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    let shim = FaultyDisk::build();
    let mut dice = Dice(11);
    let mut script = Script::new();
    let mut posted = 0;
    let kills = kills();
    for _ in 0..kills {
        while script.blocks.len() < posted + 200 {
            script.go_on();
        }
        posted += one_life(&data, &script, posted, shim.as_ref(), &mut dice).await;
    }
    let node = NodeProcess::start(&data, &[]);
    expect_there(&node, &script.blocks[..posted]).await;
    let rest = script.blocks[posted..].to_vec();
    let count = rest.len();
    assert_eq!(post_blocks(node.client.clone(), rest).await, count);
    assert_eq!(Standing::of_node(&node).await, Standing::of(&script.chain));
    drop(node);
    let verified = std::process::Command::new(env!("CARGO_BIN_EXE_synod-node"))
        .args(["--log", "error", "verify", "--network", "regtest", "--data"])
        .arg(&data)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(verified.expect("the program starts").success());
    println!("{kills} kills, {posted} blocks acknowledged between them, 0 lost");
}
