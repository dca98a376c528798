//! Rows of the attack catalogue's part (c) against a node, beside an honest reader whose waits
//! are what counts.

use std::io::Write;
use std::net::TcpStream;

use anyhow::Result;
use bytes::Bytes;
use serde_json::json;
use synod_primitives::{Block, Transaction};

use crate::client::{Connection, JSON, OCTETS, with};
use crate::measure::{Attack, ROW, Reader};
use crate::process::Node;
use crate::strangers;

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

/// Runs the rows whose attackers come to the node.
pub(crate) fn run(node: &Node, means: &Means<'_>, rows: &[String]) -> Result<()> {
    let reader = Reader::new(node, means.full_block, rows)?;
    let nobody = Attack {
        attackers: 0,
        ..Attack::new("nobody attacks", Vec::new())
    };
    reader.row(node, &nobody)?;
    for attack in attacks(node, means)?
        .into_iter()
        .chain(strangers::attacks(node, means)?)
    {
        reader.row(node, &attack)?;
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
        if !reader.wants(what) {
            continue;
        }
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
        reader.row(node, &silent)?;
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
    reader.row(node, &connecting)
}

fn attacks(node: &Node, means: &Means<'_>) -> Result<Vec<Attack>> {
    let connection = Connection::open(node.address)?;
    let get = |path: &str| connection.request("GET", path, "", &[]);
    let post = |path: &str, kind: &str, body: &[u8]| connection.request("POST", path, kind, body);
    let block = Block::decode(means.full_block)?;
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
        post("/p2p/v1/announce", JSON, body.as_bytes())
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
        )
        .seated(1)
        .answered(200, "send"),
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
            vec![post("/p2p/v1/push/blocks", OCTETS, &vec![0xa5; 4_000_000])],
        )
        .seated(1)
        .answered(400, ""),
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
