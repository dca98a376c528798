//! Rows of the attack catalogue's part (c) against a node, beside an honest reader whose waits
//! are what counts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use synod_primitives::{Block, Transaction};

#[path = "strangers.rs"]
mod strangers;

use crate::client::Connection;
use crate::process::Node;

/// How long each row lasts.
const ROW: Duration = Duration::from_secs(4);
/// The honest reader's pause between two requests.
const PAUSE: Duration = Duration::from_millis(2);
/// Attackers at once, where the row says nothing else.
const ATTACKERS: usize = 8;
/// Connections that are held open with half a header.
const HELD: usize = 200;

/// What the attackers have to work with.
pub(crate) struct Means<'m> {
    /// Blocks that the node does not have, on its tip.
    pub(crate) new_blocks: &'m [Bytes],
    /// A full block that it has.
    pub(crate) full_block: &'m Bytes,
    /// Payments that are valid.
    pub(crate) payments: &'m [Transaction],
}

/// What an attacker sends, again and again: whole requests, over one connection as long as it
/// stays open.
struct Attack {
    what: &'static str,
    requests: Vec<Vec<u8>>,
    attackers: usize,
    pause: Duration,
}

impl Attack {
    fn new(what: &'static str, requests: Vec<Vec<u8>>) -> Self {
        Self {
            what,
            requests,
            attackers: ATTACKERS,
            pause: Duration::ZERO,
        }
    }
}

/// Runs all rows.
pub(crate) fn run(node: &Node, means: &Means<'_>) -> Result<()> {
    let honest = honest_requests(node, means.full_block)?;
    let nobody = Attack {
        attackers: 0,
        ..Attack::new("nobody attacks", Vec::new())
    };
    row(node, &honest, &nobody)?;
    for attack in attacks(node, means)?
        .into_iter()
        .chain(strangers::attacks(node, means)?)
    {
        row(node, &honest, &attack)?;
    }
    for (what, half) in [
        (
            "P11 200 connections with half a header",
            "GET /v1/chain HTTP/1.1\r\nhost: 127",
        ),
        (
            "P11 200 connections with half a body",
            "POST /v1/blocks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: \
             application/octet-stream\r\ncontent-length: 1000\r\n\r\nhalf",
        ),
    ] {
        let held: Vec<TcpStream> = (0..HELD)
            .filter_map(|_| {
                let mut stream = TcpStream::connect(node.address).ok()?;
                stream.write_all(half.as_bytes()).ok()?;
                Some(stream)
            })
            .collect();
        let silent = Attack {
            what,
            attackers: 0,
            ..Attack::new(what, Vec::new())
        };
        row(node, &honest, &silent)?;
        drop(held);
    }
    let blocks = means.new_blocks.iter();
    let connection = Connection::open(node.address)?;
    let post = |raw: &Bytes| connection.request("POST", "/v1/blocks", OCTETS, raw);
    let connecting = Attack {
        attackers: 1,
        pause: ROW / 20,
        ..Attack::new("full blocks connect", blocks.map(post).collect())
    };
    row(node, &honest, &connecting)
}

const OCTETS: &str = "application/octet-stream";
const JSON: &str = "application/json";

fn honest_requests(node: &Node, full_block: &Bytes) -> Result<Vec<Vec<u8>>> {
    let connection = Connection::open(node.address)?;
    let block = Block::decode(full_block)?;
    let mut paths = vec!["/v1/chain".to_owned(), "/v1/mempool".to_owned()];
    paths.push(format!("/v1/blocks/{}", block.hash()));
    for transaction in block.transactions().iter().skip(1).step_by(97) {
        paths.push(format!("/v1/transactions/{}", transaction.txid()));
        paths.push(format!("/v1/outputs/{}/0", transaction.txid()));
    }
    let get = |path: &String| connection.request("GET", path, "", &[]);
    Ok(paths.iter().map(get).collect())
}

fn attacks(node: &Node, means: &Means<'_>) -> Result<Vec<Attack>> {
    let connection = Connection::open(node.address)?;
    let get = |path: &str| connection.request("GET", path, "", &[]);
    let post = |path: &str, kind: &str, body: &[u8]| connection.request("POST", path, kind, body);
    let block = Block::decode(means.full_block)?;
    let session = shake_hands(node)?;
    let seated = |path: &str, kind: &str, body: &[u8]| {
        with(
            &format!("x-synod-session: {session}"),
            &post(path, kind, body),
        )
    };
    let ids = |count: usize, mark: usize| -> Vec<String> {
        (0..count)
            .map(|at| format!("{:064x}", at * 8_191 + mark))
            .collect()
    };
    let spoilt = |payment: &Transaction| {
        // The last byte but four of a payment belongs to its key.
        let mut raw = payment.raw().to_vec();
        let at = raw.len() - 60;
        raw[at] ^= 1;
        post("/v1/transactions", OCTETS, &raw)
    };
    let mutated = {
        let mut raw = means.full_block.to_vec();
        let at = raw.len() - 60;
        raw[at] ^= 1;
        raw
    };
    let storm = |mark| {
        let body = json!({ "transactions": ids(5_000, mark) }).to_string();
        seated("/p2p/v1/announce", JSON, body.as_bytes())
    };
    let locator = |count| {
        let body = json!({ "locator": ids(count, 7) }).to_string();
        post("/p2p/v1/headers", JSON, body.as_bytes())
    };
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let numbers = [
        r#"{"blocks":1e400}"#,
        r#"{"blocks":-1}"#,
        r#"{"blocks":01}"#,
    ];
    let hash = block.hash();
    let full = format!("/v1/blocks/{hash}?transactions=full");
    Ok(vec![
        Attack::new(
            "P03 the same mutated block of a megabyte",
            vec![post("/v1/blocks", OCTETS, &mutated)],
        ),
        Attack::new(
            "P06 announcements of 5,000 unknown ids",
            (0..16).map(storm).collect(),
        ),
        Attack::new(
            "P07 locators of 101 and 102 hashes",
            vec![locator(101), locator(102)],
        ),
        Attack::new(
            "P12 bodies of 5 MB",
            vec![post("/v1/transactions", OCTETS, &vec![0x5a; 5_000_000])],
        ),
        Attack::new(
            "P13 compressed bodies",
            vec![with(
                "content-encoding: gzip",
                &post("/v1/transactions", OCTETS, &[0x1f; 9_000]),
            )],
        ),
        Attack::new(
            "P14 JSON that nests 100,000 times",
            vec![post("/v1/mining/submit", JSON, nested.as_bytes())],
        ),
        Attack::new(
            "P15 numbers that are none",
            numbers
                .map(|it| post("/dev/v1/mine", JSON, it.as_bytes()))
                .into(),
        ),
        Attack::new(
            "P16 hashes in other forms",
            vec![
                get(&format!("/v1/blocks/0x{hash}")),
                get(&format!("/v1/blocks/{}", hash.to_string().to_uppercase())),
            ],
        ),
        Attack::new(
            "P25 junk of 4 MB between nodes",
            vec![seated(
                "/p2p/v1/push/blocks",
                OCTETS,
                &vec![0xa5; 4_000_000],
            )],
        ),
        Attack::new("P26 the largest answer again and again", vec![get(&full)]),
        Attack::new(
            "P28 two lengths of one body",
            vec![with(
                "transfer-encoding: chunked",
                &post("/v1/blocks", OCTETS, b"0\r\n\r\n"),
            )],
        ),
        Attack::new(
            "M15 payments with spoilt signatures",
            means.payments.iter().map(spoilt).collect(),
        ),
        Attack {
            attackers: 64,
            ..Attack::new(
                "W07 64 at once ask for states and templates",
                vec![
                    get("/v1/state"),
                    get("/v1/mempool/entries?limit=1000"),
                    get("/v1/chain/tips"),
                ],
            )
        },
    ])
}

/// Puts a line among the headers of a request.
fn with(line: &str, request: &[u8]) -> Vec<u8> {
    let at = request.windows(2).position(|it| it == b"\r\n");
    let at = at.map_or(0, |at| at + 2);
    [&request[..at], line.as_bytes(), b"\r\n", &request[at..]].concat()
}

/// What a peer says when it greets the node.
fn greeting(node: &Node) -> Result<Value> {
    let mut connection = Connection::open(node.address)?;
    let (_, body) = connection.get("/v1/chain")?;
    let chain: Value = serde_json::from_slice(&body)?;
    Ok(json!({
        "protocol_version": 1,
        "chain_id": chain["chain_id"],
        "network": chain["network"],
        "agent": "load",
        "node_id": "0123456789abcdef0123456789abcdef",
        "height": 0,
        "best_block_hash": chain["best_block_hash"],
        "chainwork": chain["chainwork"],
        "time": std::time::UNIX_EPOCH.elapsed()?.as_secs(),
    }))
}

/// Greets the node as a peer; returns the session.
fn shake_hands(node: &Node) -> Result<String> {
    let mut connection = Connection::open(node.address)?;
    let body = greeting(node)?;
    let request = connection.request(
        "POST",
        "/p2p/v1/handshake",
        JSON,
        body.to_string().as_bytes(),
    );
    let (status, body) = connection.send(&request)?;
    let text = String::from_utf8_lossy(body).into_owned();
    let answer: Value = serde_json::from_str(&text)?;
    let session = answer["session"].as_str().map(str::to_owned);
    session.with_context(|| format!("a session: {status} {text}"))
}

fn row(node: &Node, honest: &[Vec<u8>], attack: &Attack) -> Result<()> {
    let stop = AtomicBool::new(false);
    let sent = AtomicUsize::new(0);
    let start = Instant::now();
    let waits: Result<Vec<u32>> = std::thread::scope(|scope| {
        for attacker in 0..attack.attackers {
            let (stop, sent) = (&stop, &sent);
            scope.spawn(move || bother(node, attack, attacker, (stop, sent)));
        }
        let waits = read_honestly(node, honest);
        stop.store(true, Ordering::Relaxed);
        waits
    });
    let mut waits = waits?;
    let seconds = start.elapsed().as_secs_f64();
    waits.sort_unstable();
    let percentile = |percent: usize| {
        let place = (waits.len() - 1) * percent / 100;
        f64::from(waits[place]) / 1000.0
    };
    println!(
        "{:<44} {:>9.0} attacks/s   honest p50 {:>8.2} ms  p99 {:>8.2} ms  longest {:>8.2} ms",
        attack.what,
        sent.load(Ordering::Relaxed) as f64 / seconds,
        percentile(50),
        percentile(99),
        percentile(100),
    );
    Ok(())
}

/// Asks for what a client asks for, one after the other; returns the waits in microseconds.
fn read_honestly(node: &Node, requests: &[Vec<u8>]) -> Result<Vec<u32>> {
    let mut connection = Connection::open(node.address)?;
    let (mut waits, start) = (Vec::new(), Instant::now());
    for request in requests.iter().cycle() {
        if start.elapsed() > ROW {
            break;
        }
        let sent = Instant::now();
        let (status, _) = connection.send(request)?;
        anyhow::ensure!(status == 200, "an honest reader was answered {status}");
        waits.push(u32::try_from(sent.elapsed().as_micros())?);
        std::thread::sleep(PAUSE);
    }
    Ok(waits)
}

/// Sends what the attack says until it is over; a connection that ends is opened anew.
fn bother(
    node: &Node,
    attack: &Attack,
    attacker: usize,
    (stop, sent): (&AtomicBool, &AtomicUsize),
) {
    let mut connection: Option<TcpStream> = None;
    let mut answer = vec![0; 1 << 16];
    let share = attack
        .requests
        .iter()
        .skip(attacker)
        .step_by(attack.attackers);
    let own: Vec<&Vec<u8>> = match attack.requests.len() >= attack.attackers {
        true => share.collect(),
        false => attack.requests.iter().collect(),
    };
    for request in own.into_iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let open = connection.take().or_else(|| {
            let stream = TcpStream::connect(node.address).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
            Some(stream)
        });
        connection = open.and_then(|mut stream| {
            stream.write_all(request).ok()?;
            read_answer(&mut stream, &mut answer)?;
            Some(stream)
        });
        sent.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(attack.pause);
    }
}

/// Reads one answer and forgets it; `None` when the connection ends with it.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<()> {
    let mut filled = 0;
    let head = loop {
        let count = stream.read(buffer.get_mut(filled..)?).ok()?;
        if count == 0 {
            return None;
        }
        filled += count;
        let end = buffer[..filled].windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?;
    let mut left = length.parse::<usize>().ok()?.checked_sub(filled - head)?;
    while left > 0 {
        let part = left.min(buffer.len());
        let count = stream.read(&mut buffer[..part]).ok()?;
        left = left.checked_sub(count).filter(|_| count > 0)?;
    }
    Some(())
}
