//! One keep-alive connection that costs next to nothing: whole requests in one write, answers
//! read by their `content-length`, or in chunks to the last.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::Node;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The kind of binary bodies.
pub(crate) const OCTETS: &str = "application/octet-stream";
/// The kind of JSON bodies.
pub(crate) const JSON: &str = "application/json";

/// A connection to a node.
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        Self::over(TcpStream::connect(address)?, address)
    }

    /// Speaks over a stream that was opened in another way.
    pub(crate) fn over(stream: TcpStream, address: SocketAddr) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            address,
            buffer: vec![0; 1 << 20],
        })
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<(u16, Vec<u8>)> {
        let request = self.request("GET", path, "", &[]);
        let (status, body) = self.send(&request)?;
        Ok((status, body.to_vec()))
    }

    pub(crate) fn request(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if method != "GET" {
            let length = body.len();
            request.push_str(&format!(
                "content-type: {kind}\r\ncontent-length: {length}\r\n"
            ));
        }
        request.push_str("\r\n");
        [request.as_bytes(), body].concat()
    }

    /// Sends a request as it is and reads the answer; a body in chunks is given as it came.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let head = loop {
            let count = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(count > 0, "the node closed the connection");
            filled += count;
            if let Some(end) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.split(' ').nth(1).context("a status")?.parse()?;
        let length: usize = match text.split("content-length: ").nth(1) {
            Some(rest) => rest.split("\r\n").next().unwrap_or_default().parse()?,
            None if status == 204 || status == 304 => 0,
            None if text.contains("transfer-encoding: chunked") => {
                let end = self.read_chunks(head, filled)?;
                return Ok((status, &self.buffer[head..end]));
            }
            None => bail!("an answer without its length"),
        };
        let whole = head + length;
        if self.buffer.len() < whole {
            self.buffer.resize(whole, 0);
        }
        self.stream.read_exact(&mut self.buffer[filled..whole])?;
        Ok((status, &self.buffer[head..whole]))
    }

    /// Reads until the last chunk, which is empty, and returns where the body ends.
    fn read_chunks(&mut self, head: usize, mut filled: usize) -> Result<usize> {
        const LAST: &[u8] = b"0\r\n\r\n";
        while !self.buffer[head..filled].ends_with(LAST) {
            if filled == self.buffer.len() {
                self.buffer.resize(2 * filled, 0);
            }
            let count = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(count > 0, "the node closed the connection");
            filled += count;
        }
        Ok(filled)
    }
}

/// Puts a line among the headers of a request.
pub(crate) fn with(line: &str, request: &[u8]) -> Vec<u8> {
    let at = request.windows(2).position(|it| it == b"\r\n");
    let at = at.map_or(0, |at| at + 2);
    [&request[..at], line.as_bytes(), b"\r\n", &request[at..]].concat()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|it| it == wanted)
}

/// What a round of requests took.
pub(crate) struct Round {
    latencies_us: Vec<u32>,
    seconds: f64,
    /// CPU time of the node, in seconds.
    node_seconds: f64,
}

impl Round {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies_us.len() as f64 / self.seconds
    }

    fn node_us(&self) -> f64 {
        self.node_seconds * 1e6 / self.latencies_us.len().max(1) as f64
    }

    fn percentile(&self, percent: usize) -> f64 {
        let place = (self.latencies_us.len().max(1) - 1) * percent / 100;
        self.latencies_us.get(place).copied().unwrap_or_default() as f64 / 1000.0
    }
}

/// Sends requests over several connections, each from its own thread, until `next` has none; all
/// must be answered with 200.
pub(crate) fn round<'r>(
    node: &Node,
    connections: usize,
    next: impl Fn(usize) -> Option<&'r [u8]> + Sync,
) -> Result<Round> {
    let taken = std::sync::atomic::AtomicUsize::new(0);
    let address = node.address;
    let before = node.cpu_seconds()?;
    let start = Instant::now();
    let latencies: Result<Vec<Vec<u32>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<u32>> {
                    let mut connection = Connection::open(address)?;
                    let mut latencies = Vec::new();
                    loop {
                        let index = taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(request) = next(index) else {
                            return Ok(latencies);
                        };
                        let sent = Instant::now();
                        let (status, body) = connection.send(request)?;
                        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
                        latencies.push(u32::try_from(sent.elapsed().as_micros())?);
                    }
                })
            })
            .collect();
        let joined = threads.into_iter().map(|it| it.join().expect("no panic"));
        joined.collect()
    });
    let mut latencies_us = latencies?.concat();
    let seconds = start.elapsed().as_secs_f64();
    latencies_us.sort_unstable();
    Ok(Round {
        latencies_us,
        seconds,
        node_seconds: node.cpu_seconds()? - before,
    })
}

/// Prints the best and the median of several rounds.
pub(crate) fn tell(what: &str, mut rounds: Vec<Round>) {
    rounds.sort_by(|a, b| b.per_second().total_cmp(&a.per_second()));
    let (best, median) = (&rounds[0], &rounds[rounds.len() / 2]);
    println!(
        "{what:<44} {:>9.0}/s best  {:>9.0}/s median  p50 {:>8.3} ms  p99 {:>8.3} ms  node {:>7.1} us CPU",
        best.per_second(),
        median.per_second(),
        median.percentile(50),
        median.percentile(99),
        median.node_us(),
    );
}
