//! Load on a node over REST, and what it stands: the figures of `docs/benchmarks.md`.
//!
//! `cargo run --release -p synod-node --example load -- CHAIN [PART]...`, where CHAIN is a file of
//! blocks whose last 20 hold independent signed payments, as `synod-bench chain` writes it, and a
//! PART is one of `mine`, `start`, `read`, `pay`, `attack`, `hostile`, `relay`, `sync`; all of these
//! without one. The part `ipv6` runs alone, where it has addresses: it says how. A row of the attack
//! catalogue, such as `P21`, in place of a PART measures that row alone. The node is the `synod-node`
//! beside this program's folder, or what `SYNOD_LOAD_NODE` names.
//!
//! The node is a process of its own; this one only sends requests that were made before, so
//! both share the machine and the figures are lower bounds.

mod attack;
mod between;
mod client;
mod hostile;
mod hosts;
mod ipv6;
mod led;
mod measure;
mod meddlers;
mod members;
mod process;
mod strangers;
mod sync;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use client::{Connection, Round, round, tell};
use process::Node;
use serde_json::{Value, json};
use synod_blockfile::{BlockFileWriter, BlockFiles};
use synod_primitives::{Block, Transaction};

/// Blocks whose payments are posted instead of imported.
const KEPT_BACK: usize = 20;
/// Rounds of each figure.
const ROUNDS: usize = 3;
/// Connections for the read routes.
const READERS: usize = 4;
/// Requests of one round of a small answer.
const SMALL_REQUESTS: usize = 40_000;
/// Requests of one round of a large answer.
const LARGE_REQUESTS: usize = 1_500;
/// Payments by one connection in a round, and by 16.
const PAYMENTS: [(usize, usize); 2] = [(1, 1_600), (16, 15_000)];
/// Starts that are timed.
const STARTS: usize = 5;
/// Where templates and mined blocks pay to.
const PAYOUT: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// What can be asked for.
const PARTS: [&str; 9] = [
    "mine", "start", "read", "pay", "attack", "hostile", "relay", "sync", IPV6,
];
/// The part that is left out where none is named: it needs a network of its own.
const IPV6: &str = "ipv6";
/// The parts of which single rows can be asked for.
const ROWS_OF: [&str; 2] = ["attack", "hostile"];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let chain = PathBuf::from(arguments.next().context("which file of blocks?")?);
    let (parts, rows): (Vec<String>, Vec<String>) =
        arguments.partition(|it| PARTS.contains(&it.as_str()));
    let is_row = |it: &String| it.len() >= 3 && it.as_bytes()[1..3].iter().all(u8::is_ascii_digit);
    ensure!(rows.iter().all(is_row), "the parts are {PARTS:?}");
    let is_wanted = |part: &str| match parts.is_empty() {
        true => part != IPV6 && (rows.is_empty() || ROWS_OF.contains(&part)),
        false => parts.iter().any(|it| it == part),
    };
    let program = match std::env::var_os("SYNOD_LOAD_NODE") {
        Some(program) => PathBuf::from(program),
        None => beside_this_folder()?,
    };
    if is_wanted(IPV6) {
        ipv6::check_addresses()?;
    }
    let folder = tempfile::tempdir()?;
    if is_wanted("mine") {
        mine_blocks(&program, &folder.path().join("mined"))?;
    }
    if is_wanted("sync") {
        sync::run(&program, &chain, folder.path())?;
    }
    if ["start", "read", "pay", "attack", "hostile", "relay", IPV6]
        .into_iter()
        .any(is_wanted)
    {
        on_the_chain(&program, &chain, folder.path(), &is_wanted, &rows)?;
    }
    Ok(())
}

/// The parts that need the chain without its last blocks.
fn on_the_chain(
    program: &Path,
    chain: &Path,
    folder: &Path,
    is_wanted: &dyn Fn(&str) -> bool,
    rows: &[String],
) -> Result<()> {
    let blocks: Vec<Bytes> = BlockFiles::find(chain)?
        .read()
        .map(|block| block.map(|block| block.raw))
        .collect::<Result<_, _>>()?;
    let payments = kept_back_payments(&blocks)?;
    let (present, new) = blocks.split_at(blocks.len() - KEPT_BACK);
    let full_block = present.last().context("a full block")?;
    let imported = folder.join("imported.dat");
    write_blocks(&imported, present)?;
    let data = folder.join("chain");
    process::import(program, &data, &imported)?;
    if is_wanted("start") {
        start_and_stop(program, &data)?;
    }
    let means = attack::Means {
        new_blocks: new,
        full_block,
        payments: &payments[payments.len() - 2_800..],
    };
    if is_wanted("hostile") {
        hostile::run(program, &data, &means, rows)?;
    }
    if is_wanted(IPV6) {
        ipv6::run(program, &data, full_block)?;
    }
    if is_wanted("read") || is_wanted("attack") {
        let running = Node::start(program, &data)?;
        if is_wanted("read") {
            read_routes(&running, full_block)?;
        }
        if is_wanted("attack") {
            attack::run(&running, &means, rows)?;
        }
        running.stop()?;
    }
    if is_wanted("attack") {
        members::run(program, &data, full_block, rows)?;
    }
    if is_wanted("pay") {
        let data = folder.join("paid");
        process::import(program, &data, &imported)?;
        let running = Node::start(program, &data)?;
        pay(&running, &payments)?;
        running.stop()?;
    }
    if is_wanted("relay") {
        between::relay(program, &imported, folder, new)?;
    }
    Ok(())
}

fn beside_this_folder() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let profile = this.parent().and_then(Path::parent).context("a folder")?;
    Ok(profile.join("synod-node"))
}

/// The payments of the last blocks, the coinbases left out.
fn kept_back_payments(blocks: &[Bytes]) -> Result<Vec<Transaction>> {
    ensure!(blocks.len() > KEPT_BACK, "the chain is too short");
    let mut payments = Vec::new();
    for raw in &blocks[blocks.len() - KEPT_BACK..] {
        payments.extend_from_slice(&Block::decode(raw)?.transactions()[1..]);
    }
    Ok(payments)
}

fn write_blocks(path: &Path, blocks: &[Bytes]) -> Result<()> {
    let mut writer = BlockFileWriter::new(BufWriter::new(File::create_new(path)?), None);
    for raw in blocks {
        writer.write(raw)?;
    }
    writer.finish()?.flush()?;
    Ok(())
}

fn rounds(mut one: impl FnMut() -> Result<Round>) -> Result<Vec<Round>> {
    (0..ROUNDS).map(|_| one()).collect()
}

/// 500 blocks in one request, durable when it is answered.
fn mine_blocks(program: &Path, data: &Path) -> Result<()> {
    let node = Node::start(program, data)?;
    let mut connection = Connection::open(node.address)?;
    let body = json!({"blocks": 500, "payout": PAYOUT}).to_string();
    let request = connection.request("POST", "/dev/v1/mine", "application/json", body.as_bytes());
    let mut rates = Vec::new();
    let before = node.cpu_seconds()?;
    for _ in 0..2 * ROUNDS {
        let start = Instant::now();
        let (status, body) = connection.send(&request)?;
        ensure!(status == 200, "{}", String::from_utf8_lossy(body));
        rates.push(500.0 / start.elapsed().as_secs_f64());
    }
    rates.sort_by(|a, b| b.total_cmp(a));
    println!(
        "{:<44} {:>9.0}/s best  {:>9.0}/s median  node {:>7.1} us CPU a block",
        "mine 500 empty blocks in one request",
        rates[0],
        rates[rates.len() / 2],
        (node.cpu_seconds()? - before) * 1e6 / (500.0 * rates.len() as f64)
    );
    node.stop()
}

fn start_and_stop(program: &Path, data: &Path) -> Result<()> {
    let mut starts = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..STARTS {
        let node = Node::start(program, data)?;
        starts.push(node.ready.as_secs_f64() * 1000.0);
        std::thread::sleep(std::time::Duration::from_secs(2));
        memory.push(node.memory_mb()?);
        node.stop()?;
    }
    for list in [&mut starts, &mut memory] {
        list.sort_by(f64::total_cmp);
    }
    println!(
        "{:<44} {:>9.0} ms best {:>9.0} ms median; idle {:.0} MB",
        "start to ready, chain present",
        starts[0],
        starts[STARTS / 2],
        memory[STARTS / 2]
    );
    Ok(())
}

fn read_routes(node: &Node, full_block: &Bytes) -> Result<()> {
    let block = Block::decode(full_block)?;
    let count = block.transactions().len() - 1;
    let hash = block.hash();
    let one = block.transactions()[count / 2].txid();
    let connection = Connection::open(node.address)?;
    let figure = |what: &str, paths: &[String], requests: usize| -> Result<()> {
        let all: Vec<Vec<u8>> = paths
            .iter()
            .map(|path| connection.request("GET", path, "", &[]))
            .collect();
        let next = |index: usize| (index < requests).then(|| &all[index % all.len()][..]);
        tell(what, rounds(|| round(node, READERS, next))?);
        Ok(())
    };
    figure("chain", &["/v1/chain".to_owned()], SMALL_REQUESTS)?;
    let ids = format!("/v1/blocks/{hash}");
    figure(
        &format!("block of {count} payments, JSON with ids"),
        &[ids],
        LARGE_REQUESTS,
    )?;
    let full = format!("/v1/blocks/{hash}?transactions=full");
    figure("same, JSON with transactions", &[full], LARGE_REQUESTS)?;
    let raw = format!("/v1/blocks/{hash}/raw");
    figure("same, raw", &[raw], LARGE_REQUESTS)?;
    let repeated = format!("/v1/transactions/{one}");
    figure("transaction, the same again", &[repeated], SMALL_REQUESTS)?;
    let each: Vec<String> = block.transactions()[1..]
        .iter()
        .map(|tx| format!("/v1/transactions/{}", tx.txid()))
        .collect();
    figure("transaction, each of a block", &each, SMALL_REQUESTS)?;
    figure("state", &["/v1/state".to_owned()], SMALL_REQUESTS)
}

/// Payments by one connection and by 16, and templates of what they leave.
fn pay(node: &Node, payments: &[Transaction]) -> Result<()> {
    let connection = Connection::open(node.address)?;
    let request = |tx: &Transaction| {
        let kind = "application/octet-stream";
        connection.request("POST", "/v1/transactions", kind, tx.raw())
    };
    let requests: Vec<Vec<u8>> = payments.iter().map(request).collect();
    let mut given = 0;
    for (connections, per_round) in PAYMENTS {
        let figure = rounds(|| {
            let part = &requests[given..given + per_round];
            given += per_round;
            round(node, connections, |index| {
                part.get(index).map(Vec::as_slice)
            })
        })?;
        tell(&format!("payments, {connections} connections"), figure);
        let mut connection = Connection::open(node.address)?;
        let (_, body) = connection.get("/v1/mempool")?;
        let status: Value = serde_json::from_slice(&body)?;
        template(node, &status["transactions"], &mut requests[given..].iter())?;
        given += 2 * TEMPLATES;
    }
    Ok(())
}

/// Templates of each kind that are timed.
const TEMPLATES: usize = 15;

/// Times templates, each after another payment has changed the mempool.
fn template<'r>(
    node: &Node,
    entries: &Value,
    payments: &mut impl Iterator<Item = &'r Vec<u8>>,
) -> Result<()> {
    let mut connection = Connection::open(node.address)?;
    for (what, query) in [
        ("to mine", ""),
        ("with its transactions", "&transactions=true"),
    ] {
        let path = format!("/v1/mining/template?payout={PAYOUT}{query}");
        let request = connection.request("GET", &path, "", &[]);
        let mut times = Vec::new();
        let mut node_seconds = 0.0;
        for payment in payments.by_ref().take(TEMPLATES) {
            let (status, _) = connection.send(payment)?;
            ensure!(status == 200, "a payment was refused");
            let before = node.cpu_seconds()?;
            let start = Instant::now();
            let (status, _) = connection.send(&request)?;
            ensure!(status == 200, "no template");
            node_seconds += node.cpu_seconds()? - before;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{:<44} {:>9.2} ms best {:>9.2} ms median; node {:>5.1} ms CPU",
            format!("template {what}, {entries} entries"),
            times[0],
            times[times.len() / 2],
            node_seconds * 1e3 / times.len() as f64
        );
    }
    Ok(())
}
