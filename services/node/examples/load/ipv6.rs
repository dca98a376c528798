//! Strangers from ever new IPv6 addresses, each in a /64 of its own: greeted once, discouraged at
//! once, and never from there again.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};

use crate::client::{Connection, JSON, OCTETS, with};
use crate::measure::{ATTACKERS, Reader};
use crate::process::{Node, PORT};
use crate::strangers::{greeting, headers_with_a_gap};

/// What gives a process all addresses of [`address`], in a network of its own.
const COMMAND: &str = "unshare -rn sh -c \"ip link set lo up && \
    ip -6 route add local 2001:db8::/32 dev lo && \
    echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind && \
    exec target/release/examples/load blk00000.dat ipv6\"";
/// The name of the row.
const WHAT: &str = "P10 misbehaviour from ever new IPv6 networks";
/// The /64 of a peer that does no harm.
const HONEST: u32 = u32::MAX;
/// The /64 of one who comes after all others.
const NEWCOMER: u32 = HONEST - 1;

/// Returns an address of a /64 of the prefix for documentation (RFC 3849).
fn address(network: u32, host: u16) -> Ipv6Addr {
    let [a, b, c, d] = network.to_be_bytes();
    let part = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0x2001, 0xdb8, part(a, b), part(c, d), 0, 0, 0, host)
}

/// Fails with the command to run where the addresses are not this machine's.
pub(crate) fn check_addresses() -> Result<()> {
    let own = || TcpStream::connect(TcpListener::bind((address(0, 1), 0))?.local_addr()?);
    own().map(drop).with_context(|| {
        format!("the part ipv6 needs all addresses of 2001:db8::/32; run it as {COMMAND}")
    })
}

/// Runs the row on a node that was just started.
pub(crate) fn run(program: &Path, data: &Path, full_block: &Bytes) -> Result<()> {
    let listen = SocketAddr::from((Ipv6Addr::LOCALHOST, PORT));
    let node = Node::start_at(program, data, listen, &[])?;
    let reader = Reader::new(&node, full_block, &[])?;
    let stranger = || Stranger::new(&node);
    let judge = stranger()?;
    let (status, honest) = judge.greet(address(HONEST, 1))?;
    ensure!(status == 200, "an honest peer is refused: {honest}");
    judge.misbehave(address(0, 1))?;
    judge.must_be_refused(address(0, 2))?;

    let (next, count) = (AtomicU32::new(1), AtomicUsize::new(0));
    let attack = |_: usize, stop: &AtomicBool| -> Result<()> {
        let stranger = stranger()?;
        while !stop.load(Ordering::Relaxed) {
            let network = next.fetch_add(1, Ordering::Relaxed);
            stranger.misbehave(address(network, 1))?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    reader.beside(&node, WHAT, ATTACKERS, &attack, &count)?;
    let last = next.load(Ordering::Relaxed);
    // The last ones are remembered, however many there were.
    for network in last.saturating_sub(1_000).max(1)..last {
        judge.must_be_refused(address(network, 2))?;
    }
    let (status, text) = judge.greet(address(NEWCOMER, 1))?;
    ensure!(status == 200, "a newcomer is refused: {text}");
    judge.must_be_seated(address(HONEST, 2), &honest)?;
    node.stop()
}

/// Speaks to a node from any address.
struct Stranger {
    runtime: Runtime,
    node: SocketAddr,
    greeting: Value,
    /// Headers that no honest peer posts.
    gap: Vec<u8>,
}

impl Stranger {
    fn new(node: &Node) -> Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_io().build()?,
            node: node.address,
            greeting: greeting(node)?,
            gap: headers_with_a_gap(),
        })
    }

    fn come_from(&self, address: Ipv6Addr) -> Result<Connection> {
        let stream = self.runtime.block_on(async {
            let socket = TcpSocket::new_v6()?;
            socket.bind((address, 0).into())?;
            socket.connect(self.node).await?.into_std()
        })?;
        stream.set_nonblocking(false)?;
        Connection::over(stream, self.node)
    }

    /// Greets from an address, over a connection of its own.
    fn greet(&self, address: Ipv6Addr) -> Result<(u16, String)> {
        self.greet_over(&mut self.come_from(address)?, address)
    }

    /// Greets as a peer that is nobody else; returns status and body of the answer.
    fn greet_over(&self, connection: &mut Connection, own: Ipv6Addr) -> Result<(u16, String)> {
        let mut greeting = self.greeting.clone();
        greeting["node_id"] = format!("{:032x}", own.to_bits()).into();
        let body = greeting.to_string();
        let request = connection.request("POST", "/p2p/v1/handshake", JSON, body.as_bytes());
        let (status, body) = connection.send(&request)?;
        Ok((status, String::from_utf8_lossy(body).into_owned()))
    }

    /// Greets from an address where nobody was before, and posts what ends the session.
    fn misbehave(&self, address: Ipv6Addr) -> Result<()> {
        let mut connection = self.come_from(address)?;
        let (status, text) = self.greet_over(&mut connection, address)?;
        ensure!(status == 200, "{address} is refused: {status} {text}");
        let post = connection.request("POST", "/p2p/v1/push/headers", OCTETS, &self.gap);
        let post = with(&session_line(&text)?, &post);
        let (status, body) = connection.send(&post)?;
        let text = String::from_utf8_lossy(body);
        ensure!(status == 200, "{address} is not heard: {status} {text}");
        Ok(())
    }

    /// Fails unless the node has no room for whoever comes from an address.
    fn must_be_refused(&self, address: Ipv6Addr) -> Result<()> {
        let (status, text) = self.greet(address)?;
        let is_refused = status == 503 && text.contains("overloaded") && text.contains("no room");
        ensure!(is_refused, "{address} is not refused: {status} {text}");
        Ok(())
    }

    /// Fails unless the session of a greeting holds, for another address as well.
    fn must_be_seated(&self, address: Ipv6Addr, greeted: &str) -> Result<()> {
        let mut connection = self.come_from(address)?;
        let news = b"{\"transactions\":[]}";
        let post = connection.request("POST", "/p2p/v1/announce", JSON, news);
        let (status, _) = connection.send(&with(&session_line(greeted)?, &post))?;
        ensure!(status == 200, "an honest peer lost its place: {status}");
        let (status, _) = connection.get("/v1/chain")?;
        ensure!(status == 200, "an honest reader was answered {status}");
        Ok(())
    }
}

/// Returns the header that names the session of a greeting's answer.
fn session_line(greeted: &str) -> Result<String> {
    let answer: Value = serde_json::from_str(greeted)?;
    let session = answer["session"].as_str().context("a session")?;
    Ok(format!("x-synod-session: {session}"))
}
