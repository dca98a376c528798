//! A node that is killed, or has no room, again and again while it takes a chain from a peer.

use std::path::Path;
use std::time::Duration;

use synod_api::NodeClient;
use synod_faults::{FaultyDisk, NO_SPACE};
use synod_primitives::Block;
use tokio::time::{Instant, sleep};

use crate::blocks::chain;
use crate::kills::{Standing, extend_spending, import};
use crate::process::{NodeProcess, command};

/// Blocks before the first coin is mature.
const COMMON: u32 = 100;
/// Blocks with a payment each.
const PAID: u32 = 1_000;
/// How often the node is killed; every other time at a write or sync.
const KILLS: u64 = 10;
/// The longest life of a node in milliseconds, from the moment it serves.
const LONGEST_LIFE_MS: u64 = 150;

/// Runs a node until it is killed; returns the height that it showed last.
async fn one_life(data: &Path, peer: &str, kill: u64, shim: Option<&FaultyDisk>) -> u32 {
    let mut command = command(data, &["--peer", peer]);
    let by_write = shim.filter(|_| kill.is_multiple_of(2));
    if let Some(shim) = by_write {
        shim.kill_at(&mut command, data, 30 + 15 * kill);
    }
    let Ok(mut node) = NodeProcess::try_start(command) else {
        assert!(by_write.is_some(), "a node does not start");
        return 0;
    };
    let mut shown = 0;
    let life = match by_write {
        // It may never come to that write.
        Some(_) => 20 * LONGEST_LIFE_MS,
        None => LONGEST_LIFE_MS * (kill + 1) / KILLS,
    };
    let end = Instant::now() + Duration::from_millis(life);
    while Instant::now() < end && shown < COMMON + PAID {
        match node.client.chain().await {
            Ok(chain) => shown = chain.height,
            Err(_) => break,
        }
        sleep(Duration::from_millis(1)).await;
    }
    node.kill();
    shown
}

async fn standing_of(data: &Path, chain: &[Block]) -> u32 {
    let node = NodeProcess::start(data, &[]);
    let height = node.client.chain().await.expect("the chain").height;
    let expected = Standing::of(&chain[..=height as usize]);
    assert_eq!(Standing::of_node(&node).await, expected, "{height}");
    height
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_while_it_takes_blocks_of_a_peer_stands_at_one_of_them_with_its_coins() {
    let folder = tempfile::tempdir().expect("a directory");
    let chain = extend_spending(chain(COMMON, 1), PAID, 1);
    let source = NodeProcess::start(&folder.path().join("source"), &[]);
    source.post_all(&chain[1..]).await;
    let shim = FaultyDisk::build();
    let mut heights = Vec::new();
    let mut lives = 0;
    for kill in 0..KILLS {
        let data = folder.path().join(format!("killed-{lives}"));
        let shown = one_life(&data, &source.url, kill, shim.as_ref()).await;
        let height = standing_of(&data, &chain).await;
        assert!(height >= shown, "{height} after {shown} was shown");
        heights.push(height);
        // The next one goes on from there, as long as there is something left.
        lives += u32::from(height == COMMON + PAID);
    }
    let data = folder.path().join(format!("killed-{lives}"));
    let node = NodeProcess::start(&data, &["--peer", &source.url]);
    let whole = Standing::of(&chain);
    while node.client.chain().await.expect("the chain").height < COMMON + PAID {
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(Standing::of_node(&node).await, whole);
    println!("{KILLS} kills, after which the node stood at {heights:?}");
}

/// How often the disk fills up, at most.
const FILLS: u32 = 4;
/// How long the node may take to notice that its disk is full, or that there is room again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until readiness says that the disk is full, or that it is not; or the node has all blocks.
async fn until_full(node: &NodeProcess, is_full: bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = reqwest::get(format!("{}/health/ready", node.url)).await;
        let text = answer.expect("an answer").text().await.expect("text");
        let height = node.client.chain().await.expect("the chain").height;
        let has_all = is_full && height == COMMON + PAID;
        if text.contains("the disk is full") == is_full || has_all {
            return;
        }
        assert!(Instant::now() < end, "full: {is_full}; {text}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_amid_the_blocks_of_a_peer_delays_them_and_loses_none() {
    let Some(shim) = FaultyDisk::build() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let chain = extend_spending(chain(COMMON, 1), PAID, 1);
    let source = folder.path().join("source");
    import(&source, &[&chain[1..]]);
    let source = NodeProcess::start(&source, &[]);
    let data = folder.path().join("full");
    let mut command = command(&data, &[]);
    let disk = shim.switch(&mut command, &data);
    let mut node = NodeProcess::try_start(command).expect("a node that has room");
    let token = std::fs::read_to_string(data.join("token")).expect("a token");
    let operator = NodeClient::new(&node.url).and_then(|it| it.with_token(token.trim()));
    // The first time there is no room for anything of the peer.
    disk.fail(NO_SPACE).expect("the disk is full");
    let added = operator.expect("a client").add_peer(&source.url).await;
    added.expect("a peer");
    let mut heights = Vec::new();
    for fill in 1..=FILLS {
        until_full(&node, true).await;
        let height = node.client.chain().await.expect("the chain").height;
        // What is written may be shown between the two questions, and nothing is taken back.
        let state = node.client.state().await.expect("an answer");
        let stored = state.height;
        assert!(stored >= height, "{height} is shown, {stored} is there");
        let expected = Standing::of(&chain[..=stored as usize]);
        assert_eq!(Standing::told(&state), expected, "{stored}");
        heights.push(height);
        disk.mend().expect("there is room");
        if fill == FILLS || height == COMMON + PAID {
            break;
        }
        // The blocks that met the full disk are seen first, and the next ones come at once.
        let end = Instant::now() + PATIENCE;
        while node.client.chain().await.expect("the chain").height == height {
            assert!(Instant::now() < end, "it goes on after {height}");
            sleep(Duration::from_millis(1)).await;
        }
        disk.fail(NO_SPACE).expect("the disk is full again");
        if node.client.chain().await.expect("the chain").height == COMMON + PAID {
            disk.mend().expect("there is room");
            break;
        }
    }
    until_full(&node, false).await;
    let end = Instant::now() + PATIENCE;
    while node.client.chain().await.expect("the chain").height < COMMON + PAID {
        assert!(Instant::now() < end, "it catches up");
        sleep(Duration::from_millis(20)).await;
    }
    let whole = Standing::of(&chain);
    assert_eq!(Standing::of_node(&node).await, whole);
    node.kill();
    assert_eq!(standing_of(&data, &chain).await, COMMON + PAID);
    println!("the disk was full at {heights:?}");
}
