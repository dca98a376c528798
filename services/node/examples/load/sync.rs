//! A new node that takes a whole chain from another, beside the import of the same file.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use synod_blockfile::BlockFiles;
use synod_primitives::Block;

use crate::client::Connection;
use crate::process::{Imported, Node, PORT, import};

/// Rounds, each with an import.
const ROUNDS: usize = 3;
/// How long a sync may take.
const PATIENCE: Duration = Duration::from_secs(100);
/// How often the tip is asked for: seldom enough that it costs nothing.
const LOOK: Duration = Duration::from_millis(5);
/// The pause of an honest reader between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// What one sync took.
struct Synced {
    imported: Imported,
    seconds: f64,
    cpu_seconds: f64,
    peer_cpu_seconds: f64,
    peak_mb: f64,
    /// Of an honest reader, in milliseconds.
    waits: Vec<f64>,
}

impl Synced {
    fn ratio(&self) -> f64 {
        self.imported.seconds / self.seconds
    }
}

/// Several syncs, then one beside which an honest reader asks.
pub(crate) fn run(program: &Path, chain: &Path, folder: &Path) -> Result<()> {
    let first = BlockFiles::find(chain)?.read().nth(1);
    let first = Block::decode(&first.context("a second block")??.raw)?;
    let output = format!("/v1/outputs/{}/0", first.transactions()[0].txid());
    let mut rounds = (0..ROUNDS)
        .map(|_| once(program, chain, folder, None))
        .collect::<Result<Vec<_>>>()?;
    rounds.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    for (name, it) in [("best", &rounds[0]), ("median", &rounds[ROUNDS / 2])] {
        println!(
            "{:<44} {:>9.2} s {name}; import {:.2} s; ratio {:.2}; CPU seconds {:.2}, its peer {:.2}, import {:.2}; peak {:.0} MB",
            "sync of the chain from a peer, with the start",
            it.seconds,
            it.imported.seconds,
            it.ratio(),
            it.cpu_seconds,
            it.peer_cpu_seconds,
            it.imported.cpu_seconds,
            it.peak_mb,
        );
    }
    let mut read = once(program, chain, folder, Some(&output))?;
    read.waits.sort_by(f64::total_cmp);
    let percentile = |percent: usize| read.waits[(read.waits.len() - 1) * percent / 100];
    println!(
        "{:<44} {:>9.2} s; {} reads, p50 {:.2} ms, p99 {:.1} ms, longest {:.1} ms",
        "the same beside an honest reader",
        read.seconds,
        read.waits.len(),
        percentile(50),
        percentile(99),
        percentile(100),
    );
    Ok(())
}

fn once(program: &Path, chain: &Path, folder: &Path, output: Option<&str>) -> Result<Synced> {
    let data = ["source", "target"].map(|name| folder.join(name));
    let imported = import(program, &data[0], chain)?;
    let source = Node::start(program, &data[0])?;
    let tip = tip_of(&mut Connection::open(source.address)?)?;
    let peer = format!("http://{}", source.address);
    let peer_before = source.cpu_seconds()?;
    let start = Instant::now();
    let target = Node::start_with(program, &data[1], PORT + 1, &["--peer", &peer])?;
    let is_over = AtomicBool::new(false);
    let (seconds, waits) = std::thread::scope(|scope| {
        let reader = output.map(|it| scope.spawn(|| read(&target, it, &is_over)));
        let seconds = wait_for_tip(&target, &tip, start);
        is_over.store(true, Ordering::Relaxed);
        let waits = reader.map_or(Ok(Vec::new()), |it| it.join().expect("no panic"));
        (seconds, waits)
    });
    let synced = Synced {
        imported,
        seconds: seconds?,
        cpu_seconds: target.cpu_seconds()?,
        peer_cpu_seconds: source.cpu_seconds()? - peer_before,
        peak_mb: target.peak_memory_mb()?,
        waits: waits?,
    };
    target.stop()?;
    source.stop()?;
    for directory in &data {
        std::fs::remove_dir_all(directory)?;
    }
    Ok(synced)
}

fn wait_for_tip(node: &Node, tip: &str, start: Instant) -> Result<f64> {
    let mut connection = Connection::open(node.address)?;
    while tip_of(&mut connection)? != tip {
        ensure!(start.elapsed() < PATIENCE, "the tip is never reached");
        std::thread::sleep(LOOK);
    }
    Ok(start.elapsed().as_secs_f64())
}

fn tip_of(connection: &mut Connection) -> Result<String> {
    let (_, body) = connection.get("/v1/chain")?;
    let chain: serde_json::Value = serde_json::from_slice(&body).context("JSON")?;
    let hash = chain["best_block_hash"].as_str().context("a hash")?;
    Ok(hash.to_owned())
}

/// Asks for the chain and for an output, which only the chain thread knows; returns the waits in
/// milliseconds. While the block of the output is not there the answer is 404.
fn read(node: &Node, output: &str, is_over: &AtomicBool) -> Result<Vec<f64>> {
    let mut connection = Connection::open(node.address)?;
    let mut waits = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        for path in ["/v1/chain", output] {
            let sent = Instant::now();
            let (status, _) = connection.get(path)?;
            ensure!([200, 404, 503].contains(&status), "answered {status}");
            waits.push(sent.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(PAUSE);
        }
    }
    Ok(waits)
}
