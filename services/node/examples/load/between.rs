//! A full block from one node to another, whose transactions both know.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use synod_primitives::Block;

use crate::client::{Connection, round};
use crate::process::{Node, PORT, import};

/// Blocks that are relayed.
const RELAYED: usize = 8;
/// Connections that the payments of a block are posted over.
const PAYERS: usize = 8;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(100);

/// Counts what passes through a port, in both directions.
struct Counted {
    port: u16,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    /// Passes on to `target` what comes in on a port of loopback; the threads end with the process.
    fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let counted = Self {
            port: listener.local_addr()?.port(),
            bytes: Arc::default(),
        };
        let bytes = Arc::clone(&counted.bytes);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(other) = TcpStream::connect(target) else {
                    continue;
                };
                for (from, to) in [(&stream, &other), (&other, &stream)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                        continue;
                    };
                    let bytes = Arc::clone(&bytes);
                    std::thread::spawn(move || pass(from, to, &bytes));
                }
            }
        });
        Ok(counted)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, bytes: &AtomicU64) {
    let mut buffer = vec![0; 1 << 16];
    // Errors say that one side has closed.
    let _ = to.set_nodelay(true);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        bytes.fetch_add(count as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Full blocks from one node to the other, whose mempools hold their payments.
pub(crate) fn relay(program: &Path, file: &Path, folder: &Path, blocks: &[Bytes]) -> Result<()> {
    let data = ["first", "second"].map(|name| folder.join(name));
    for directory in &data {
        import(program, directory, file)?;
    }
    let [to_first, to_second] = [PORT, PORT + 1].map(|port| {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Counted::start(address)
    });
    let (to_first, to_second) = (to_first?, to_second?);
    // Each says that it listens where the bytes are counted.
    let (peer, announced) = (to_first.url(), to_second.url());
    let own = ["--announce", &peer, "--allow-private"];
    let first = Node::start_with(program, &data[0], PORT, &own)?;
    let more = ["--peer", &peer, "--announce", &announced, "--allow-private"];
    let second = Node::start_with(program, &data[1], PORT + 1, &more)?;
    wait_for(&second, "/v1/chain", |chain| {
        chain["peer_count"].as_u64() >= Some(1)
    })?;
    let count = || to_first.bytes.load(Ordering::Relaxed) + to_second.bytes.load(Ordering::Relaxed);
    let (mut waits, mut sizes, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
    for raw in &blocks[..RELAYED] {
        let block = Block::decode(raw)?;
        let payments = block.transactions()[1..].iter();
        let mut connection = Connection::open(first.address)?;
        let post = |path: &str, body: &[u8]| {
            connection.request("POST", path, "application/octet-stream", body)
        };
        let requests: Vec<Vec<u8>> = payments
            .map(|it| post("/v1/transactions", it.raw()))
            .collect();
        let request = post("/v1/blocks", raw);
        round(&first, PAYERS, |index| {
            requests.get(index).map(Vec::as_slice)
        })?;
        let count_is = |status: &Value| status["transactions"] == requests.len();
        wait_for(&second, "/v1/mempool", count_is)?;
        // Announcements that are still on their way belong to the payments.
        std::thread::sleep(Duration::from_millis(500));
        let (before, start) = (count(), Instant::now());
        let (status, answer) = connection.send(&request)?;
        ensure!(status == 200, "{}", String::from_utf8_lossy(answer));
        accepted.push(start.elapsed().as_secs_f64() * 1e3);
        let hash = block.hash().to_string();
        wait_for(&second, "/v1/chain", |chain| {
            chain["best_block_hash"] == hash
        })?;
        waits.push(start.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(200));
        sizes.push(count() - before);
    }
    for list in [&mut waits, &mut accepted] {
        list.sort_by(f64::total_cmp);
    }
    sizes.sort_unstable();
    println!(
        "{:<44} {:>9.1} ms best {:>9.1} ms median, of it {:.1} ms until the first node answers; {} bytes best {} median",
        format!("a block of {} bytes to a second node", blocks[0].len()),
        waits[0],
        waits[RELAYED / 2],
        accepted[RELAYED / 2],
        sizes[0],
        sizes[RELAYED / 2],
    );
    second.stop()?;
    first.stop()
}

fn wait_for(node: &Node, path: &str, is_there: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut connection = Connection::open(node.address)?;
    let request = connection.request("GET", path, "", &[]);
    let start = Instant::now();
    loop {
        let (_, body) = connection.send(&request)?;
        let answer: Value = serde_json::from_slice(body).context("JSON")?;
        if is_there(&answer) {
            return Ok(answer);
        }
        ensure!(start.elapsed() < PATIENCE, "{path} stays {answer}");
        std::thread::sleep(Duration::from_micros(500));
    }
}
