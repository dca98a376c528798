//! Rows of the attack catalogue's part (c) in which the node is the one that asks: it is led to
//! peers that answer what no honest peer answers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use synod_primitives::Transaction;

use crate::attack::Means;
use crate::client::{Connection, JSON, OCTETS, round, with};
use crate::hosts::{Answer, Conduct, Hosts, Request, plain};
use crate::led;
use crate::measure::{Reader, is_wanted};
use crate::process::{Node, PORT};

/// As many as a node chooses by itself.
pub(crate) const LED_TO: usize = 8;
/// How soon the node is led to a host anew where it would leave it alone for longer and longer.
const ANEW: Duration = Duration::from_millis(5);
/// How long it may take until all hosts are spoken to.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long hosts are left alone with the node before it is looked at what it took in of them.
const SETTLE: Duration = Duration::from_secs(2);

/// What the hosts of a row do.
pub(crate) struct Hostile {
    what: &'static str,
    /// The route whose requests are counted: where the harm is done.
    route: &'static str,
    conduct: Box<Conduct<'static>>,
    /// Whether the node is led to the hosts again and again.
    is_anew: bool,
    /// How often the hosts have to be asked before the waits count.
    at_first: usize,
    /// Counts instead of the hosts where the harm is done elsewhere.
    elsewhere: Option<Arc<AtomicUsize>>,
    /// Where the node must never come.
    trap: Option<Arc<AtomicUsize>>,
    /// More arguments for the node.
    arguments: Vec<String>,
    /// So many hosts, from the first on, are never heard, and there is no peer but the hosts.
    unheard: usize,
    /// What is in the mempool.
    mempool: Vec<Transaction>,
}

impl Hostile {
    /// Hosts to which the node is led again and again, and that answer `route` in their own way.
    pub(crate) fn new(
        what: &'static str,
        route: &'static str,
        conduct: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let conduct = move |request: &Request| match request.route == route {
            true => conduct(request),
            false => plain(request),
        };
        Self::on_all_routes(what, route, conduct)
    }

    /// Hosts that answer every route in their own way.
    pub(crate) fn on_all_routes(
        what: &'static str,
        route: &'static str,
        conduct: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self {
            what,
            route,
            conduct: Box::new(conduct),
            is_anew: true,
            at_first: LED_TO,
            elsewhere: None,
            trap: None,
            arguments: Vec::new(),
            unheard: 0,
            mempool: Vec::new(),
        }
    }

    /// Leaves it to the node when it comes back; the waits count when the hosts were asked so often.
    pub(crate) fn once(self, at_first: usize) -> Self {
        Self {
            is_anew: false,
            at_first,
            ..self
        }
    }

    /// Counts by this instead of the route.
    pub(crate) fn counted_by(self, count: &Arc<AtomicUsize>) -> Self {
        let elsewhere = Some(Arc::clone(count));
        Self { elsewhere, ..self }
    }

    /// Starts the node with more arguments.
    pub(crate) fn with_arguments(self, arguments: Vec<String>) -> Self {
        Self { arguments, ..self }
    }

    /// Fails when the node takes in a greeting of one of the first hosts, or another peer than
    /// the hosts.
    pub(crate) fn unheard(self, unheard: usize) -> Self {
        Self { unheard, ..self }
    }

    /// Fails when these hosts are asked.
    pub(crate) fn never_at(self, hosts: &Hosts) -> Self {
        let trap = Some(Arc::clone(&hosts.asked));
        Self { trap, ..self }
    }

    pub(crate) fn beside_mempool(self, mempool: Vec<Transaction>) -> Self {
        Self { mempool, ..self }
    }
}

/// Who names peers to the node, as its operator does.
struct Operator {
    connection: Connection,
    token: String,
}

impl Operator {
    fn of(node: &Node, data: &Path) -> Result<Self> {
        let token = std::fs::read_to_string(data.join("token"))?;
        Ok(Self {
            connection: Connection::open(node.address)?,
            token: token.trim().to_owned(),
        })
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let request = self.connection.request(method, path, JSON, body);
        let line = format!("authorization: Bearer {}", self.token);
        let (status, body) = self.connection.send(&with(&line, &request))?;
        Ok((status, body.to_vec()))
    }

    /// Leads the node to a host; returns the peer's number.
    fn lead_to(&mut self, url: &str) -> Result<u64> {
        let body = json!({ "url": url }).to_string();
        let (status, body) = self.ask("POST", "/v1/peers", body.as_bytes())?;
        ensure!(
            status == 201,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        let peer: Value = serde_json::from_slice(&body)?;
        peer["id"].as_u64().context("a peer's number")
    }

    fn lead_away(&mut self, peer: u64) -> Result<()> {
        let (status, _) = self.ask("DELETE", &format!("/v1/peers/{peer}"), &[])?;
        ensure!(matches!(status, 204 | 404), "{status}");
        Ok(())
    }
}

/// Runs the rows, each on a node that was just started.
pub(crate) fn run(program: &Path, data: &Path, means: &Means<'_>, rows: &[String]) -> Result<()> {
    for hostile in led::rows(data, means)? {
        if is_wanted(rows, hostile.what) {
            row(program, data, means, hostile)?;
        }
    }
    Ok(())
}

fn row(program: &Path, data: &Path, means: &Means<'_>, hostile: Hostile) -> Result<()> {
    // Addresses of the row before are none of this one's.
    let book = data.join("peers.json");
    if book.exists() {
        std::fs::remove_file(book)?;
    }
    let arguments: Vec<&str> = hostile.arguments.iter().map(String::as_str).collect();
    let node = Node::start_with(program, data, PORT, &arguments)?;
    let reader = Reader::new(&node, means.full_block, &[])?;
    let tip = tip_of(&node)?;
    let connection = Connection::open(node.address)?;
    let post = |it: &Transaction| connection.request("POST", "/v1/transactions", OCTETS, it.raw());
    let payments: Vec<Vec<u8>> = hostile.mempool.iter().map(post).collect();
    round(&node, LED_TO, |at| payments.get(at).map(Vec::as_slice))?;

    let what = hostile.what;
    let hosts = Hosts::start(LED_TO, hostile.route, hostile.conduct)?;
    let asked = hostile
        .elsewhere
        .unwrap_or_else(|| Arc::clone(&hosts.asked));
    let mut operator = Operator::of(&node, data)?;
    let mut peers = Vec::new();
    for url in &hosts.urls {
        peers.push(operator.lead_to(url)?);
    }
    let start = Instant::now();
    while asked.load(Ordering::Relaxed) < hostile.at_first {
        ensure!(start.elapsed() < PATIENCE, "{what}: the node does not come");
        std::thread::sleep(ANEW);
    }
    let operator = Mutex::new((operator, peers));
    let lead = |_: usize, stop: &AtomicBool| -> Result<()> {
        let mut held = operator.lock().expect("one thread");
        let (operator, peers) = &mut *held;
        for at in (0..LED_TO).cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            if hostile.is_anew {
                operator.lead_away(peers[at])?;
                peers[at] = operator.lead_to(&hosts.urls[at])?;
            }
            std::thread::sleep(ANEW);
        }
        Ok(())
    };
    reader.beside(&node, what, 1, &lead, &asked)?;
    if hostile.unheard > 0 {
        std::thread::sleep(SETTLE);
    }
    ensure!(tip_of(&node)? == tip, "{what}: the tip moved");
    let visits = hostile.trap.map_or(0, |it| it.load(Ordering::Relaxed));
    ensure!(visits == 0, "{what}: the node came where it must not");
    if hostile.unheard > 0 {
        let (mut operator, _) = operator.into_inner().expect("one thread");
        check_peers(&mut operator, &hosts.urls, hostile.unheard).context(what)?;
    }
    node.stop()
}

/// Fails when the node has other peers than the hosts, has taken in a greeting of one of the
/// first, or has another reason not to than its signature.
fn check_peers(operator: &mut Operator, urls: &[String], unheard: usize) -> Result<()> {
    let (_, body) = operator.ask("GET", "/v1/peers", &[])?;
    let answer: Value = serde_json::from_slice(&body)?;
    let peers = answer["peers"].as_array().context("a list of peers")?;
    ensure!(peers.len() == urls.len(), "{} peers", peers.len());
    for peer in peers {
        let place = urls.iter().position(|it| peer["url"] == it.as_str());
        let place = place.with_context(|| format!("a peer out of nowhere: {peer}"))?;
        if place >= unheard {
            continue;
        }
        let is_heard = peer["is_connected"] == true || !peer["agent"].is_null();
        ensure!(!is_heard, "an altered greeting was taken in: {peer}");
        let why = peer["last_error"].as_str().unwrap_or("none");
        ensure!(why.contains("signed"), "refused for another reason: {why}");
    }
    Ok(())
}

fn tip_of(node: &Node) -> Result<Value> {
    let (_, body) = Connection::open(node.address)?.get("/v1/chain")?;
    let chain: Value = serde_json::from_slice(&body)?;
    Ok(chain["best_block_hash"].clone())
}
