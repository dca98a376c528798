//! What operators do: rebuild, check, prune, copy, stop.

use std::path::Path;

use reqwest::StatusCode;
use synod_api::HashHex;

use crate::harness::{Data, OTHER_PAYOUT, Process, block_on_top_of, on, program, said, tool};

/// Flips a bit wherever bytes occur in the database: a page that was split has old copies.
fn damage(data: &Path, needle: &[u8]) {
    let path = data.join("node.sqlite");
    let mut bytes = std::fs::read(&path).expect("a database");
    let windows = bytes.windows(needle.len()).enumerate();
    let found = windows.filter(|(_, window)| *window == needle);
    let places: Vec<usize> = found.map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "it is stored");
    for at in places {
        bytes[at + needle.len() / 2] ^= 4;
    }
    std::fs::write(&path, bytes).expect("written");
}

async fn digest(node: &Process) -> String {
    let answer = node.get("/v1/state").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body.to_string()
}

#[tokio::test]
async fn reindexing_rebuilds_the_same_chain_and_coins_from_the_blocks() {
    let data = Data::new();
    let node = Process::start(&data.path());
    node.mine(130).await;
    let before = digest(&node).await;
    let block = node.client.block_at(60).await.expect("a block").header.hash;
    let coinbase = node.raw(block).await;
    node.stop();

    let refused = tool(
        data.beside("nothing").as_path(),
        &["run", "--reindex", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(!said(&refused).is_empty());

    // The coins are damaged: the node says so, and rebuilds them when it is told to.
    let txid = synod_primitives::Block::decode(&coinbase)
        .expect("a block")
        .transactions()[0]
        .txid();
    let mut outpoint = txid.to_bytes().to_vec();
    outpoint.extend_from_slice(&[0, 0, 0, 0]);
    damage(&data.path(), &outpoint);
    let verified = tool(&data.path(), &["verify"]);
    assert_eq!(verified.status.code(), Some(1), "{}", said(&verified));
    let report = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(report.contains("\nfault: "), "{report}");
    assert!(!report.contains("sound"), "{report}");
    // What is kept of the digest must not answer for the coins.
    let _ = std::fs::remove_file(data.path().join("coins.digest"));
    let node = Process::start_with(&data.path(), &["--reindex"], |_| ());
    assert_eq!(digest(&node).await, before);
    node.mine(2).await;
    node.stop();
    assert!(!data.path().join("reindex").exists());
    let verified = tool(&data.path(), &["verify", "--level", "4", "--blocks", "20"]);
    assert!(verified.status.success(), "{}", said(&verified));
    let report = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        report.starts_with("read: 133 headers, 133 blocks, "),
        "{report}"
    );
    assert!(report.ends_with("\nthe database is sound\n"), "{report}");
}

#[tokio::test]
async fn a_reindex_that_was_killed_goes_on_where_it_was() {
    let Some(shim) = synod_faults::FaultyDisk::build() else {
        return;
    };
    let data = Data::new();
    let node = Process::start(&data.path());
    node.mine(300).await;
    let before = digest(&node).await;
    node.stop();
    let mut killed = 0;
    for at in [30, 60, 45, 80, 120] {
        let arguments = on(
            &data.path(),
            &["run", "--listen", "127.0.0.1:0", "--reindex"],
        );
        let mut command = program(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        shim.kill_at(&mut command, &data.path(), at);
        match Process::spawn(command) {
            Ok(node) => node.kill(),
            Err(_) => killed += 1,
        }
    }
    assert!(killed > 0, "some were killed while they rebuilt");
    // Without being told again the node runs on what it had.
    let node = Process::start(&data.path());
    assert_eq!(digest(&node).await, before);
    node.stop();
    // What is kept of the digest must not answer for the coins.
    let _ = std::fs::remove_file(data.path().join("coins.digest"));
    let node = Process::start_with(&data.path(), &["--reindex"], |_| ());
    assert_eq!(digest(&node).await, before);
    node.stop();
}

#[tokio::test]
async fn a_damaged_block_is_never_served_and_the_levels_of_verify_find_it() {
    let data = Data::new();
    let node = Process::start(&data.path());
    node.mine(40).await;
    let hash = node.client.block_at(20).await.expect("a block").header.hash;
    let raw = node.raw(hash).await;
    node.stop();
    // The coinbase names the height, so no other block has these bytes.
    damage(&data.path(), &raw[81..160]);
    let node = Process::start(&data.path());
    let answer = node.get(&format!("/v1/blocks/{hash}/raw")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body["code"], "internal");
    let other = node.get("/v1/blocks/at/21").await;
    assert_eq!(other.status, StatusCode::OK, "the others are served");
    node.stop();
    for (level, is_found) in [("1", false), ("2", true), ("3", true), ("4", true)] {
        let verified = tool(&data.path(), &["verify", "--level", level]);
        assert_eq!(!verified.status.success(), is_found, "level {level}");
    }
    let refused = tool(&data.path(), &["verify", "--level", "5"]);
    assert_eq!(refused.status.code(), Some(2), "there is no level 5");

    // The chain is rebuilt up to the block that is lost; the rest comes from peers.
    let node = Process::start_with(&data.path(), &["--reindex"], |_| ());
    assert_eq!(node.height().await, 19);
    assert!(
        node.log().contains("could not be rebuilt"),
        "{}",
        node.log()
    );
    assert_eq!(node.post("/v1/blocks", raw).await.body["status"], "active");
    node.stop();
}

/// The hash of a block of the active chain.
async fn hash_at(node: &Process, height: u32) -> HashHex {
    let page = node.client.headers(height, 1).await.expect("headers");
    page.items[0].hash
}

#[tokio::test]
async fn a_pruned_node_keeps_288_blocks_and_says_what_it_has() {
    let data = Data::new();
    let node = Process::start_with(&data.path(), &["--prune", "0"], |_| ());
    let first = node.mine(100).await;
    node.mine(300).await;
    let chain = loop {
        let chain = node.get("/v1/chain").await.body;
        if chain["prune_height"].as_u64().is_some_and(|it| it >= 50) {
            break chain;
        }
        // Every block makes the node look at its size again.
        node.mine(1).await;
    };
    assert_eq!(chain["pruned"], true);
    let height = node.height().await;
    let pruned_below =
        u32::try_from(chain["prune_height"].as_u64().expect("a height")).expect("small");
    assert!(pruned_below <= height - 287, "{pruned_below} of {height}");
    for path in [
        format!("/v1/blocks/{}/raw", first[3]),
        format!("/v1/blocks/{}", first[3]),
        "/v1/blocks/at/4".to_owned(),
    ] {
        let answer = node.get(&path).await;
        assert_eq!(answer.status, StatusCode::GONE, "{path}: {answer:?}");
        assert_eq!(answer.body["code"], "block-pruned", "{path}");
    }
    assert_eq!(
        node.get("/v1/chain/headers?from=0&limit=10").await.status,
        StatusCode::OK
    );
    assert_eq!(node.get("/v1/state").await.status, StatusCode::OK);
    let kept = node.get(&format!("/v1/blocks/at/{}", height - 280)).await;
    assert_eq!(kept.status, StatusCode::OK);
    // A branch below is refused, and the node is none the worse for it.
    let other_data = Data::new();
    let other = Process::start(&other_data.path());
    let theirs = other.client.dev_mine(1, OTHER_PAYOUT).await.expect("mined");
    let refused = node.post("/v1/blocks", other.raw(theirs.blocks[0]).await);
    let refused = refused.await;
    assert_eq!(
        refused.body["code"], "bad-fork-prior-to-pruned",
        "{refused:?}"
    );
    // A new node cannot start from it, and is told so in the handshake.
    let new_data = Data::new();
    let new = Process::start_with(&new_data.path(), &["--peer", &node.url], |_| ());
    while new.client.chain().await.expect("the chain").peer_count == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(new.height().await, 0);
    new.stop();
    other.stop();
    let state = digest(&node).await;
    let tip = hash_at(&node, height).await;
    node.stop();
    let verified = tool(&data.path(), &["verify", "--level", "4", "--blocks", "300"]);
    assert!(verified.status.success(), "{}", said(&verified));
    let refused = tool(
        &data.path(),
        &["run", "--reindex", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("were pruned"), "{}", said(&refused));
    let node = Process::start(&data.path());
    assert_eq!(digest(&node).await, state);
    assert_eq!(hash_at(&node, height).await, tip);
    assert_eq!(node.get("/v1/chain").await.body["pruned"], true);
    node.stop();
}

#[tokio::test]
async fn a_backup_of_a_running_node_is_a_node_of_its_own() {
    let data = Data::new();
    let node = Process::start(&data.path());
    let mined = node.mine(30).await;
    let copy = data.beside("copy");
    let to = copy.to_str().expect("UTF-8");
    let copied = tool(&data.path(), &["backup", to]);
    assert!(copied.status.success(), "{}", said(&copied));
    node.mine(5).await;
    let again = tool(&data.path(), &["backup", to]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");
    assert!(
        said(&again).contains("is there already"),
        "{}",
        said(&again)
    );
    let second = Process::start(&copy);
    let tip = second.client.chain().await.expect("the chain");
    assert_eq!((tip.height, tip.best_block_hash), (30, mined[29]));
    second.stop();
    node.stop();
    let verified = tool(&copy, &["verify", "--level", "4"]);
    assert!(verified.status.success(), "{}", said(&verified));

    // Put back in the place of the newer one it is noticed, and taken only when that is meant.
    std::fs::copy(copy.join("node.sqlite"), data.path().join("node.sqlite")).expect("copied");
    let refused = tool(&data.path(), &["run", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("was acknowledged"),
        "{}",
        said(&refused)
    );
    let node = Process::start_with(&data.path(), &["--accept-older"], |_| ());
    assert_eq!(node.height().await, 30);
    node.stop();
    let node = Process::start(&data.path());
    node.stop();
}

#[tokio::test]
async fn the_node_stops_at_the_height_that_it_was_given() {
    let data = Data::new();
    let node = Process::start_with(&data.path(), &["--stop-at-height", "3"], |_| ());
    node.mine(2).await;
    assert_eq!(node.height().await, 2);
    let (_, block) = block_on_top_of(&node).await;
    assert_eq!(
        node.post("/v1/blocks", block).await.body["status"],
        "active"
    );
    let (status, log) = node.ended();
    assert!(status.success(), "{log}");
    assert!(log.contains("the height to stop at"), "{log}");
    let node = Process::start(&data.path());
    assert_eq!(node.height().await, 3);
    node.stop();
}
