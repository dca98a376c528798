//! What a node bears: many at once, few files, strangers that talk a lot, flipped bits.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::StatusCode;
use serde_json::{Value, json};
use synod_gossip::wire::write_header;

use crate::harness::{Data, PAYOUT, Process, on, program};

#[tokio::test]
async fn sixty_four_writers_at_once_all_get_their_answer() {
    let data = Data::new();
    let node = Process::start(&data.path());
    let writers = (0..64).map(|_| node.client.dev_mine(1, PAYOUT));
    for mined in futures_util::future::join_all(writers).await {
        assert_eq!(mined.expect("mined").blocks.len(), 1);
    }
    assert_eq!(node.height().await, 64);
    node.kill();
    let node = Process::start(&data.path());
    assert_eq!(
        node.height().await,
        64,
        "each was durable when it was answered"
    );
    node.stop();
}

#[tokio::test]
async fn strangers_cannot_fill_the_log() {
    let data = Data::new();
    let node = Process::start(&data.path());
    let before = node.log().lines().count();
    for round in 0..300u32 {
        let junk = Bytes::from(vec![0x5a; 200]);
        assert!(
            node.post("/v1/blocks", junk.clone())
                .await
                .status
                .is_client_error()
        );
        assert!(
            node.post("/v1/transactions", junk)
                .await
                .status
                .is_client_error()
        );
        let nowhere = node.get(&format!("/v1/nowhere/{round}%0a%1b[31m")).await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    }
    let lines = node.log().lines().count() - before;
    assert!(
        lines < 20,
        "900 bad requests made {lines} lines: {}",
        node.log()
    );
    node.stop();
}

#[tokio::test]
async fn peers_that_come_to_be_dropped_cannot_fill_the_log() {
    let data = Data::new();
    let node = Process::start(&data.path());
    let chain = node.client.chain().await.expect("the chain");
    let greeting = json!({
        "protocol_version": synod_api::p2p::PROTOCOL_VERSION,
        "chain_id": chain.chain_id,
        "network": "regtest",
        "agent": "stranger/1",
        "node_id": "ab".repeat(16),
        "height": 0,
        "best_block_hash": chain.best_block_hash,
        "chainwork": chain.chainwork,
        "time": 1_700_000_000_u64,
    });
    // The second header does not follow the first.
    let mut page = Vec::new();
    for _ in 0..2 {
        write_header(&mut page, synod_chainspec::genesis_block().header(), &[]);
    }
    let url = |route: &str| format!("{}/p2p/v1/{route}", node.url);
    let before = node.log().lines().count();
    for _ in 0..300 {
        let answer = node.http.post(url("handshake")).json(&greeting).send();
        let greeted: Value = answer.await.expect("sent").json().await.expect("json");
        let session = greeted["session"].as_str().expect("a session");
        let request = node
            .http
            .post(url("push/headers"))
            .header("x-synod-session", session)
            .header("content-type", "application/octet-stream");
        let answer = request.body(page.clone()).send().await.expect("sent");
        assert!(answer.status().is_success(), "{}", answer.status());
    }
    let log = node.log();
    assert!(log.contains("dropped a peer for misbehaviour"), "{log}");
    let lines = log.lines().count() - before;
    assert!(lines < 200, "300 peers made {lines} lines: {log}");
    node.stop();
}

#[tokio::test]
async fn a_node_without_free_files_lives_and_answers_again() {
    let data = Data::new();
    let arguments = on(&data.path(), &["run", "--listen", "127.0.0.1:0", "--dev"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\" --log-format json \"$@\""])
        .arg(env!("CARGO_BIN_EXE_synod-node"))
        .args(arguments);
    let node = Process::spawn(command).unwrap_or_else(|log| panic!("it does not serve: {log:#?}"));
    node.mine(3).await;
    let address = node.url.trim_start_matches("http://").to_owned();
    let held: Vec<TcpStream> = (0..150)
        .map_while(|_| TcpStream::connect(&address).ok())
        .collect();
    assert!(held.len() >= 64, "{} connections", held.len());
    drop(held);
    loop {
        // Connections that were made meanwhile may still be told to wait.
        let answer = node
            .http
            .get(format!("{}/health/ready", node.url))
            .send()
            .await;
        if answer.is_ok_and(|it| it.status() == StatusCode::OK) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    node.mine(1).await;
    assert_eq!(node.height().await, 4);
    node.stop();
    let node = Process::start(&data.path());
    assert_eq!(node.height().await, 4);
    node.stop();
}

/// How long a node that was starved may take to answer again, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sets the soft limit of a process's address space; says whether the process was there. A thread
/// needs some for its stack, so a process without gets no thread either.
fn limit_address_space(pid: u32, limit: &str) -> bool {
    let status = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--as={limit}:")])
        .status();
    status.expect("prlimit runs").success()
}

/// Takes the limit off, if the process has not ended meanwhile.
fn lift_limit(pid: u32) {
    limit_address_space(pid, "unlimited");
}

/// Reads how much address space a process has, in bytes.
fn address_space(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|it| it.strip_prefix("VmSize:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.expect("a size in kB") * 1024
}

#[tokio::test]
async fn a_node_that_gets_no_memory_and_no_threads_loses_nothing_that_it_answered() {
    let data = Data::new();
    let mut node = Process::start(&data.path());
    node.mine(3).await;
    let now = address_space(node.pid()).to_string();
    assert!(limit_address_space(node.pid(), &now));
    let mut acknowledged = 3;
    for _ in 0..20 {
        let many = (0..32).map(|_| node.http.get(format!("{}/v1/state", node.url)).send());
        for answer in futures_util::future::join_all(many)
            .await
            .into_iter()
            .flatten()
        {
            let status = answer.status();
            let is_refusal = status == StatusCode::SERVICE_UNAVAILABLE
                && answer.headers().contains_key("retry-after");
            if status != StatusCode::OK && !is_refusal {
                panic!("{status}: {:?}", answer.text().await);
            }
        }
        // It may refuse, or end; what it answers counts.
        if let Ok(mined) = node.client.dev_mine(5, PAYOUT).await {
            acknowledged += mined.blocks.len();
        }
    }
    lift_limit(node.pid());
    let started = Instant::now();
    loop {
        if node.client.dev_mine(1, PAYOUT).await.is_ok() {
            acknowledged += 1;
            node.kill();
            break;
        }
        if !node.is_running() {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "it neither answers nor ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let node = Process::start(&data.path());
    let height = usize::try_from(node.height().await).expect("small");
    assert!(height >= acknowledged, "{height} of {acknowledged}");
    node.stop();
}

/// A generator with a seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % below
    }
}

/// Bits that are flipped, each in a fresh copy; more with `SYNOD_REST_FLIPS`.
fn flips() -> usize {
    let set = std::env::var("SYNOD_REST_FLIPS").ok();
    set.and_then(|it| it.parse().ok()).unwrap_or(25)
}

/// Reads what a client may ask for; absent where the answer is an error.
async fn answers(node: &Process, paths: &[String]) -> BTreeMap<String, Option<Bytes>> {
    let mut found = BTreeMap::new();
    for path in paths {
        let answer = node.http.get(format!("{}{path}", node.url)).send().await;
        let answer = match answer {
            Ok(answer) if answer.status() == StatusCode::OK => answer.bytes().await.ok(),
            _ => None,
        };
        found.insert(path.clone(), answer);
    }
    found
}

#[tokio::test]
async fn no_flipped_bit_is_served_over_rest() {
    let data = Data::new();
    let node = Process::start(&data.path());
    let mined = node.mine(110).await;
    let mut paths = vec![
        "/v1/state".to_owned(),
        "/v1/chain/headers?from=0&limit=100".to_owned(),
    ];
    for hash in mined.iter().step_by(6) {
        paths.push(format!("/v1/blocks/{hash}"));
        paths.push(format!("/v1/blocks/{hash}/raw"));
        let block = synod_primitives::Block::decode(&node.raw(*hash).await).expect("a block");
        let txid = block.transactions()[0].txid();
        paths.push(format!("/v1/transactions/{txid}"));
        paths.push(format!("/v1/outputs/{txid}/0"));
    }
    let expected = answers(&node, &paths).await;
    assert!(expected.values().all(Option::is_some));
    node.stop();
    let database = data.path().join("node.sqlite");
    let sound = std::fs::read(&database).expect("a database");
    let mark = std::fs::read(data.path().join("tip.mark")).expect("a mark");
    let (mut dice, mut refused) = (Dice(11), 0);
    for flip in 0..flips() {
        let copy = Data::new();
        std::fs::create_dir_all(copy.path()).expect("a directory");
        let (at, bit) = (dice.roll(sound.len()), dice.roll(8));
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << bit;
        std::fs::write(copy.path().join("node.sqlite"), damaged).expect("written");
        std::fs::write(copy.path().join("tip.mark"), &mark).expect("written");
        let arguments = on(&copy.path(), &["run", "--listen", "127.0.0.1:0"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let Ok(node) = Process::spawn(crate::harness::program(&arguments)) else {
            refused += 1;
            continue;
        };
        for (path, answer) in answers(&node, &paths).await {
            match answer {
                None => refused += 1,
                Some(_) => assert_eq!(
                    answer, expected[&path],
                    "flip {flip}, bit {bit} of byte {at}: {path}"
                ),
            }
        }
        node.kill();
    }
    println!("{} flips, {refused} refusals, 0 wrong answers", flips());
}

#[test]
fn a_node_whose_log_nobody_reads_any_more_still_stops_when_it_is_asked() {
    let data = Data::new();
    let arguments = on(&data.path(), &["run", "--listen", "127.0.0.1:0"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = program(&arguments);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = child.expect("the program starts");
    let mut log = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("the node serves") {
        line.clear();
        assert_ne!(log.read_line(&mut line).expect("a line"), 0, "it serves");
    }
    // From here on every line of the log is an error of its writer.
    drop(log);
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.expect("a signal").success());
    let patience = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if Instant::now() > patience {
            child.kill().expect("killed");
            panic!("it goes on for ever");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
}
