//! A full block from one node to another, whose transactions both know.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use synod_primitives::Block;

use crate::PAYOUT;
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

/// Full blocks from one node to the other, whose mempools hold their payments: first such as a
/// node of ours lays them out, then such as another program did.
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
    let pair = Pair {
        first: &first,
        second: &second,
        bytes: [&to_first.bytes, &to_second.bytes],
    };
    let (foreign, own) = blocks.split_at(RELAYED);
    pair.relay("laid out elsewhere", foreign, |connection, raw| {
        connection.request("POST", "/v1/blocks", "application/octet-stream", raw)
    })?;
    let mine = json!({"blocks": 1, "payout": PAYOUT}).to_string();
    pair.relay("as nodes lay it out", &own[..RELAYED], |connection, _| {
        connection.request("POST", "/dev/v1/mine", "application/json", mine.as_bytes())
    })?;
    second.stop()?;
    first.stop()
}

/// Two nodes that are peers.
struct Pair<'p> {
    first: &'p Node,
    second: &'p Node,
    /// What passes between them.
    bytes: [&'p AtomicU64; 2],
}

impl Pair<'_> {
    fn count(&self) -> u64 {
        self.bytes.iter().map(|it| it.load(Ordering::Relaxed)).sum()
    }

    /// Gives both the payments of each block, and the first the request that makes it theirs.
    fn relay(
        &self,
        what: &str,
        blocks: &[Bytes],
        request: impl Fn(&Connection, &[u8]) -> Vec<u8>,
    ) -> Result<()> {
        let (mut waits, mut sizes, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
        for raw in blocks {
            let block = Block::decode(raw)?;
            let payments = block.transactions()[1..].iter();
            let mut connection = Connection::open(self.first.address)?;
            let post = |body: &[u8]| {
                let form = "application/octet-stream";
                connection.request("POST", "/v1/transactions", form, body)
            };
            let requests: Vec<Vec<u8>> = payments.map(|it| post(it.raw())).collect();
            round(self.first, PAYERS, |index| {
                requests.get(index).map(Vec::as_slice)
            })?;
            let count_is = |status: &Value| status["transactions"] == requests.len();
            wait_for(self.second, "/v1/mempool", count_is)?;
            // Announcements that are still on their way belong to the payments.
            std::thread::sleep(Duration::from_millis(500));
            let request = request(&connection, raw);
            let (before, start) = (self.count(), Instant::now());
            let (status, answer) = connection.send(&request)?;
            ensure!(status == 200, "{}", String::from_utf8_lossy(answer));
            accepted.push(start.elapsed().as_secs_f64() * 1e3);
            let (_, answer) = connection.get("/v1/chain")?;
            let chain: Value = serde_json::from_slice(&answer).context("JSON")?;
            let hash = chain["best_block_hash"].clone();
            wait_for(self.second, "/v1/chain", |chain| {
                chain["best_block_hash"] == hash
            })?;
            waits.push(start.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(Duration::from_millis(200));
            sizes.push(self.count() - before);
            wait_for(self.first, "/v1/mempool", |it| it["transactions"] == 0)
                .context("a block holds all payments")?;
        }
        for list in [&mut waits, &mut accepted] {
            list.sort_by(f64::total_cmp);
        }
        sizes.sort_unstable();
        println!(
            "{:<44} {:>9.1} ms best {:>9.1} ms median, of it {:.1} ms until the first node answers; {} bytes best {} median",
            format!("a block of {} bytes, {what}", blocks[0].len()),
            waits[0],
            waits[RELAYED / 2],
            accepted[RELAYED / 2],
            sizes[0],
            sizes[RELAYED / 2],
        );
        Ok(())
    }
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
