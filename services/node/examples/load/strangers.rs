//! What strangers among the peers do: headers of little work, greetings, addresses, another
//! protocol.

use anyhow::Result;
use serde_json::json;
use synod_gossip::wire::{write_frame, write_header};
use synod_primitives::{BlockHash, CompactTarget, Header, MerkleRoot};

use super::{Attack, JSON, Means, OCTETS, greeting, shake_hands, with};
use crate::client::Connection;
use crate::process::Node;

/// Headers of a branch that is not worth storing beside the chain of the measurement.
const LOW_WORK: usize = 50;
/// Different branches, greetings and addresses.
const DIFFERENT: usize = 200;
/// The regtest limit.
const EASY: CompactTarget = CompactTarget(0x207f_ffff);

/// The rows.
pub(super) fn attacks(node: &Node, means: &Means<'_>) -> Result<Vec<Attack>> {
    let connection = Connection::open(node.address)?;
    let post = |path: &str, kind: &str, body: &[u8]| connection.request("POST", path, kind, body);
    // Each row has a session of its own: one that is blamed ends with its row.
    let seated = |path: &str, kind: &str, bodies: Vec<Vec<u8>>| -> Result<Vec<Vec<u8>>> {
        let line = format!("x-synod-session: {}", shake_hands(node)?);
        let bodies = bodies.iter();
        Ok(bodies
            .map(|body| with(&line, &post(path, kind, body)))
            .collect())
    };
    let greet = |change: &dyn Fn(usize) -> (&'static str, String)| -> Result<Vec<Vec<u8>>> {
        let plain = greeting(node)?;
        Ok((0..DIFFERENT)
            .map(|index| {
                let (name, value) = change(index);
                let mut greeting = plain.clone();
                greeting[name] = value.into();
                post("/p2p/v1/handshake", JSON, greeting.to_string().as_bytes())
            })
            .collect())
    };
    let branches = (0..DIFFERENT).map(low_work).collect();
    let mut gap = low_work(0);
    gap.drain(80..80 + 84);
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
            seated("/p2p/v1/push/headers", OCTETS, branches)?,
        ),
        Attack::new(
            "P02 headers with a gap, then no session",
            seated("/p2p/v1/push/headers", OCTETS, vec![gap])?,
        ),
        Attack::new(
            "P04 blocks that nobody asked for",
            seated("/p2p/v1/push/blocks", OCTETS, vec![unasked])?,
        ),
        Attack::new(
            "P17 addresses that lead inside",
            seated("/p2p/v1/addresses", JSON, inside)?,
        ),
        Attack::new(
            "P22 greetings of ever new peers",
            greet(&|index| ("node_id", format!("{index:032x}")))?,
        ),
        Attack::new(
            "P24 greetings of another chain",
            greet(&|index| ("chain_id", format!("{index:064x}")))?,
        ),
        Attack::new("P27 HTTP/2 with settings and resets", vec![h2]),
    ])
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
