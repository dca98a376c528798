//! What strangers among the peers do: headers of little work, greetings, addresses, another
//! protocol.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use synod_api::p2p::MAX_MARKS;
use synod_api::p2p::PROTOCOL_VERSION;
use synod_gossip::CompactBlock;
use synod_gossip::wire::{write_frame, write_header};
use synod_primitives::{Block, BlockHash, CompactTarget, Header, MerkleRoot};

use crate::attack::Means;
use crate::client::{Connection, JSON, OCTETS, with};
use crate::measure::{ATTACKERS, Attack};
use crate::process::Node;

/// Headers of a branch that is not worth storing beside the chain of the measurement.
const LOW_WORK: usize = 50;
/// Different branches, greetings and addresses.
const DIFFERENT: usize = 200;
/// Where a peer says that it listens that is another one.
const OTHER: &str = "http://127.0.0.1:19339";
/// The regtest limit.
const EASY: CompactTarget = CompactTarget(0x207f_ffff);

/// The rows.
pub(crate) fn attacks(node: &Node, means: &Means<'_>) -> Result<Vec<Attack>> {
    let connection = Connection::open(node.address)?;
    let post = |path: &str, kind: &str, body: &[u8]| connection.request("POST", path, kind, body);
    let posts = |path: &str, kind: &str, bodies: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        bodies.iter().map(|body| post(path, kind, body)).collect()
    };
    let greet = |change: &dyn Fn(usize) -> Value| -> Result<Vec<Vec<u8>>> {
        let plain = greeting(node)?;
        Ok((0..DIFFERENT)
            .map(|index| {
                let mut greeting = plain.clone();
                for (name, value) in change(index).as_object().into_iter().flatten() {
                    greeting[name] = value.clone();
                }
                post("/p2p/v1/handshake", JSON, greeting.to_string().as_bytes())
            })
            .collect())
    };
    let own_number = meet(node)?["node_id"].clone();
    let other_marks = |index: usize| -> Vec<String> {
        let marks = (0..MAX_MARKS).map(|at| format!("{:064x}", index * MAX_MARKS + at));
        marks.collect()
    };
    let forged = (0..DIFFERENT)
        .map(|index| {
            let line = format!("x-synod-session: {index:032x}");
            with(
                &line,
                &post("/p2p/v1/announce", JSON, b"{\"transactions\":[]}"),
            )
        })
        .collect();
    let branches = (0..DIFFERENT).map(low_work).collect();
    let mut unasked = Vec::new();
    write_frame(&mut unasked, means.full_block);
    let inside = (0..DIFFERENT)
        .map(|index| {
            let urls: Vec<String> = (0..10)
                .map(|at| format!("http://10.{}.{at}.1:22", index % 256))
                .collect();
            json!({ "urls": urls }).to_string().into_bytes()
        })
        .collect();
    let h2 = {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let reset = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        [preface, settings.repeat(100), reset.repeat(100)].concat()
    };
    Ok(vec![
        Attack::new(
            "P01 branches of 50 headers of little work",
            posts("/p2p/v1/push/headers", OCTETS, branches),
        )
        .seated(1)
        .answered(200, ""),
        Attack::new(
            "P02 headers with a gap, then no session",
            posts("/p2p/v1/push/headers", OCTETS, vec![headers_with_a_gap()]),
        )
        .seated(1)
        .answered(200, ""),
        Attack::new(
            "P04 blocks that nobody asked for",
            posts("/p2p/v1/push/blocks", OCTETS, vec![unasked]),
        )
        .seated(1)
        .answered(200, "send"),
        Attack::new(
            "P17 addresses that lead inside",
            posts("/p2p/v1/addresses", JSON, inside),
        )
        .seated(1)
        .answered(200, "urls"),
        Attack::new(
            "P19 greetings with the node's own number",
            greet(&|_| json!({ "node_id": own_number }))?,
        )
        .answered(409, "self-connection"),
        Attack::new(
            "P20 greetings with clocks of any time",
            greet(&|index| json!({ "time": u64::MAX >> (index % 64) }))?,
        )
        .answered(200, "session"),
        Attack::new(
            "P21 greetings in another's name",
            greet(&|index| json!({ "listen_url": OTHER, "marks": other_marks(index) }))?,
        )
        .answered(200, "session"),
        Attack::new(
            "P21 compact blocks, wrongly filled",
            wrongly_filled(&connection, means)?,
        )
        .seated(ATTACKERS)
        .answered(200, "missing"),
        Attack::new(
            "P22 greetings of ever new peers",
            greet(&|index| json!({ "node_id": format!("{index:032x}") }))?,
        ),
        Attack::new("P23 sessions that are forged", forged).answered(401, "unknown-session"),
        Attack::new(
            "P24 greetings of another chain",
            greet(&|index| json!({ "chain_id": format!("{index:064x}") }))?,
        ),
        Attack::new("P27 HTTP/2 with settings and resets", vec![h2]),
    ])
}

/// What a peer says when it greets the node.
pub(crate) fn greeting(node: &Node) -> Result<Value> {
    let mut connection = Connection::open(node.address)?;
    let (_, body) = connection.get("/v1/chain")?;
    let chain: Value = serde_json::from_slice(&body)?;
    Ok(json!({
        "protocol_version": PROTOCOL_VERSION,
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

/// Greets the node as a peer; returns its answer.
fn meet(node: &Node) -> Result<Value> {
    let mut connection = Connection::open(node.address)?;
    let body = greeting(node)?.to_string();
    let request = connection.request("POST", "/p2p/v1/handshake", JSON, body.as_bytes());
    let (status, body) = connection.send(&request)?;
    let text = String::from_utf8_lossy(body);
    ensure!(status == 200, "{status} {text}");
    Ok(serde_json::from_str(&text)?)
}

/// Greets the node as a peer; returns the session.
pub(crate) fn shake_hands(node: &Node) -> Result<String> {
    let answer = meet(node)?;
    let session = answer["session"].as_str().map(str::to_owned);
    session.context("a session")
}

/// A new block as its short ids, and what it lacks in another order.
fn wrongly_filled(connection: &Connection, means: &Means<'_>) -> Result<Vec<Vec<u8>>> {
    let block = Block::decode(means.new_blocks.first().context("a new block")?)?;
    let compact = CompactBlock::of(&block, Bytes::new(), 7, 0).encode();
    let mut frames = Vec::new();
    for transaction in block.transactions()[1..].iter().rev() {
        write_frame(&mut frames, transaction.raw());
    }
    let fill = format!("/p2p/v1/compact/{}/fill", block.hash());
    let post = |path: &str, body: &[u8]| connection.request("POST", path, OCTETS, body);
    Ok(vec![
        post("/p2p/v1/compact", &compact),
        post(&fill, &frames),
    ])
}

/// Headers of which the second does not follow the first.
pub(crate) fn headers_with_a_gap() -> Vec<u8> {
    let mut page = low_work(0);
    page.drain(80..80 + 84);
    page
}

/// A branch of headers on the genesis block, with proof of work at the limit.
fn low_work(branch: usize) -> Vec<u8> {
    let mut last: BlockHash = synod_chainspec::genesis_block().hash();
    let mut page = Vec::new();
    let root = [u8::try_from(branch % 251).unwrap_or(0); 32];
    for at in 0..LOW_WORK {
        let mut header = Header {
            version: 4,
            previous_block_hash: last,
            merkle_root: MerkleRoot::from_bytes(root),
            time: 1_600_000_000 + u32::try_from(at).unwrap_or(0),
            bits: EASY,
            nonce: 0,
        };
        let is_met = |header: &Header| {
            let target = EASY.to_target();
            target.is_ok_and(|target| target.is_met_by(header.block_hash()))
        };
        while !is_met(&header) {
            header.nonce += 1;
        }
        last = header.block_hash();
        write_header(&mut page, &header, &[]);
    }
    page
}
