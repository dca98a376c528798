//! A node that starts from a snapshot, and what becomes of a false one.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::Value;
use synod_chainspec::Snapshot;
use synod_ledger::{Coin, MuHash};
use synod_node::tools::snapshot::{Reader, Writer};
use synod_primitives::Amount;

use crate::harness::{Data, Process, program, said};

/// Writes a chain spec that is regtest and trusts a snapshot; returns its path.
fn spec_that_trusts(data: &Data, name: &str, trust: &str) -> String {
    let path = data.beside(name);
    let text = format!("base = \"regtest\"\n\n{trust}");
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

fn tool_on(network: &str, data: &Path, command: &[&str]) -> std::process::Output {
    let mut command = program(command);
    command
        .args(["--network", network, "--threads", "1", "--data"])
        .arg(data);
    command.output().expect("the program starts")
}

fn start_on(network: &str, data: &Path, peer: &str) -> Process {
    let mut command = program(&["run", "--listen", "127.0.0.1:0", "--dev", "--peer", peer]);
    command
        .args(["--network", network, "--threads", "1", "--data"])
        .arg(data);
    Process::spawn(command).unwrap_or_else(|log| panic!("the node does not serve: {log:#?}"))
}

/// A chain of 130 blocks, its snapshot in a file, and what a spec needs to trust it.
async fn with_snapshot(data: &Data) -> (String, String, Value) {
    let node = Process::start(&data.path());
    node.mine(130).await;
    let state = node.get("/v1/state").await.body;
    node.stop();
    let file = data.beside("coins.snapshot");
    let file = file.to_str().expect("UTF-8").to_owned();
    let written = tool_on("regtest", &data.path(), &["snapshot", "write", &file]);
    assert!(written.status.success(), "{}", said(&written));
    let trust = String::from_utf8(written.stdout).expect("UTF-8");
    assert!(
        trust.contains(state["muhash"].as_str().expect("a hash")),
        "{trust}"
    );
    let again = tool_on("regtest", &data.path(), &["snapshot", "write", &file]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");
    (file, trust, state)
}

#[tokio::test]
async fn a_node_serves_from_a_trusted_snapshot_and_checks_the_past_behind_it() {
    let data = Data::new();
    let (file, trust, state) = with_snapshot(&data).await;
    let network = spec_that_trusts(&data, "trusting.toml", &trust);
    let new = data.beside("new");

    let refused = tool_on("regtest", &new, &["snapshot", "load", &file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("trusts no such snapshot"),
        "{}",
        said(&refused)
    );
    assert!(!new.join("node.sqlite").exists());

    let loaded = tool_on(&network, &new, &["snapshot", "load", &file]);
    assert!(loaded.status.success(), "{}", said(&loaded));
    let again = tool_on(&network, &new, &["snapshot", "load", &file]);
    assert!(
        said(&again).contains("a snapshot starts a new node"),
        "{}",
        said(&again)
    );

    // Without a peer it serves the coins, and says what it has not checked.
    let node = start_on(&network, &new, "http://127.0.0.1:9");
    assert_eq!(node.get("/v1/state").await.body, state);
    let chain = node.get("/v1/chain").await.body;
    assert_eq!(chain["snapshot"]["validated"], false, "{chain}");
    assert_eq!(
        (&chain["height"], &chain["pruned"]),
        (&130.into(), &true.into())
    );
    let pruned = node.get("/v1/blocks/at/50").await;
    assert_eq!(pruned.status, StatusCode::GONE);
    node.mine(2).await;
    assert_eq!(node.height().await, 132);
    node.stop();

    // With one it checks the past, forgets the second chain, and remembers that it did.
    let source = Process::start(&data.path());
    let node = start_on(&network, &new, &source.url);
    while node.get("/v1/chain").await.body["snapshot"]["validated"] != true {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let chain = node.get("/v1/chain").await.body;
    assert_eq!(chain["snapshot"]["checked_height"], 130);
    node.mine(1).await;
    node.stop();
    assert!(!new.join("background").exists());
    let node = start_on(&network, &new, &source.url);
    let chain = node.get("/v1/chain").await.body;
    assert_eq!(chain["snapshot"]["validated"], true);
    node.stop();
    source.stop();
    let verified = tool_on(&network, &new, &["verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
}

/// Makes the first coin of a snapshot worth more; returns what a spec would have to trust.
fn falsify(file: &str, to: &Path) -> Snapshot {
    let mut reader = Reader::open(Path::new(file)).expect("a snapshot");
    let mut writer = Writer::create(to).expect("a file");
    let mut head = *reader.head();
    for _ in 0..head.height.0 {
        writer
            .header(&reader.header().expect("a header"))
            .expect("written");
    }
    let mut muhash = MuHash::new();
    let mut is_first = true;
    while let Some((outpoint, bytes)) = reader.coin().expect("a coin") {
        let mut coin = Coin::decode(&bytes).expect("a coin");
        if std::mem::take(&mut is_first) {
            coin.value = Amount::from_sat(coin.value.sat() + 1);
        }
        muhash.insert_coin(&outpoint, &coin);
        writer.coin(&outpoint, &coin.encode()).expect("written");
    }
    head.muhash = muhash.finalize();
    writer.finish(&head).expect("written");
    head.to_trust()
}

#[tokio::test]
async fn a_false_snapshot_is_refused_and_a_trusted_false_one_is_found_out() {
    let data = Data::new();
    let (file, trust, _) = with_snapshot(&data).await;
    let network = spec_that_trusts(&data, "trusting.toml", &trust);

    // Every byte counts: the file is refused, and nothing of it stays.
    let whole = std::fs::read(&file).expect("a file");
    let broken = data.beside("broken.snapshot");
    let at_coins = 120 + 80 * 130;
    for (what, bytes) in [
        ("a header", flipped(&whole, 120 + 80 * 60 + 40)),
        ("a coin's key", flipped(&whole, at_coins + 5)),
        ("a coin", flipped(&whole, at_coins + 42)),
        ("the end", whole[..whole.len() - 1].to_vec()),
        ("more", [&whole[..], &[0]].concat()),
        ("the beginning", flipped(&whole, 3)),
        ("the height", flipped(&whole, 44)),
    ] {
        std::fs::write(&broken, bytes).expect("written");
        let new = data.beside("refused");
        let path = broken.to_str().expect("UTF-8");
        let refused = tool_on(&network, &new, &["snapshot", "load", path]);
        assert_eq!(refused.status.code(), Some(1), "{what}");
        assert!(!new.join("node.sqlite").exists(), "{what}");
        assert!(!new.join("snapshot").exists(), "{what}");
    }

    // Whoever trusts a false one is told when the past has been checked.
    let false_file = data.beside("false.snapshot");
    let trust = falsify(&file, &false_file).to_toml();
    let network = spec_that_trusts(&data, "deceived.toml", &trust);
    let new = data.beside("deceived");
    let path = false_file.to_str().expect("UTF-8");
    let loaded = tool_on(&network, &new, &["snapshot", "load", path]);
    assert!(loaded.status.success(), "{}", said(&loaded));
    let source = Process::start(&data.path());
    let node = start_on(&network, &new, &source.url);
    let (status, log) = node.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("the past disagrees with the snapshot"),
        "{log}"
    );
    source.stop();
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}
